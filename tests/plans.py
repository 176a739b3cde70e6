"""Small plans and changes that tests share."""

from datetime import UTC, datetime
from typing import Any

MONDAY = datetime(2025, 3, 3, 9, tzinfo=UTC)


def line_plan(
    *durations: float, buffer: float = 10.0, status: str = "Active", project_id: int | str = 1, account: int | str = 7
) -> dict[str, Any]:
    """Tasks 1, 2, 3 ... one after the other, all critical, from Monday 3 March 2025 on."""
    durations = durations or (5, 10, 5)
    ids = list(range(1, len(durations) + 1))
    return {
        "accountId": account,
        "project": {
            "id": project_id,
            "name": "Line",
            "status": status,
            "startDate": "2025-03-03",
            "targetEndDate": "2025-04-04",
        },
        "tasks": [{"id": n, "name": f"Task {n}", "duration": d} for n, d in zip(ids, durations, strict=True)],
        "links": [{"from": n, "to": n + 1} for n in ids[:-1]],
        "chains": [{"id": "critical", "kind": "critical", "tasks": ids}],
        "buffers": [{"id": "PB", "chain": "critical", "size": buffer}],
        "milestones": [{"id": 345, "name": "Alpha", "plannedDate": "2025-03-12"}],
    }


def task_update(task_id: int | str, at: str, project_id: int | str = 1, **fields: Any) -> dict[str, Any]:
    return {"kind": "task.update", "projectId": project_id, "taskId": task_id, "at": at, **fields}
