"""A forward pass over tasks that work on different calendars, for files that give no dates."""

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from chainbell.engine.importers.working_time import WorkingTime

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Activity:
    """A task with `minutes` of work left on its own calendar, `time`; an actual start or finish is fixed."""

    minutes: float
    time: WorkingTime
    not_before: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None


class Precedence(NamedTuple):
    """A link of a `kind` (`FS`, `SS`, `FF`, `SF`), its lag in minutes of work on the calendar `time`."""

    before: Hashable
    after: Hashable
    kind: str
    lag: float
    time: WorkingTime


class Dates(NamedTuple):
    """Start and finish as wall-clock instants."""

    start: datetime
    finish: datetime


def earliest_dates(
    activities: Mapping[Key, Activity], links: Sequence[Precedence], begin: datetime
) -> dict[Key, Dates]:
    """Earliest start and finish of each activity; work left does not begin before `begin`.

    Links are between keys of `activities`. Activities on a cycle of links, or after one, are left out.
    """
    before: dict[Hashable, list[Precedence]] = {}
    after: dict[Hashable, list[Hashable]] = {}
    for link in links:
        before.setdefault(link.after, []).append(link)
        after.setdefault(link.before, []).append(link.after)
    waiting = {key: len(before.get(key, ())) for key in activities}
    ready = deque(key for key, count in waiting.items() if not count)
    dates: dict[Hashable, Dates] = {}
    found: dict[Key, Dates] = {}
    while ready:
        key = ready.popleft()
        found[key] = dates[key] = _dates(activities[key], before.get(key, ()), dates, begin)
        for other in after.get(key, ()):
            waiting[other] -= 1  # type: ignore[index]
            if not waiting[other]:  # type: ignore[index]
                ready.append(other)  # type: ignore[arg-type]
    return found


def _dates(activity: Activity, links: Sequence[Precedence], dates: Mapping[Hashable, Dates], begin: datetime) -> Dates:
    if activity.finished is not None:
        return Dates(activity.started or activity.finished, activity.finished)
    at = begin if activity.not_before is None else max(begin, activity.not_before)
    if activity.started is not None:
        return Dates(activity.started, activity.time.after(max(at, activity.started), activity.minutes))
    for link in links:
        bound = link.time.shifted(dates[link.before][link.kind[0] == "F"], link.lag)
        at = max(at, bound if link.kind[1] == "S" else activity.time.back(bound, activity.minutes))
    start = activity.time.opening(at) if activity.minutes else at
    return Dates(start, activity.time.after(start, activity.minutes) if activity.minutes else start)
