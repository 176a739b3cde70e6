"""A plan as the oracle sees it: the document's fields with the calendar applied and the planned dates derived."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.property.oracle.calendar import Calendar

Id = int | str


@dataclass(frozen=True)
class Link:
    before: Id
    after: Id
    type: str
    lag: float


@dataclass(frozen=True)
class Chain:
    id: Id
    is_critical: bool
    tasks: tuple[Id, ...]
    joins: Id | None


@dataclass(frozen=True)
class Buffer:
    id: Id
    chain: Chain
    size: float
    measure: str


@dataclass(frozen=True)
class Task:
    """Durations in working days; the planned dates and `not_before` are coordinates."""

    id: Id
    name: str
    duration: float
    assigned_to: dict[str, Any] | None
    not_before: float | None
    planned_start: float
    planned_finish: float


@dataclass(frozen=True)
class Zones:
    """Thresholds in percent of a buffer; a fever threshold is given at 0 and at 100 % of completion."""

    policy: str
    yellow: float
    red: float
    task_yellow: float
    task_red: float
    margin: float
    fever_yellow: tuple[float, float]
    fever_red: tuple[float, float]


Path = tuple[Link, ...]


@dataclass(frozen=True)
class Plan:
    document: dict[str, Any]
    calendar: Calendar
    tasks: dict[Id, Task]
    links: list[Link]
    chains: list[Chain]
    buffers: list[Buffer]
    """The project buffer first, the others as the plan names them."""
    zones: Zones
    paths: dict[Id, list[Path]] = field(repr=False)
    """For every task all paths of links that end in it; without the empty one."""

    @property
    def project(self) -> dict[str, Any]:
        project: dict[str, Any] = self.document["project"]
        return project

    @property
    def critical_chain(self) -> Chain:
        return next(chain for chain in self.chains if chain.is_critical)

    def links_into(self, task: Id) -> list[Link]:
        return [link for link in self.links if link.after == task]


def paths_into(tasks: list[Id], links: list[Link]) -> dict[Id, list[Path]]:
    """Every path of links, by the task in which it ends."""
    into: dict[Id, list[Link]] = defaultdict(list)
    for link in links:
        into[link.after].append(link)

    def ending_in(task: Id) -> list[Path]:
        found: list[Path] = []
        for link in into[task]:
            found.append((link,))
            found += [(*path, link) for path in ending_in(link.before)]
        return found

    return {task: ending_in(task) for task in tasks}


def read(document: dict[str, Any]) -> Plan:
    """A plan document that brings its chains and buffers."""
    project = document["project"]
    calendar = Calendar(date.fromisoformat(project["startDate"]), project.get("calendar", {}))
    links = [
        Link(link["from"], link["to"], link.get("type", "FS"), float(link.get("lag", 0)))
        for link in document.get("links", [])
    ]
    paths = paths_into([task["id"] for task in document["tasks"]], links)
    chains = [
        Chain(chain["id"], chain["kind"] == "critical", tuple(chain["tasks"]), chain.get("joins"))
        for chain in document["chains"]
    ]
    return Plan(
        document,
        calendar,
        _tasks(document["tasks"], calendar, paths),
        links,
        chains,
        _buffers(document["buffers"], {chain.id: chain for chain in chains}),
        _zones(project.get("zones", {})),
        paths,
    )


def _buffers(documents: list[dict[str, Any]], chains: dict[Id, Chain]) -> list[Buffer]:
    buffers = []
    for document in documents:
        chain = chains[document["chain"]]
        usual = "forecast" if chain.is_critical or chain.joins is None else "gap"
        measure = document.get("measure") or usual
        buffers.append(Buffer(document["id"], chain, float(document["size"]), measure))
    return sorted(buffers, key=lambda buffer: not buffer.chain.is_critical)


def _zones(document: dict[str, Any]) -> Zones:
    return Zones(
        document.get("policy", "static"),
        document.get("yellow", 50.0),
        document.get("red", 70.0),
        document.get("taskYellow", 50.0),
        document.get("taskRed", 90.0),
        document.get("margin", 5.0),
        tuple(document.get("feverYellow", (10.0, 70.0))),
        tuple(document.get("feverRed", (30.0, 90.0))),
    )


def _tasks(documents: list[dict[str, Any]], calendar: Calendar, paths: dict[Id, list[Path]]) -> dict[Id, Task]:
    """Planned dates: those given; else the earliest from day 0 on along every path that ends in the task."""
    by_id = {document["id"]: document for document in documents}
    duration = {task: float(document["duration"]) for task, document in by_id.items()}
    not_before: dict[Id, float | None] = {}
    given: dict[Id, float] = {}
    for task, document in by_id.items():
        earliest = document.get("startNoEarlierThan")
        not_before[task] = None if earliest is None else calendar.as_start(earliest)
        if document.get("plannedStart") is not None:
            given[task] = calendar.as_start(document["plannedStart"])

    def own_start(task: Id) -> float:
        return given.get(task, max(0.0, not_before[task] or 0.0))

    def along(path: Path) -> float:
        """What a path asks of its last task's start, begun at the own start of its first."""
        start = own_start(path[0].before)
        for link in path:
            if link.after in given and link is not path[-1]:
                return 0.0  # the path from there on counts by itself
            finish = start + duration[link.before]
            asked = (finish if link.type in ("FS", "FF") else start) + link.lag
            start = asked if link.type in ("FS", "SS") else asked - duration[link.after]
        return start

    tasks = {}
    for task, document in by_id.items():
        start = given.get(task, max([own_start(task), *map(along, paths[task])]))
        finish = document.get("plannedFinish")
        tasks[task] = Task(
            task,
            document["name"],
            duration[task],
            document.get("assignedTo"),
            not_before[task],
            start,
            start + duration[task] if finish is None else calendar.as_finish(finish),
        )
    return tasks
