"""Random projects, shared by all property tests."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from chainbell.engine.documents.plan import read_plan
from chainbell.engine.planner import project_of
from chainbell.rules import Project, TaskStatus
from tests.plans import MONDAY

days = st.integers(0, 40).map(lambda quarters: quarters / 4)
LINK_TYPES = ("FS", "FS", "FS", "SS", "FF", "SF")


def _network(rng: Random, count: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    tasks = [{"id": n, "name": f"T{n}", "duration": rng.randint(0, 40) / 4} for n in range(count)]
    pairs = [(a, b) for b in range(count) for a in range(b)]
    chosen = rng.sample(pairs, rng.randint(0, min(len(pairs), 2 * count)))
    links = [
        {"from": a, "to": b, "type": rng.choice(LINK_TYPES), "lag": rng.choice([0, 0, 0, rng.randint(-8, 8) / 4])}
        for a, b in chosen
    ]
    return tasks, links


def random_plan(rng: Random, largest: int = 9) -> dict[str, Any]:
    """A plan of 2 or more tasks with links of all types, one critical chain and perhaps a feeding one."""
    count = rng.randint(2, largest)
    tasks, links = _network(rng, count)
    split = rng.randint(0, count - 1)
    chains: list[dict[str, Any]] = [{"id": "c", "kind": "critical", "tasks": list(range(split, count))}]
    buffers: list[dict[str, Any]] = [{"id": "PB", "chain": "c", "size": rng.randint(0, 40) / 4}]
    if split:
        chains.append(
            {"id": "f", "kind": "feeding", "tasks": list(range(split)), "joins": rng.randint(split, count - 1)}
        )
        measure = rng.choice(["forecast", "forecast", "gap"])
        buffers.append({"id": "FB", "chain": "f", "size": rng.randint(0, 40) / 4, "measure": measure})
    project = {"id": 1, "name": "P", "status": "Active", "startDate": "2025-03-03"}
    return {"accountId": 1, "project": project, "tasks": tasks, "links": links, "chains": chains, "buffers": buffers}


def random_contention(rng: Random, largest: int = 12) -> dict[str, Any]:
    """A plan of tasks, links and resources with capacities: everything else is to be derived."""
    tasks, links = _network(rng, rng.randint(1, largest))
    resources = [{"id": name, "capacity": rng.choice([1, 1, 2, 2.5])} for name in "xyz"]
    for task in tasks:
        wanted = rng.sample(resources, rng.randint(0, 2))
        task["resources"] = [{"id": r["id"], "units": rng.choice([0.5, 1, r["capacity"]])} for r in wanted]
    planning = {"priority": rng.choice(["latest-finish", "latest-start", "least-slack"])}
    return {
        "accountId": 1,
        "project": {"id": 1, "name": "P", "startDate": "2025-03-03"},
        "tasks": tasks,
        "links": links,
        "resources": resources,
        "planning": planning,
    }


def at_work(rng: Random, project: Project) -> Project:
    """The project as of some day: tasks in every status, with remaining durations."""

    def quarters() -> float:
        return rng.randint(0, 40) / 4

    tasks = []
    for task in project.tasks:
        status = rng.choice(list(TaskStatus))
        if status == TaskStatus.COMPLETED:
            finished = quarters()
            task = task._replace(status=status, remaining=0.0, percent=100.0, finished=finished)
            task = task._replace(started=finished - quarters())
        elif status == TaskStatus.IN_PROGRESS:
            task = task._replace(status=status, remaining=quarters(), started=0.0, counted_from=quarters())
        else:
            task = task._replace(status=status, remaining=rng.choice([None, quarters()]))
        tasks.append(task)
    return replace(project, tasks=tuple(tasks))


def random_project(rng: Random, largest: int = 9) -> Project:
    return at_work(rng, project_of(read_plan(random_plan(rng, largest)), MONDAY))


plans = st.randoms(use_true_random=False).map(random_plan)
projects = st.randoms(use_true_random=False).map(random_project)
contentions = st.randoms(use_true_random=False).map(random_contention)
