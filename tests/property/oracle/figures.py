"""The figures of a project's status, as `engine.status` names them."""

from typing import Any

from tests.property.oracle.assessment import Assessment
from tests.property.oracle.plan import Id


def figures(seen: Assessment) -> dict[str, Any]:
    burn_rate = seen.burn_rate
    return {
        "status": seen.state.status,
        "baseline": seen.state.baseline,
        "zone": seen.zone,
        "buffer_consumption": round(seen.consumption, 1),
        "chain_completion": round(seen.completion, 1),
        "burn_rate": None if burn_rate is None else round(burn_rate, 2),
        "promise": seen.plan.calendar.finish_date(seen.promise),
        "projected_completion": seen.finish_date_of(seen.projected, seen.project_buffer),
        "projection_basis": seen.basis,
        "buffers": [_buffer(seen, number) for number in range(len(seen.buffers))],
        "tasks": [_task(seen, task) for task in seen.plan.tasks],
    }


def _buffer(seen: Assessment, number: int) -> dict[str, Any]:
    buffer = seen.buffers[number]
    return {
        "id": buffer.buffer.id,
        "chain": buffer.buffer.chain.id,
        "size": buffer.buffer.size,
        "consumption": round(buffer.consumption, 1),
        "baseline_finish": seen.plan.calendar.finish_date(buffer.baseline_finish),
        "forecast_finish": seen.finish_date_of(buffer.forecast_finish, buffer),
    }


def _task(seen: Assessment, task: Id) -> dict[str, Any]:
    work = seen.state.work[task]
    return {
        "id": task,
        "name": seen.plan.tasks[task].name,
        "status": work.status,
        "remaining_duration": seen.state.remaining(task) if work.is_unfinished else 0.0,
        "percent_complete": work.percent,
        "due_date": seen.due_date(task),
        "estimated_completion": seen.estimated_completion(task),
        "buffer_consumption": round(seen.share(task), 1) if work.is_unfinished else 0.0,
        "zone": seen.task_zone(task) if work.is_unfinished else "green",
        "buffer": seen.shares[task][1].id if task in seen.shares else None,
    }
