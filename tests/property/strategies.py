"""Random projects, shared by all property tests."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from chainbell.engine.plan_documents import read_plan
from chainbell.engine.plans import project_of
from chainbell.rules import Project, TaskStatus

days = st.integers(0, 40).map(lambda quarters: quarters / 4)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """A plan of 2 to 9 tasks with links of all types, one critical chain and perhaps a feeding one."""
    count = draw(st.integers(2, 9))
    tasks = [{"id": n, "name": f"T{n}", "duration": draw(days)} for n in range(count)]
    pairs = [(a, b) for b in range(count) for a in range(b)]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=2 * count, unique=True))
    kinds = st.sampled_from(["FS", "FS", "FS", "SS", "FF", "SF"])
    lags = st.integers(-8, 8).map(lambda quarters: quarters / 4)
    links = [{"from": a, "to": b, "type": draw(kinds), "lag": draw(lags)} for a, b in chosen]
    split = draw(st.integers(0, count - 1))
    chains: list[dict[str, Any]] = [{"id": "c", "kind": "critical", "tasks": list(range(split, count))}]
    buffers = [{"id": "PB", "chain": "c", "size": draw(days)}]
    if split:
        chains.append({"id": "f", "kind": "feeding", "tasks": list(range(split))})
        buffers.append({"id": "FB", "chain": "f", "size": draw(days)})
    project = {"id": 1, "name": "P", "status": "Active", "startDate": "2025-03-03"}
    return {"accountId": 1, "project": project, "tasks": tasks, "links": links, "chains": chains, "buffers": buffers}


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """Such a plan at work: tasks in every status, with remaining durations, as of some day."""
    project = project_of(read_plan(draw(plans())))
    tasks = []
    for task in project.tasks:
        status = draw(st.sampled_from(list(TaskStatus)))
        if status == TaskStatus.COMPLETED:
            finished = draw(days)
            task = task._replace(status=status, remaining=0.0, percent=100.0, finished=finished)
            task = task._replace(started=finished - draw(days))
        elif status == TaskStatus.IN_PROGRESS:
            counted = draw(days)
            task = task._replace(status=status, remaining=draw(days), started=0.0, counted_from=counted)
        else:
            task = task._replace(status=status, remaining=draw(st.none() | days))
        tasks.append(task)
    return replace(project, tasks=tuple(tasks))
