"""Progress in a task table: percentages, and the dates of tasks begun or done, which are taken as actual dates."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from chainbell.engine.importers.imported import FileDates, Warnings, day
from chainbell.rules import Calendar

MOST_DAYS = 100_000
"""Working days from the project's start up to which progress is believed; later, no status date is derived from it."""


def add_progress(task: dict[str, Any], percent: float, dates: FileDates) -> None:
    """Adds `percent` (0..100) complete, if any; the start is then an actual one, and at 100 the finish is too."""
    if percent <= 0:
        return
    task["percentComplete"] = percent
    if dates.start is not None:
        task["actualStart"] = day(dates.start)
    if percent >= 100 and dates.finish is not None:
        task["actualFinish"] = day(dates.finish)


def status_date(tasks: Iterable[tuple[dict[str, Any], FileDates]], start: date, warnings: Warnings) -> str | None:
    """The latest instant (ISO 8601 in UTC) that work under way has reached, with a warning; None where there is none.

    Such tables give no status date. Work has reached its start plus the percent complete of its duration.
    """
    calendar = Calendar(start)
    reached = [
        calendar.start_of(dates.start) + task["duration"] * task["percentComplete"] / 100
        for task, dates in tasks
        if 0 < task.get("percentComplete", 0) < 100 and dates.start is not None
    ]
    if not reached or max(reached) > MOST_DAYS:
        return None
    at = calendar.instant(max(reached))
    warnings.add(f"the file gives no status date: {at:%Y-%m-%d %H:%M} is taken, up to which its progress reaches")
    return at.replace(tzinfo=None).isoformat() + "Z"
