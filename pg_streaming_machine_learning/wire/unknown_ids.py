"""Schema ids a registry does not know: waited for a while, then given up, then asked for again."""

from __future__ import annotations

__all__ = ["UnknownIds"]

PATIENCE_S = 30.0
"""A schema may become visible after the first records that use it."""

MEMORY_S = 300.0
"""An id that was given up is not asked for again before that."""

MOST = 10_000
"""Ids remembered at most; random bytes must not fill the memory."""


class UnknownIds:
    """Decides for how long an id that is not there is waited for.

    An id is given up `PATIENCE_S` after the record that used it was written, or after this process began to
    use the registry, whichever is later, but no later than `PATIENCE_S` after it was first asked for. So a
    burst of records with random ids costs that once, not once each.

    Parameters
    ----------
    started_s : float
        When this process began to use the registry, seconds since the epoch.

    Examples
    --------
    >>> ids = UnknownIds(started_s=0)
    >>> ids.given_up(7, record_time_s=100, now_s=101), ids.given_up(7, record_time_s=100, now_s=130)
    (False, True)
    >>> ids.is_refused(7, now_s=429), ids.is_refused(7, now_s=430)
    (True, False)
    """

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._first_asked_s: dict[int, float] = {}
        self._refused_until_s: dict[int, float] = {}

    def is_refused(self, schema_id: int, now_s: float) -> bool:
        """Tell whether the id was given up, and is not to be asked for again yet."""
        until_s = self._refused_until_s.get(schema_id)
        if until_s is None:
            return False
        if now_s >= until_s:
            del self._refused_until_s[schema_id]
            return False
        return True

    def given_up(self, schema_id: int, record_time_s: float | None, now_s: float) -> bool:
        """Note that the registry does not know the id; tell whether to give it up now.

        Parameters
        ----------
        schema_id : int
            The id asked for.
        record_time_s : float or None
            When the record was written, seconds since the epoch. None, or a time that is yet to come, says
            nothing.
        now_s : float
            Seconds since the epoch.
        """
        _make_room(self._first_asked_s)
        first_asked_s = self._first_asked_s.setdefault(schema_id, now_s)
        since_s = self._started_s
        if record_time_s is not None and since_s < record_time_s <= now_s + PATIENCE_S:
            since_s = record_time_s
        if now_s < min(since_s, first_asked_s) + PATIENCE_S:
            return False
        del self._first_asked_s[schema_id]
        _make_room(self._refused_until_s)
        self._refused_until_s[schema_id] = now_s + MEMORY_S
        return True

    def found(self, schema_id: int) -> None:
        """Forget an id that is known by now."""
        self._first_asked_s.pop(schema_id, None)
        self._refused_until_s.pop(schema_id, None)


def _make_room(ids: dict[int, float]) -> None:
    if len(ids) >= MOST:
        del ids[next(iter(ids))]
