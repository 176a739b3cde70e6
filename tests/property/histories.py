"""Random histories: a plan and what is reported of it, the same for the same seed.

What they hold is plausible more often than not, but every order of statuses comes up, stale reports, odd instants, what
is refused and what says two things at once.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.property.history_plans import PEOPLE, Document, quarters, random_plan, random_zones
from tests.property.history_reports import random_report


@dataclass(frozen=True)
class History:
    seed: int
    plan: Document
    """The change that loads the plan."""
    changes: list[Document]

    @property
    def project(self) -> Any:
        return self.plan["plan"]["project"]["id"]


def random_history(seed: int) -> History:
    return _Teller(Random(seed), seed).tell()


class _Teller:
    """Keeps what it has told roughly in mind, so that what comes next makes sense more often than not."""

    def __init__(self, rng: Random, seed: int) -> None:
        self.rng, self.seed = rng, seed
        self.project: int | str = f"H-{seed}" if rng.random() < 0.2 else seed
        self.plan = random_plan(rng, self.project)
        calendar = self.plan["project"].get("calendar", {})
        self.zone = ZoneInfo(calendar.get("timeZone", "UTC"))
        self.hours = calendar.get("hours", ["09:00", "17:00"])
        self.whole_days = bool(calendar.get("calendarDays"))
        start = date.fromisoformat(self.plan["project"]["startDate"])
        self.now = datetime.combine(start, time(9), self.zone).astimezone(UTC) + timedelta(days=rng.randint(-2, 1))
        self.status = self.plan["project"].get("status", "Planning")
        self.task_status = {task["id"]: task.get("status", "NotStarted") for task in self.plan["tasks"]}
        self.last_number: dict[Any, float] = {}
        self.exact = rng.random() < 0.8

    def tell(self) -> History:
        loaded = self._stamped({"kind": "plan", "plan": deepcopy(self.plan)})
        changes = []
        if self.status != "Active" and self.rng.random() < 0.9:
            self._pass_time()
            changes.append(self._project_becomes("Active"))
        for _ in range(self.rng.randint(6, 18)):
            if self.rng.random() < 0.85:
                self._pass_time()
            changes.append(self._change())
        return History(self.seed, loaded, changes)

    def _pass_time(self) -> None:
        """To an instant within working time, at night, at a weekend, or exactly at an opening or a closing."""
        local = self.now.astimezone(self.zone)
        day = local.date() + timedelta(days=self.rng.choice([0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 5]))
        for _ in range(4):
            later = datetime.combine(day, self._wall_clock(), self.zone).astimezone(UTC)
            if later >= self.now:
                self.now = later
                return
            day += timedelta(days=1)

    def _wall_clock(self) -> time:
        if not self.exact:
            return time(self.rng.randint(0, 23), self.rng.randint(0, 59), self.rng.choice([0, 0, 30]))
        if self.whole_days:
            return time(3 * self.rng.randint(0, 7))
        shifts = self.hours if isinstance(self.hours[0], list) else [self.hours]
        kind = self.rng.random()
        if kind < 0.3:
            return time.fromisoformat(self.rng.choice([hour for shift in shifts for hour in shift]))
        if kind < 0.45:
            return self.rng.choice([time(2, 15), time(6), time(12, 30), time(20, 45)])
        return time(self.rng.randint(8, 16), self.rng.choice([0, 30]))

    def _stamped(self, change: Document, at: datetime | None = None) -> Document:
        instant = at or self.now
        text = instant.isoformat().replace("+00:00", "Z")
        change["at"] = text if self.rng.random() < 0.7 else instant.astimezone(self.zone).isoformat()
        if self.rng.random() < 0.4:
            change["by"] = self.rng.choice(PEOPLE)
        if self.rng.random() < 0.1:
            change["reason"] = "as agreed"
        return change

    def _change(self) -> Document:
        if self.status in ("Frozen", "OnHold") and self.rng.random() < 0.35:
            return self._project_becomes("Active")
        kinds: list[tuple[float, Callable[[], Document]]] = [
            (0.68, self._task_report),
            (0.14, self._clock),
            (0.06, self._project_change),
            (0.07, self._replan),
            (0.03, self._milestone),
            (0.02, self._wrong),
        ]
        tellers = [teller for _, teller in kinds]
        return self.rng.choices(tellers, [weight for weight, _ in kinds])[0]()

    def _project_becomes(self, status: str) -> Document:
        change = self._stamped({"kind": "project.update", "projectId": self.project, "status": status})
        self.status = status
        return change

    def _project_change(self) -> Document:
        status = self.rng.choice(["Frozen", "Frozen", "OnHold", "Active", "Complete", "Planning"])
        if self.rng.random() < 0.15:
            earlier = self.now - timedelta(days=self.rng.randint(1, 4))
            change: Document = {"kind": "project.update", "projectId": self.project, "status": status}
            if self.rng.random() < 0.5:
                change["allowStale"] = True
            return self._stamped(change, earlier)
        return self._project_becomes(status)

    def _clock(self) -> Document:
        change: Document = {"kind": "clock"}
        if self.rng.random() < 0.7:
            change["projectId"] = self.project
        earlier = self.now - timedelta(days=self.rng.randint(1, 3)) if self.rng.random() < 0.1 else self.now
        return self._stamped(change, earlier)

    def _milestone(self) -> Document:
        milestones = [milestone["id"] for milestone in self.plan["milestones"]] or [399]
        change = {"kind": "milestone.complete", "projectId": self.project, "milestoneId": self.rng.choice(milestones)}
        if self.rng.random() < 0.5:
            change["deliverables"] = [{"id": 901, "name": "Build", "status": "Delivered"}, {"id": 903, "name": "Extra"}]
        return self._stamped(change)

    def _wrong(self) -> Document:
        """What has to be refused."""
        known = self.rng.choice(list(self.task_status))
        wrong: Document = {"kind": "task.update", "projectId": self.project, "taskId": known, "percentComplete": 50}
        wrong |= self.rng.choice([{"taskId": 77}, {"taskId": "77"}, {"percentComplete": 101}, {"status": "Done"}])
        return self._stamped(wrong)

    # reports of tasks

    def _task_report(self) -> Document:
        task = self._some_task()
        said = random_report(self.rng, self.task_status[task], self.last_number.get(task))
        change = {"kind": "task.update", "projectId": self.project, "taskId": task, **said}
        if self.rng.random() < 0.06:
            if self.rng.random() < 0.6:
                change["allowStale"] = True
            return self._stamped(change, self.now - timedelta(hours=self.rng.choice([1, 12, 24, 48, 96])))
        if said.get("status"):
            self.task_status[task] = said["status"]
        elif said.get("percentComplete") == 100 or said.get("remainingDuration") == 0:
            self.task_status[task] = "Completed"
        elif said.get("percentComplete") and self.task_status[task] in ("NotStarted", "Completed"):
            self.task_status[task] = "InProgress"
        if said.get("remainingDuration"):
            self.last_number[task] = said["remainingDuration"]
        return self._stamped(change)

    def _some_task(self) -> Any:
        """One that can be worked on, more often than not; any other at times."""
        if self.rng.random() < 0.12:
            return self.rng.choice(list(self.task_status))
        done = ("Completed", "Cancelled")
        waiting = {link["to"] for link in self.plan["links"] if self.task_status.get(link["from"]) not in done}
        open_tasks = [task for task, status in self.task_status.items() if status not in done]
        free = [task for task in open_tasks if task not in waiting]
        under_way = [task for task in open_tasks if self.task_status[task] in ("InProgress", "OnHold")]
        pool = under_way if under_way and self.rng.random() < 0.55 else free or open_tasks or list(self.task_status)
        return self.rng.choice(pool)

    # new plans

    def _replan(self) -> Document:
        edits: list[Callable[[], None]] = [self._rename]
        if self.rng.random() < 0.6:
            edits += self.rng.sample(
                [self._new_duration, self._new_lag, self._new_size, self._new_zones, self._new_task, self._new_options],
                self.rng.choice([1, 1, 2]),
            )
            edits += [self._drop_task] if self.rng.random() < 0.2 else []
        for edit in edits:
            edit()
        at = self.now - timedelta(days=1) if self.rng.random() < 0.1 else self.now
        return self._stamped({"kind": "plan", "plan": deepcopy(self.plan)}, at)

    def _rename(self) -> None:
        self.rng.choice(self.plan["tasks"])["name"] += " (new)"

    def _new_duration(self) -> None:
        self.rng.choice(self.plan["tasks"])["duration"] = quarters(self.rng, 1, 32)

    def _new_lag(self) -> None:
        if self.plan["links"]:
            self.rng.choice(self.plan["links"])["lag"] = quarters(self.rng, -4, 8)

    def _new_size(self) -> None:
        self.rng.choice(self.plan["buffers"])["size"] = quarters(self.rng, 1, 24)

    def _new_zones(self) -> None:
        self.plan["project"]["zones"] = random_zones(self.rng)

    def _new_options(self) -> None:
        self.plan["project"] |= {"inheritedRed": self.rng.random() < 0.5, "targetEndDate": "2025-12-01"}

    def _new_task(self) -> None:
        """A task that comes before one that is there, in no chain."""
        number = max(int(str(task).removeprefix("PROJ-")) for task in self.task_status) + 1
        if len(self.task_status) >= 8:
            return
        task = f"PROJ-{number}" if isinstance(next(iter(self.task_status)), str) else number
        after = self.rng.choice(self.plan["tasks"])["id"]
        self.plan["tasks"].append({"id": task, "name": f"Task {task}", "duration": quarters(self.rng, 1, 12)})
        self.plan["links"].append({"from": task, "to": after})
        self.task_status[task] = "NotStarted"

    def _drop_task(self) -> None:
        """One that is not the only one of its chain, nor joined by another."""
        chains = self.plan["chains"]
        alone = {chain["tasks"][0] for chain in chains if len(chain["tasks"]) == 1}
        joined = {chain.get("joins") for chain in chains}
        able = [task for task in self.plan["tasks"] if task["id"] not in alone | joined]
        if not able:
            return
        gone = self.rng.choice(able)
        self.plan["tasks"].remove(gone)
        self.plan["links"] = [link for link in self.plan["links"] if gone["id"] not in (link["from"], link["to"])]
        for chain in chains:
            chain["tasks"] = [task for task in chain["tasks"] if task != gone["id"]]
        del self.task_status[gone["id"]]
        self.last_number.pop(gone["id"], None)
