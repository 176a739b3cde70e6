"""What a task table says has been done: percentages, and the dates of what is begun or done as its actual dates."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from chainbell.engine.importers.imported import FileDates, Warnings, day
from chainbell.rules import Calendar

MOST_DAYS = 100_000
"""Working days from the project's start up to which progress is believed."""


def add_progress(task: dict[str, Any], percent: float, dates: FileDates) -> None:
    """Percent complete; with it the start, and of what is done the finish, are no plans any more."""
    if percent <= 0:
        return
    task["percentComplete"] = percent
    if dates.start is not None:
        task["actualStart"] = day(dates.start)
    if percent >= 100 and dates.finish is not None:
        task["actualFinish"] = day(dates.finish)


def status_date(tasks: Iterable[tuple[dict[str, Any], FileDates]], start: date, warnings: Warnings) -> str | None:
    """The instant up to which the work under way has come, since such tables give no status date."""
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
