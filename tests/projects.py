"""Small projects for the rules, planned without a document and so without the engine."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from chainbell.rules import Buffer, Calendar, Chain, ChainKind, Link, Milestone, Project, ProjectStatus, Task
from chainbell.rules.planning.plan import Plan, TaskPlan
from chainbell.rules.planning.planning import plan_project

FIRST_DAY = date(2025, 3, 3)


def line_values(*durations: float, buffer: float = 10.0, status: str = "Active") -> Plan:
    """The values of `tests.plans.line_plan`: tasks 1, 2, 3 ... one after the other, all critical."""
    durations = durations or (5, 10, 5)
    ids = tuple(range(1, len(durations) + 1))
    return Plan(
        account_id=7,
        id=1,
        name="Line",
        status=ProjectStatus(status),
        start_date=FIRST_DAY,
        target_end_date=date(2025, 4, 4),
        calendar=Calendar(FIRST_DAY),
        tasks=tuple(task_plan(n, f"Task {n}", duration) for n, duration in zip(ids, durations, strict=True)),
        given_at=0.0,
        data_date=0.0,
        links=tuple(Link(n, n + 1) for n in ids[:-1]),
        chains=(Chain("critical", ChainKind.CRITICAL, ids),),
        buffers=(Buffer("PB", "critical", buffer),),
        milestones=(Milestone(345, "Alpha", date(2025, 3, 12)),),
    )


def line_project(*durations: float, buffer: float = 10.0, status: str = "Active", **other: Any) -> Project:
    """`other` are fields of the plan that stand in the place of the line's own."""
    return plan_project(replace(line_values(*durations, buffer=buffer, status=status), **other)).project


def fed_project(feeders: Sequence[tuple[Task, Buffer]]) -> Project:
    """Tasks 1(5) and 2(10) in line; each of the feeders joins task 2 and is protected by its buffer."""
    line = line_values(5, 10)
    return line_project(
        5, 10,
        tasks=(*line.tasks, *(TaskPlan(task=task) for task, _ in feeders)),
        links=(*line.links, *(Link(task.id, 2) for task, _ in feeders)),
        chains=(*line.chains, *(Chain(buffer.chain, ChainKind.FEEDING, (task.id,), 2) for task, buffer in feeders)),
        buffers=(*line.buffers, *(buffer for _, buffer in feeders)),
    )  # fmt: skip


def task_plan(task_id: int, name: str, duration: float, **fields: Any) -> TaskPlan:
    return TaskPlan(task=Task(task_id, name, duration, 0.0, 0.0, **fields))
