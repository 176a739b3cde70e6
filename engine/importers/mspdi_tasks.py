"""The tasks of a Microsoft Project file: durations between their own dates, baselines, progress, constraints."""

from datetime import datetime, timedelta
from typing import Any

from chainbell.engine.importers.constraints import Held, earliest_start
from chainbell.engine.importers.converted_days import Conversions
from chainbell.engine.importers.fields import Fields
from chainbell.engine.importers.imported import FileDates, Reasons, Warnings, in_utc
from chainbell.engine.importers.mspdi_calendar import Calendars
from chainbell.engine.importers.mspdi_formats import CONSTRAINTS, ELAPSED_FORMATS
from chainbell.engine.importers.mspdi_resources import Resources
from chainbell.engine.importers.project_time import SAME_MINUTES, ProjectTime
from chainbell.engine.importers.working_time import WorkingTime


class Tasks:
    """Turns tasks of the file into tasks of the plan document, one by one.

    `begins` is the project's start in the file, before which a task that nothing else holds does not start;
    `status_date` is the instant at which progress was recorded. `conversions` collects what to warn about in the end.
    """

    def __init__(
        self,
        calendars: Calendars,
        resources: Resources,
        time: ProjectTime,
        begins: datetime | None,
        status_date: datetime | None,
        warnings: Warnings,
        reasons: Reasons,
    ) -> None:
        self._calendars, self._resources, self._time = calendars, resources, time
        self._begins, self._status_date = begins, status_date
        self._warnings, self._reasons = warnings, reasons
        self.conversions = Conversions(time, warnings, reasons)

    def document(self, uid: int, fields: Fields, is_linked: bool, holds_start: bool = False) -> dict[str, Any]:
        """One task of the plan document; its duration is the baseline's where there is one, in working days.

        `is_linked` where it has predecessors; `holds_start` keeps one without from starting before its own start.
        """
        name = (fields.text("Name") or f"Task {uid}")[:1000]
        current = self._current_days(uid, fields)
        baseline = next((b for b in fields.children("Baseline") if b.whole("Number", 0) == 0), None)
        planned = None if baseline is None else self._days(uid, baseline, fields)
        task: dict[str, Any] = {"id": uid, "name": name, "duration": current if planned is None else planned}
        if baseline is not None:
            for field, key in (("Start", "plannedStart"), ("Finish", "plannedFinish")):
                at = baseline.moment(field)
                if at is not None:
                    task[key] = in_utc(at)
        is_changed = planned is not None and not self._time.is_same(planned, current)
        self._add_progress(task, uid, fields, current if is_changed else None)
        self._add_release(task, fields, is_linked, current)
        start = fields.moment("Start")
        if holds_start and not is_linked and not is_begun(fields) and start is not None:
            task.setdefault("startNoEarlierThan", in_utc(start))
        self._resources.add_to(task)
        if fields.text("LevelingDelay") not in (None, "0"):
            self._warnings.add("levelling delay dropped, contention is levelled here", name)
            self._reasons.add(uid, "it is levelled in the file")
        if fields.text("Deadline") not in (None, "0"):
            self._warnings.add("deadline dropped: the buffers protect the date", name)
        return task

    def _current_days(self, uid: int, fields: Fields) -> float:
        """Working days of the current duration: as the file gives it once begun, before that between its dates."""
        if is_begun(fields):
            minutes = fields.minutes("Duration") or 0.0
            return self._told(fields, fields, minutes, uid)
        return self._days(uid, fields, fields) or 0.0

    def _days(self, uid: int, dated: Fields, task: Fields) -> float | None:
        """Working days of the project from start to finish of a task or its baseline, or of its duration without dates.

        None where the file gives no duration.
        """
        minutes = dated.minutes("Duration")
        start, finish = dated.moment("Start"), dated.moment("Finish")
        if minutes is None or minutes == 0:
            return minutes
        if start is None or finish is None or finish <= start:
            return self._told(dated, task, minutes, uid)
        cause = self._cause(uid, task, minutes, start, finish)
        if _is_elapsed(dated):
            return max(0.0, self._time.days_between(start, finish))
        counted = self._time.days_between(start, finish)
        if self._time.is_same(counted, minutes / self._time.week.minutes):
            return minutes / self._time.week.minutes
        return self.conversions.days(uid, minutes, start, finish, cause)

    def _told(self, dated: Fields, task: Fields, minutes: float, uid: int) -> float:
        """Working days of a duration as the file gives it, whatever its dates; elapsed time counts in proportion."""
        if _is_elapsed(dated):
            self._warnings.add("elapsed duration taken in proportion as working time", task.text("Name"))
            return minutes / 1440 * self._time.week.share
        if task.whole("CalendarUID", -1) not in (-1, self._time.week.uid) and not dated.text("Finish"):
            self._warnings.add("task calendar dropped, the project's is used: the task has no dates", task.text("Name"))
            self._reasons.add(uid, "it has a calendar of its own")
        return minutes / self._time.week.minutes

    def _cause(self, uid: int, task: Fields, minutes: float, start: datetime, finish: datetime) -> str:
        """The likely cause why the project's working time from start to finish is not the duration."""
        if _is_elapsed(task):
            self._warnings.add("elapsed duration counted as the working time between its dates", task.text("Name"))
        if task.flag("Manual"):
            return "dates set by hand"
        if task.whole("CalendarUID", -1) not in (-1, self._time.week.uid):
            return "a calendar of its own"
        others = [time for one in self._resources.calendars(uid) if (time := self._calendars.of(one)) != self._plain]
        if any(abs(time.between(start, finish) - minutes) <= SAME_MINUTES for time in others):
            return "a resource's calendar"
        if not self._time.week.is_exact and abs(self._plain.between(start, finish) - minutes) <= SAME_MINUTES:
            return "days of different length"
        if others:
            return "a resource's calendar or a split"
        return "a split" if self._plain.between(start, finish) > minutes else "dates closer together than its duration"

    @property
    def _plain(self) -> WorkingTime:
        return self._time.week.time

    def _add_progress(self, task: dict[str, Any], uid: int, fields: Fields, changed: float | None) -> None:
        """Adds percent complete, actual dates and the remaining duration (working days).

        `changed` is the current duration where it differs from the baseline's, else None.
        """
        percent = fields.number("PercentComplete", 0.0)
        started, finished = fields.moment("ActualStart"), fields.moment("ActualFinish")
        if is_begun(fields) and started is None:
            started = fields.moment("Start")
        if is_done(fields) and finished is None:
            finished = fields.moment("Finish")
        if percent:
            task["percentComplete"] = percent
        if started is not None:
            task["actualStart"] = in_utc(started)
        if finished is not None:
            task["actualFinish"] = in_utc(finished)
        if is_done(fields):
            return
        if not is_begun(fields):
            if changed:
                task["remainingDuration"] = changed
            return
        remaining = self._remaining(uid, fields, task["name"], started)
        if remaining:  # nothing left, but not called done: it stays open
            task["remainingDuration"] = remaining

    def _remaining(self, uid: int, fields: Fields, name: str, started: datetime | None) -> float | None:
        """Working days left of work under way, with the wait where it resumes later; None if the file gives none."""
        minutes = fields.minutes("RemainingDuration")
        if not minutes:
            return minutes
        remaining = minutes / 1440 * self._time.week.share if _is_elapsed(fields) else minutes / self._time.week.minutes
        resumes, finish = fields.moment("Resume"), fields.moment("Finish")
        if resumes is None:
            return remaining
        if finish is not None and finish > resumes:
            counted = self._time.days_between(resumes, finish)
            if not self._time.is_same(counted, remaining):
                cause = self._cause(uid, fields, minutes, resumes, finish)
                remaining = self.conversions.days(uid, minutes, resumes, finish, cause)
        since = max((at for at in (started, self._status_date) if at is not None), default=None)
        if since is not None and resumes > since:
            remaining = self.conversions.waits(uid, name, remaining, since, resumes)
        elif since is not None and self._time.days_between(resumes, since) > 0:
            self._reasons.add(uid, "the file plans work that is left before its own status date")
        return remaining

    def _add_release(self, task: dict[str, Any], fields: Fields, is_linked: bool, days: float) -> None:
        """Adds the instant before which the task does not start: its constraint's, its own, or the project's start."""
        if is_begun(fields):
            return
        constraint, at = CONSTRAINTS.get(fields.whole("ConstraintType", 0)), fields.moment("ConstraintDate")
        release = None
        if fields.flag("Manual"):
            release = fields.moment("Start")
            self._warnings.add("scheduled by hand: taken as not to start earlier than its start", task["name"])
            self._reasons.add(task["id"], "it is scheduled by hand in the file")
        elif constraint is not None and (at is not None or constraint.holds is None):
            held = Held(task["id"], task["name"], at or datetime(2000, 1, 3), days)  # noqa: DTZ001
            release = earliest_start(constraint, held, self._time, self._warnings, self._reasons)
        is_held = not is_linked or fields.moment("Start") == self._begins
        if release is None and self._begins is not None and is_held and self._time.coordinate(self._begins) > 0:
            release = self._begins  # the project starts within a day, or after its first task
        if release is not None:
            task["startNoEarlierThan"] = in_utc(release)


def own_dates(fields: Fields, by_day: bool) -> FileDates | None:
    """When the file itself says that a task starts and finishes, as dates if `by_day`; None where it says neither."""
    start, finish = fields.moment("Start"), fields.moment("Finish")
    if start is None and finish is None:
        return None
    if not by_day:
        return FileDates(start, finish)
    takes_time = timedelta(seconds=1 if fields.minutes("Duration") else 0)
    return FileDates(start and start.date(), finish and (finish - takes_time).date())


def is_begun(fields: Fields) -> bool:
    """Whether a task has an actual start or more than 0 percent complete."""
    return fields.number("PercentComplete", 0.0) > 0 or fields.text("ActualStart") is not None


def is_done(fields: Fields) -> bool:
    """Whether a task has an actual finish or is 100 percent complete."""
    return fields.number("PercentComplete", 0.0) >= 100 or fields.text("ActualFinish") is not None


def _is_elapsed(fields: Fields) -> bool:
    return fields.whole("DurationFormat", 7) in ELAPSED_FORMATS
