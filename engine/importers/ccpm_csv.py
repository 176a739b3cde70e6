"""CSV as critical-chain schedulers write it: a schedule with its buffers, or tasks alone, to be planned.

Columns are found by name. A schedule has `type` (`task`, `feeding_buffer`, `project_buffer`), `chain`, `start`,
`finish` and `duration` in working days from the project's start; a list of tasks has `realistic_duration`, the safe
estimate. `predecessor_ids` and `resource_ids` are lists separated by semicolons; a predecessor is `ID`, `ID:TYPE` or
`ID:TYPE+LAG`.
"""

import csv
import io
import re
from itertools import pairwise
from typing import Any

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.importers.imported import Imported, Warnings, decoded, number

KNOWN = {
    "id", "name", "type", "chain", "start", "finish", "duration", "realistic_duration", "resource_ids",
    "predecessor_ids",
}  # fmt: skip
BUFFERS = {"project_buffer", "feeding_buffer"}
_PREDECESSOR = re.compile(r"(?P<id>.+?)(?::(?P<type>FS|SS|FF|SF|FB|PB)(?P<lag>[+-]\d+(?:\.\d+)?)?)?")

Row = dict[str, str]


def read_csv(data: bytes, name: str) -> Imported:
    """A schedule or a list of tasks; raises InvalidInputError naming file, line, column and reason."""
    rows = _rows(data, name)
    warnings = Warnings()
    for column in rows[0][1]:
        if column not in KNOWN:
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
    document: dict[str, Any] = {"tasks": tasks}
    if is_schedule:
        _add_chains(document, rows, buffers)
        links += _resource_links(tasks, links, warnings)
        for task in tasks:  # the contention is in the dates and links already
            task.pop("resources", None)
    document["links"] = links
    return Imported("CSV schedule" if is_schedule else "CSV task list", document, warnings.texts())


def _rows(data: bytes, name: str) -> list[tuple[str, Row]]:
    """The rows as (place, row), the columns' names in lower case."""
    reader = csv.reader(io.StringIO(decoded(data, name), newline=""), strict=True)
    rows: list[tuple[str, Row]] = []
    try:
        header = [column.strip().lower() for column in next(reader, [])]
        if "id" not in header or not {"duration", "realistic_duration"} & set(header):
            raise InvalidInputError(f"{name}:1", "needs the columns id and duration or realistic_duration")
        if len(set(header)) < len(header):
            raise InvalidInputError(f"{name}:1", "names a column twice")
        for cells in reader:
            if not any(cells):
                continue
            place = f"{name}:{reader.line_num}"
            if len(cells) != len(header):
                raise InvalidInputError(place, f"has {len(cells)} cells, the header {len(header)}")
            row = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
            if not row["id"]:
                raise InvalidInputError(f"{place}: id", "is empty")
            rows.append((place, row))
    except csv.Error as error:
        raise InvalidInputError(f"{name}:{reader.line_num}", f"is not CSV: {error}") from None
    if not rows:
        raise InvalidInputError(name, "has no rows")
    return rows


def _task(place: str, row: Row, warnings: Warnings) -> dict[str, Any]:
    task: dict[str, Any] = {"id": row["id"], "name": row.get("name") or row["id"]}
    safe = row.get("realistic_duration")
    if safe:
        task["safeDuration"] = number(safe, f"{place}: realistic_duration")
    if row.get("duration"):
        task["duration"] = number(row["duration"], f"{place}: duration")
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
    """The task's links; one to a buffer becomes one to each task before the buffer."""
    links: list[dict[str, Any]] = []
    for predecessor, kind, lag in _predecessors(place, row):
        if predecessor in buffers:
            before = [other for other, _, _ in _predecessors(*buffers[predecessor])]
            links += [{"from": other, "to": row["id"]} for other in before if other not in buffers]
        else:
            kind = "FS" if kind in ("FB", "PB") else kind
            links.append({"from": predecessor, "to": row["id"], "type": kind, "lag": lag})
    return links


def _add_chains(document: dict[str, Any], rows: list[tuple[str, Row]], buffers: dict[str, tuple[str, Row]]) -> None:
    """Chains by the column `chain`, in order of start; each buffer stands on the chain of its own row."""
    members: dict[str, list[tuple[float, str]]] = {}
    for place, row in rows:
        if row["id"] not in buffers and row.get("chain"):
            begin = number(row.get("start") or "0", f"{place}: start")
            members.setdefault(row["chain"], []).append((begin, row["id"]))
    kept, chains = [], []
    for place, row in buffers.values():
        kept.append(
            {"id": row["id"], "chain": row.get("chain", ""), "size": number(row["duration"], f"{place}: duration")}
        )
    critical = {row.get("chain") for _, row in buffers.values() if row["type"] == "project_buffer"}
    joined = {
        before: row["id"]
        for place, row in rows
        if row["id"] not in buffers
        for before, _, _ in _predecessors(place, row)
        if before in buffers
    }
    for chain, tasks in members.items():
        ordered = [task_id for _, task_id in sorted(tasks, key=lambda task: task[0])]
        one: dict[str, Any] = {"id": chain, "kind": "critical" if chain in critical else "feeding", "tasks": ordered}
        joins = next((joined[b["id"]] for b in kept if b["chain"] == chain and b["id"] in joined), None)
        if joins is not None:
            one["joins"] = joins
        chains.append(one)
    document["chains"], document["buffers"] = chains, kept


def _resource_links(
    tasks: list[dict[str, Any]], links: list[dict[str, Any]], warnings: Warnings
) -> list[dict[str, Any]]:
    """Whoever has a resource hands it to the next in the schedule, where nothing else links the two."""
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
