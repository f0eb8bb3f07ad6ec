"""Times as a person types them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import click

__all__ = ["moment"]

UNITS: Final[Mapping[str, timedelta]] = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}

_AGO: Final = re.compile(rf"([0-9]{{1,6}}) ?({'|'.join(UNITS)})")


def moment(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A time that was typed: `10min`, `2h`, `1d` ago; `2030-01-31`, `2030-01-31T12:00` here; RFC 3339 with its offset.

    It becomes what records have: RFC 3339 in UTC, with microseconds.
    """
    if value is None:
        return None
    ago = _AGO.fullmatch(value)
    try:
        if ago:
            found = datetime.now(UTC) - int(ago[1]) * UNITS[ago[2]]
        else:
            found = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        what = f"{value!r} is no time: 10min, 2h, 1d, 2030-01-31 or 2030-01-31T12:00:00Z"
        raise click.BadParameter(what, context, param) from error
    return found.isoformat(timespec="microseconds").replace("+00:00", "Z")
