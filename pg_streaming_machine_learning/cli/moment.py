"""A point in time on the command line."""

from __future__ import annotations

from datetime import datetime, timezone

import click

__all__ = ["Moment"]

_LAST_MS = 253_402_300_799_999


class Moment(click.ParamType):
    """ISO-8601, UTC unless it says otherwise, or milliseconds since the epoch; comes as milliseconds.

    Examples
    --------
    >>> moment = Moment()
    >>> moment.convert("2023-11-14T22:13:20Z", None, None), moment.convert("1700000000000", None, None)
    (1700000000000, 1700000000000)
    >>> moment.convert("2023-11-15", None, None) - moment.convert("2023-11-14T23:00:00-01:00", None, None)
    0
    """

    name = "T"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return milliseconds since the epoch."""
        if isinstance(value, int):
            return value
        text = value.strip()
        if text.isascii() and text.isdigit() and len(text) > 4:
            time_ms = int(text)
        else:
            time_ms = self._iso(text, param, ctx)
        if not 0 <= time_ms <= _LAST_MS:
            self.fail(f"{value!r} is not between the years 1970 and 9999", param, ctx)
        return time_ms

    def _iso(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        # Python 3.10 does not know the Z.
        try:
            at = datetime.fromisoformat(f"{text[:-1]}+00:00" if text[-1:] in "zZ" else text)
        except ValueError:
            self.fail(
                f"{text!r} is no time, expected ISO-8601 such as 2026-01-31T12:00:00Z (without a zone: UTC), "
                "or milliseconds since the epoch",
                param,
                ctx,
            )
        if at.tzinfo is None:
            at = at.replace(tzinfo=timezone.utc)
        return round(at.timestamp() * 1000)
