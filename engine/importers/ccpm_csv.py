"""CSV as critical-chain schedulers write it: a schedule with its buffers, or tasks alone that are yet to be planned.

Columns are found by name. A schedule has `type` (`task`, `feeding_buffer`, `project_buffer`), `chain`, `start`,
`finish` and `duration` in working days from the project's start; a list of tasks has `realistic_duration`, the safe
estimate, and may have `optimal_duration`, the one to plan with. `predecessor_ids` and `resource_ids` are lists
separated by semicolons; a predecessor is `ID`, `ID:TYPE` or `ID:TYPE+LAG`, with the lag in
working days.
"""

import re
from itertools import pairwise
from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.ccpm_chains import chains_of
from chainbell.engine.importers.csv_table import Table
from chainbell.engine.importers.imported import Imported, Warnings, ids_told, number

MARKS = {"predecessor_ids", "resource_ids", "realistic_duration", "optimal_duration", "chain", "type"}
"""Columns, in lower case, by which such a file is told from other tables."""
KNOWN = MARKS | {"id", "name", "start", "finish", "duration"}
"""All columns that are read; others are dropped with a warning."""
DURATIONS = ("duration", "optimal_duration")
"""Columns of the duration to plan with, in order of preference."""
BUFFERS = {"project_buffer", "feeding_buffer"}
"""Cells of the column `type` whose row is a buffer."""
_PREDECESSOR = re.compile(r"(?P<id>.+?)(?::(?P<type>FS|SS|FF|SF|FB|PB)(?P<lag>[+-]\d+(?:\.\d+)?)?)?")

Row = dict[str, str]
"""The cells of a row, by the name of the column in lower case."""


def is_ccpm(table: Table) -> bool:
    """Whether a table has a column by which a critical-chain scheduler's file is known (`MARKS`).

    Other tables have a column `type` too: alone it says nothing, unless a row is a buffer.
    """
    marks = MARKS & {name.lower() for name in table.header}
    if marks <= {"type"}:
        column = next((name for name in table.header if name.lower() == "type"), "")
        return any(row.get(column).lower() in BUFFERS for row in table.rows if column)
    return True


def read_ccpm(table: Table) -> Imported:
    """The plan in a schedule or a list of tasks; raises InvalidInputError naming file, line, column and reason.

    A schedule, which has at least one buffer, keeps its dates, chains and buffers, and its contention becomes resource
    links; a list of tasks keeps its resources, to be levelled when it is planned.
    """
    rows = _rows(table)
    warnings = Warnings()
    for column in rows[0][1]:
        if column not in KNOWN:
            if "predecessor" in column:
                raise InvalidInputError(f"{table.name}:1", f"{column[:40]!r} holds links: name it predecessor_ids")
            warnings.add(f"column {column} dropped: a plan has no place for it")
    is_schedule = any(row.get("type") in BUFFERS for _, row in rows)
    tasks, links = [], []
    buffers = {row["id"]: (place, row) for place, row in rows if row.get("type") in BUFFERS}
    for place, row in rows:
        if row["id"] in buffers:
            continue
        if row.get("type", "task") not in ("task", ""):
            raise InvalidInputError(f"{place}: type", f"{row['type'][:40]!r} is neither a task nor a buffer")
        tasks.append(_task(place, row, warnings))
        links += _links(place, row, buffers)
    warnings.add(ids_told([task["id"] for task in tasks], "the column id"))
    document: dict[str, Any] = {"tasks": tasks}
    if is_schedule:
        _add_chains(document, rows, buffers, warnings)
        links += _resource_links(tasks, links, warnings)
        for task in tasks:  # the dates and links hold the contention already
            task.pop("resources", None)
        if any("plannedStart" in task for task in tasks):
            warnings.add("the schedule's own dates are kept as the planned ones")
    document["links"] = links
    return Imported("CSV schedule" if is_schedule else "CSV task list", document, warnings.texts())


def _rows(table: Table) -> list[tuple[str, Row]]:
    """The rows as (place, row), with the names of the columns in lower case."""
    header = [column.lower() for column in table.header]
    if "id" not in header or not {*DURATIONS, "realistic_duration"} & set(header):
        raise InvalidInputError(f"{table.name}:1", "needs the columns id and duration or realistic_duration")
    if len(set(header)) < len(header):
        raise InvalidInputError(f"{table.name}:1", "names a column twice")
    rows: list[tuple[str, Row]] = []
    for cells in table.rows:
        row = {column: cell.strip() for column, cell in zip(header, cells.cells, strict=True)}
        if not row["id"]:
            raise InvalidInputError(f"{cells.place}: id", "is empty")
        rows.append((cells.place, row))
    return rows


def _task(place: str, row: Row, warnings: Warnings) -> dict[str, Any]:
    task: dict[str, Any] = {"id": row["id"], "name": row.get("name") or row["id"]}
    safe = row.get("realistic_duration")
    if safe:
        task["safeDuration"] = number(safe, f"{place}: realistic_duration")
    given = next((column for column in DURATIONS if row.get(column)), None)
    if given is not None:
        task["duration"] = number(row[given], f"{place}: {given}")
    elif safe:
        task["duration"] = task["safeDuration"] / 2
        warnings.add("no duration beside the realistic one: half of it is planned, the rest is safety", row["id"])
    else:
        raise InvalidInputError(f"{place}: duration", "is empty, and so is realistic_duration")
    for column, key in (("start", "plannedStart"), ("finish", "plannedFinish")):
        if row.get(column):
            task[key] = number(row[column], f"{place}: {column}")
    if row.get("resource_ids"):
        task["resources"] = _listed(row["resource_ids"])
    return task


def _listed(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _predecessors(place: str, row: Row) -> list[tuple[str, str, float]]:
    found = []
    for text in _listed(row.get("predecessor_ids", "")):
        match = _PREDECESSOR.fullmatch(text)
        if match is None:
            raise InvalidInputError(f"{place}: predecessor_ids", f"{text[:40]!r} is no predecessor")
        lag = number(match["lag"], f"{place}: predecessor_ids") if match["lag"] else 0.0
        found.append((match["id"], match["type"] or "FS", lag))
    return found


def _links(place: str, row: Row, buffers: dict[str, tuple[str, Row]]) -> list[dict[str, Any]]:
    """The links to a task; one from a buffer becomes one, FS without lag, from each task before the buffer."""
    links: list[dict[str, Any]] = []
    for predecessor, kind, lag in _predecessors(place, row):
        if predecessor in buffers:
            before = [other for other, _, _ in _predecessors(*buffers[predecessor])]
            links += [{"from": other, "to": row["id"]} for other in before if other not in buffers]
        else:
            kind = "FS" if kind in ("FB", "PB") else kind
            links.append({"from": predecessor, "to": row["id"], "type": kind, "lag": lag})
    return links


def _add_chains(
    document: dict[str, Any], rows: list[tuple[str, Row]], buffers: dict[str, tuple[str, Row]], warnings: Warnings
) -> None:
    """Adds the chains, by the column `chain` and in order of start, and the buffers, each on its own row's chain."""
    members: dict[str, list[tuple[float, str]]] = {}
    before: dict[str, list[str]] = {}
    for place, row in rows:
        before[row["id"]] = [one for one, _, _ in _predecessors(place, row)]
        if row["id"] not in buffers and row.get("chain"):
            begin = number(row.get("start") or "0", f"{place}: start")
            members.setdefault(row["chain"], []).append((begin, row["id"]))
    labels = {row["id"]: row.get("chain", "") for _, row in buffers.values()}
    places = {row["id"]: f"{place}: chain" for place, row in buffers.values()}
    chains = chains_of(members, labels, before, places, warnings)
    critical = {row["id"] for _, row in buffers.values() if row["type"] == "project_buffer"}
    joined = {one: task_id for task_id, found in before.items() if task_id not in buffers for one in found}
    kept = []
    for place, row in buffers.values():
        own = next((chain.id for chain in chains if row["id"] in chain.buffers), row.get("chain", ""))
        kept.append({"id": row["id"], "chain": own, "size": number(row.get("duration") or "0", f"{place}: duration")})
    documents = []
    for chain in chains:
        kind = "critical" if critical & set(chain.buffers) else "feeding"
        one: dict[str, Any] = {"id": chain.id, "kind": kind, "tasks": list(chain.tasks)}
        joins = next((joined[buffer] for buffer in chain.buffers if buffer in joined), None)
        documents.append(one if joins is None else {**one, "joins": joins})
    document["chains"], document["buffers"] = documents, kept


def _resource_links(
    tasks: list[dict[str, Any]], links: list[dict[str, Any]], warnings: Warnings
) -> list[dict[str, Any]]:
    """A link from each task that uses a resource to the next one in the schedule, unless another links the two.

    Tasks that use it at the same time are not linked, with a warning.
    """
    linked = {(link["from"], link["to"]) for link in links}
    users: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        for resource in task.get("resources", []):
            if "plannedStart" in task:
                users.setdefault(resource, []).append(task)
    found = []
    for resource, sharing in users.items():
        sharing.sort(key=lambda task: task["plannedStart"])
        for before, after in pairwise(sharing):
            if before["plannedStart"] + before["duration"] > after["plannedStart"] + 1e-9:
                warnings.add("resource used by several tasks at once: no resource link between them", resource)
            elif (before["id"], after["id"]) not in linked:
                linked.add((before["id"], after["id"]))
                found.append({"from": before["id"], "to": after["id"], "resource": resource})
    return found
