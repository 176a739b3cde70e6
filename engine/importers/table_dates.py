"""The dates of task tables, read in the one order of day, month and year that fits all cells."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from chainbell.engine.documents.fields import EARLIEST_YEAR, LATEST_YEAR

_ORDERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("year-month-day", ("%Y-%m-%d", "%Y/%m/%d")),
    ("month/day/year", ("%m/%d/%y", "%m/%d/%Y")),
    ("day/month/year", ("%d/%m/%y", "%d/%m/%Y", "%d.%m.%y", "%d.%m.%Y", "%d-%m-%Y")),
    ("named months", ("%d/%b/%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%y", "%d-%b-%Y")),
)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CELL = re.compile(
    r"(?:(?P<weekday>[A-Za-z]{3})[a-z]*,?\s+(?=\d))?(?P<date>.+?)(?:[T\s]+\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?\s*(?:[AP]M)?)?",
    re.IGNORECASE,
)


def read_dates(cells: Sequence[str]) -> tuple[dict[str, date], str | None]:
    """The dates by cell and, where another order would give other dates, the name of the order that was taken.

    There are no dates where no order fits all cells. A weekday must be the date's own, a year must lie in 1900 to 2200;
    a time of day is dropped, since such tables name no calendar.
    """
    found = [(order, dates) for order, formats in _ORDERS if (dates := _read(cells, formats)) is not None]
    if not found:
        return {}, None
    order, dates = found[0]
    is_ambiguous = any(other != dates for _, other in found[1:])
    return dates, order if is_ambiguous else None


def _read(cells: Sequence[str], formats: Sequence[str]) -> dict[str, date] | None:
    dates: dict[str, date] = {}
    for cell in cells:
        match = _CELL.fullmatch(cell[:60])
        at = None if match is None else _date(match["date"].strip(), formats)
        if match is None or at is None or not EARLIEST_YEAR <= at.year <= LATEST_YEAR:
            return None
        if match["weekday"] and match["weekday"].lower() != _WEEKDAYS[at.weekday()]:
            return None
        dates[cell] = at
    return dates


def _date(text: str, formats: Sequence[str]) -> date | None:
    for one in formats:
        try:
            return datetime.strptime(text, one).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    return None
