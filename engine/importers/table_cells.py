"""The cells of task tables: durations such as `5 days`, predecessors such as `2FS+1d`."""

import re
from collections.abc import Collection
from typing import NamedTuple

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.column_map import MINUTES
from chainbell.engine.importers.imported import number

DAY = MINUTES["days"]
LONGEST_ENTRY = 200
"""Characters up to which one predecessor is searched for a type and a lag; a longer one is an id as a whole."""
_UNITS = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 1.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 60.0),
    **dict.fromkeys(("", "d", "day", "days", "dy", "dys"), DAY),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), 5 * DAY),
    **dict.fromkeys(("mo", "mon", "mons", "month", "months"), 20 * DAY),
}
"""Minutes of work in one unit; a day has 8 hours, a week 5 days, a month 20, Microsoft Project's defaults."""
_ELAPSED = {"emin": 1, "emins": 1, "eh": 60, "ehr": 60, "ehrs": 60, "ed": 1440, "eday": 1440, "edays": 1440}
_ELAPSED |= {"ew": 10080, "ewk": 10080, "ewks": 10080, "eweek": 10080, "eweeks": 10080}
"""Minutes on the clock in one elapsed unit."""
_AMOUNT = re.compile(r"(?P<amount>[+-]?\s?\d{1,12}(?:[.,]\d{1,9})?)\s*(?P<unit>%|[A-Za-z]*)\.?\??")
_TYPED = re.compile(r"(?P<id>.+?)\s*[-:]?\s*(?P<type>FS|SS|FF|SF)\s*(?P<lag>[+-]\s*\d.*)?", re.IGNORECASE)
_GANTTPROJECT = re.compile(r"(?P<id>.+?)-(?P<type>FS|SS|FF|SF)(?:=P(?P<lag>-?\d{1,6})D)?")


class Before(NamedTuple):
    """A predecessor; `lag` is in working days, `share` a lag as a share (1.0 is all) of the predecessor's duration."""

    id: str
    type: str = "FS"
    lag: float = 0.0
    share: float = 0.0


def working_days(text: str, place: str, unit: str | None = None) -> float:
    """Working days (of eight hours) in a duration cell; a bare number is in `unit`, days by default.

    Raises InvalidInputError for what is not a duration, is negative, or is in an unknown unit.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None or match["unit"] == "%":
        raise InvalidInputError(place, f"{text[:40]!r} is not a duration")
    amount = number(match["amount"].replace(" ", "").replace(",", "."), place)
    if amount < 0:
        raise InvalidInputError(place, f"{text[:40]!r} is less than nothing")
    return amount * _minutes(match["unit"], text, place, unit) / DAY


def predecessors(text: str, place: str, known: Collection[str]) -> list[Before]:
    """The predecessors that a cell lists, separated by `;` or, without one, by `,`; `known` are the table's ids.

    Raises InvalidInputError for a lag that cannot be read. Text that is no known form is an id as a whole.
    """
    if text in known:
        return [Before(text)]
    parts = text.split(";") if ";" in text else text.split(",")
    return [_before(part.strip(), place, known) for part in parts if part.strip()]


def names(text: str, known: Collection[str]) -> list[str]:
    """The names that a cell lists, separated by commas; a `known` name may contain commas itself (the longest wins)."""
    parts = [part.strip() for part in text.split(",")]
    found: list[str] = []
    at = 0
    while at < len(parts):
        end = next((e for e in range(min(len(parts), at + 20), at, -1) if ", ".join(parts[at:e]) in known), at + 1)
        found.append(", ".join(parts[at:end]))
        at = end
    return [name for name in found if name]


def _before(text: str, place: str, known: Collection[str]) -> Before:
    if text in known or len(text) > LONGEST_ENTRY:
        return Before(text)
    match = _GANTTPROJECT.fullmatch(text)
    if match is not None:
        return Before(match["id"].strip(), match["type"], float(match["lag"] or 0))
    match = _TYPED.fullmatch(text)
    if match is None:
        return Before(text)
    if match["lag"] is None:
        return Before(match["id"], match["type"].upper())
    lag = _AMOUNT.fullmatch(match["lag"].strip())
    if lag is None:
        raise InvalidInputError(place, f"{text[:40]!r} is no predecessor: {match['lag'][:20]!r} is no lag")
    amount = number(lag["amount"].replace(" ", "").replace(",", "."), place)
    if lag["unit"] == "%":
        return Before(match["id"], match["type"].upper(), share=amount / 100)
    return Before(match["id"], match["type"].upper(), amount * _minutes(lag["unit"], text, place) / DAY)


def _minutes(unit: str, text: str, place: str, default: str | None = None) -> float:
    """Minutes of work in one unit; elapsed time counts in proportion, five days of eight hours for a week."""
    if not unit and default is not None:
        return MINUTES[default]
    unit = unit.lower()
    if unit in _UNITS:
        return _UNITS[unit]
    if unit in _ELAPSED:
        return _ELAPSED[unit] / 1440 * 5 / 7 * DAY
    raise InvalidInputError(place, f"{text[:40]!r} is in no known unit of time")
