"""The names under which a writer writes its transactions: it has two, and uses them in turns.

A broker answers a commit as soon as it has decided it, and then marks the records of the transaction. Until
that is done it refuses the writer's next transaction, and librdkafka asks again after 20 ms. Under another
name the next one begins at once. Records keep their order, as the one before was decided when it began.

The first name is fenced first, and the first transaction is written under it. Of two who fence at the same
time so that each has one of the names, the one without the first cannot begin.
"""

from __future__ import annotations

__all__ = ["names_of"]


def names_of(writer: str) -> tuple[str, str]:
    """Return the transactional ids of a writer: who wants to be the only one has to fence both.

    Examples
    --------
    >>> names_of("app-engine-0")
    ('app-engine-0', 'app-engine-0-b')
    """
    return writer, f"{writer}-b"
