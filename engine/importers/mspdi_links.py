"""The links of a Microsoft Project file; a link of a summary task becomes links of the tasks below it."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.fields import Fields
from chainbell.engine.importers.imported import Reasons, Warnings
from chainbell.engine.importers.mspdi_calendar import Calendars
from chainbell.engine.importers.mspdi_formats import ELAPSED_FORMATS, LINK_TYPES, PERCENT_FORMATS
from chainbell.engine.importers.project_time import ProjectTime

MOST_LAG_MINUTES = 1e8
"""Minutes (some two centuries) up to which a lag is counted between dates; a longer one is taken as working time."""


class Links:
    """Reads the links between the tasks of a file: `tasks` are all of them by UID, `kept` those that the plan has."""

    def __init__(
        self,
        tasks: Mapping[int, Fields],
        kept: Mapping[int, Fields],
        calendars: Calendars,
        time: ProjectTime,
        warnings: Warnings,
        reasons: Reasons,
    ) -> None:
        self._tasks, self._kept, self._calendars, self._time = tasks, kept, calendars, time
        self._warnings, self._reasons = warnings, reasons
        self._children = _leaves(tasks, kept)

    def documents(self) -> list[dict[str, Any]]:
        """The links of the plan document, lags in working days; what is dropped is dropped with a warning.

        Raises InvalidInputError for a link type that Microsoft Project does not have.
        """
        return [link for uid, fields in self._tasks.items() for link in self._of(uid, fields)]

    def _of(self, uid: int, fields: Fields) -> Iterator[dict[str, Any]]:
        for link in fields.children("PredecessorLink"):
            before = link.whole("PredecessorUID", -1)
            number = link.whole("Type", 1)
            if not 0 <= number < len(LINK_TYPES):
                raise InvalidInputError(f"{fields.place}: PredecessorLink: Type", f"{number} is none of 0 to 3")
            kind = LINK_TYPES[number]
            starts = [before] if before in self._kept else self._children.get(before, [])
            ends = [uid] if uid in self._kept else self._children.get(uid, [])
            text = None
            if link.flag("CrossProject") or not starts or not ends:
                text = "link to what was dropped, dropped with it"
            # A summary finishes with its last sub-task and starts before all: its other ends cannot be said with links.
            elif (before not in self._kept and kind[0] == "S") or (uid not in self._kept and kind[1] == "F"):
                text = "link to a summary task's start or from its finish dropped"
            if text is not None:
                self._warnings.add(text, f"{before} -> {uid}")
                for end in ends:
                    self._reasons.add(end, "a link to it was dropped")
                continue
            for one in starts:
                for other in ends:
                    lag = self._lag(link, self._kept[one], self._kept[other], kind, f"{before} -> {uid}")
                    yield {"from": one, "to": other, "type": kind, "lag": lag}

    def _lag(self, link: Fields, before: Fields, after: Fields, kind: str, name: str) -> float:
        """Working days of a lag, given in tenths of a minute or in percent of the predecessor's duration.

        Unless it is elapsed, it counts on the successor's calendar, from the predecessor's date in the file.
        """
        lag, unit, week = link.number("LinkLag", 0.0), link.whole("LagFormat", 7), self._time.week
        minutes = lag / 100 * (before.minutes("Duration") or 0.0) if unit in PERCENT_FORMATS else lag / 10
        if not minutes or abs(minutes) > MOST_LAG_MINUTES:
            return minutes / week.minutes
        at = before.moment("Finish" if kind[0] == "F" else "Start")
        if unit in ELAPSED_FORMATS and unit not in PERCENT_FORMATS:
            if at is None:
                self._warnings.add("elapsed lag taken in proportion as working time", name)
                return minutes / 1440 * week.share
            self._warnings.add("elapsed lag counted as the working time that it covers at the dates it has now", name)
            return self._time.days_between(at, at + timedelta(minutes=minutes))
        time = self._calendars.of(after.whole("CalendarUID", -1))
        if at is None or time == week.time:
            return minutes / week.minutes
        counted = self._time.days_between(at, time.shifted(at, minutes))
        if not self._time.is_same(counted, minutes / week.minutes):
            self._warnings.add(
                "lags on another calendar counted on the project's, at the dates that they have now", name
            )
        return counted


def _leaves(tasks: Mapping[int, Fields], kept: Mapping[int, Fields]) -> dict[int, list[int]]:
    """By the UID of each summary task, the kept tasks below it in the outline, at any level."""
    below: dict[int, list[int]] = {}
    above: list[tuple[int, int]] = []
    for uid, fields in tasks.items():
        level = fields.whole("OutlineLevel", 0)
        while above and above[-1][0] >= level:
            above.pop()
        if uid in kept:
            for _, summary in above:
                below.setdefault(summary, []).append(uid)
        above.append((level, uid))
    return below
