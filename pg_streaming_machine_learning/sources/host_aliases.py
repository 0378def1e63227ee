"""Other names of hosts: what spans call a host, and what its metrics call it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import translate

from pg_streaming_machine_learning.errors import RefusedRecord, SettingsError
from pg_streaming_machine_learning.sources.host_name import check_host

__all__ = ["HostAliases"]

_MOST_NAMES = 10_000
"""Remembered at most."""


class HostAliases:
    """A table from what spans call a host (an address, a service) to its name in the metrics.

    Parameters
    ----------
    table : mapping of str to str
        Name or pattern to host. In a pattern ``*`` stands for any characters, ``?`` for one, ``[ab]`` for
        one of several; case matters. A name that stands in the table as it is comes first, then the
        patterns in their order.

    Raises
    ------
    SettingsError
        If a host is no name of a host.

    Examples
    --------
    >>> aliases = HostAliases({"10.1.0.*": "shop", "10.1.0.7": "database"})
    >>> aliases.host("10.1.0.3"), aliases.host("10.1.0.7"), aliases.host("10.2.0.1")
    ('shop', 'database', '10.2.0.1')
    """

    def __init__(self, table: Mapping[str, str] | None = None) -> None:
        self._table = {pattern: _checked(pattern, host) for pattern, host in (table or {}).items()}
        self._patterns = [(re.compile(translate(pattern)), host) for pattern, host in self._table.items()]
        self._known: dict[str, str] = {}

    def host(self, name: str) -> str:
        """Return the host of a name, the name itself if no pattern fits."""
        known = self._known.get(name)
        if known is None:
            known = self._look_up(name)
            if len(self._known) >= _MOST_NAMES:
                self._known.clear()
            self._known[name] = known
        return known

    def _look_up(self, name: str) -> str:
        if name in self._table:
            return self._table[name]
        return next((host for pattern, host in self._patterns if pattern.match(name)), name)


def _checked(pattern: str, host: object) -> str:
    try:
        return check_host(host)
    except RefusedRecord as refused:
        raise SettingsError(f"HOST_ALIASES, {pattern!r}: {refused.detail}") from refused
