"""What is old goes and what is asked to be forgotten is forgotten, without touching anything else."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import select

from chainbell.engine import Engine, Housekeeping, InvalidInputError, Retention
from chainbell.engine.running.housekeeping import schedule
from chainbell.rules import ProjectStatus
from chainbell.storage import METADATA, DeliveryState, NewDelivery, outbox
from tests.plans import MONDAY, line_plan, task_update

ANA = {"id": 5, "name": "Ana Gómez", "email": "ana@example.com"}
LATE = datetime(2025, 3, 21, 17, tzinfo=UTC)


def kept(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every table, as text."""
    with engine.database.read() as connection:
        return {
            name.removeprefix("chainbell_"): [
                tuple(value.decode() if isinstance(value, bytes) else value for value in row)
                for row in connection.execute(select(table))
            ]
            for name, table in METADATA.tables.items()
        }


def peopled(engine: Engine, account: int = 7, project: int = 1) -> None:
    """A project that Ana leads, works in, and has reported on; with webhooks in both body formats."""
    plan = line_plan(project_id=project, account=account)
    plan["project"]["manager"] = ANA
    plan["tasks"][0]["assignedTo"] = ANA
    engine.webhooks.add(account, "http://127.0.0.1:1/")
    engine.webhooks.add(account, "http://127.0.0.1:1/", body_format="spaced")
    engine.load({**plan, "project": {**plan["project"], "status": "Planning"}}, at=MONDAY)
    change = {"projectId": project, "accountId": account, "by": ANA, "at": MONDAY.isoformat()}
    engine.apply({**change, "kind": "project.update", "status": "Active"})
    engine.apply({**change, "kind": "task.update", "taskId": 1, "status": "InProgress", "remainingDuration": 12})


def test_a_person_is_forgotten_everywhere(engine: Engine) -> None:
    peopled(engine)
    assert "Ana" in str(kept(engine))
    assert engine.portfolio.erase_person(7, 5) > 5
    text = json.dumps(kept(engine), default=str, ensure_ascii=False)
    assert "Ana" not in text
    assert "ana@example.com" not in text
    fired = {event.name: event.data for event in engine.events(1)}
    assert fired["task.status_changed"]["changedBy"] is None
    assert fired["project.started"]["managerName"] is None
    assert fired["project.early_warning"]["recommendations"][0].startswith("Add capacity to Task 1")
    bodies = [row[4] for row in kept(engine)["delivery"]]
    assert {body.startswith('{"webhookId":"') for body in bodies} == {True, False}  # each in its own format still
    assert all(json.loads(body)["metadata"] == {"version": "1.0", "retryCount": 0} for body in bodies)
    assert all(body.endswith("0}}") for body in bodies)
    assert engine.apply(task_update(1, LATE.isoformat(), status="Completed"))[0].data["changedBy"] is None


def test_others_of_that_id_in_other_accounts_stay(engine: Engine) -> None:
    peopled(engine, account=7, project=1)
    peopled(engine, account=8, project=2)
    before = [row for row in kept(engine)["event"] if "'8'" in str(row) or 8 in row]
    engine.portfolio.erase_person(7, 5)
    assert [row for row in kept(engine)["event"] if "'8'" in str(row) or 8 in row] == before
    assert engine.portfolio.erase_person(7, 5) == 0


def test_an_account_is_erased_with_everything_it_has(engine: Engine) -> None:
    peopled(engine, account=8, project=2)
    before = {name: rows for name, rows in kept(engine).items() if rows}
    peopled(engine, account=7, project=1)
    token = engine.tokens.add(7)
    assert engine.portfolio.erase_account(7) > 3
    assert engine.tokens.account_of(token) is None
    after = {name: rows for name, rows in kept(engine).items() if rows}
    assert after.pop("audit")[:-1] == before.pop("audit")  # the last line tells of the erasure
    assert after == before
    peopled(engine, account=7, project=1)  # and may come back
    assert engine.status(1, account=7).baseline == 1


def test_old_rows_go_and_what_is_to_be_delivered_stays(engine: Engine) -> None:
    peopled(engine)
    engine.reevaluate(LATE)
    everything = kept(engine)
    assert engine.portfolio.retain(Retention(None, None, None, None)) == 0
    assert engine.portfolio.retain(Retention(deliveries=timedelta(days=1))) >= len(everything["event"])
    left = kept(engine)
    assert (left["event"], left["delivery"]) == ([], everything["delivery"])
    assert left["fever_point"] == everything["fever_point"]
    engine.portfolio.retain(Retention(fever_points=timedelta(days=1)))
    assert kept(engine)["fever_point"] == everything["fever_point"][-1:]
    assert engine.apply({"kind": "clock", "at": LATE.isoformat()}) == []  # nothing fires again


def test_a_limit_of_no_time_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"retention.events"):
        Retention(events=timedelta(0))


def test_the_jobs_run_in_each_account_s_time_zone(engine: Engine) -> None:
    """The jobs as APScheduler would wake them, twice: the second finds nothing to do."""
    for account, project in ((7, 1), (8, 2)):
        engine.load(line_plan(project_id=project, account=account), at=MONDAY)
    times = Housekeeping(reevaluate="0 6 * * 1-5", time_zones={8: "Asia/Tokyo"})

    async def run() -> list[str]:
        scheduler = AsyncIOScheduler(timezone=UTC)
        schedule(scheduler, engine, times)
        jobs = {job.id: job for job in scheduler.get_jobs()}
        assert str(jobs["reevaluate"].trigger.timezone) == "UTC"
        assert str(jobs["reevaluate 8"].trigger.timezone) == "Asia/Tokyo"
        await jobs["reevaluate"].func()
        assert [event.project_id for event in engine.events(name="task.red")] == [1]
        for _ in range(2):
            for job in jobs.values():
                await job.func()
        return sorted(jobs)

    assert asyncio.run(run()) == ["reevaluate", "reevaluate 8", "retain", "statistics"]
    assert sorted(event.project_id for event in engine.events(name="project.early_warning")) == [1, 2]
    assert engine.portfolio.statistics().projects[ProjectStatus.ACTIVE] == 2


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"reevaluate": "at six"}, "reevaluate"),
        ({"retain": "61 * * * *"}, "retain"),
        ({"time_zone": "Mars/Base"}, "reevaluate"),
        ({"time_zones": {8: "Nowhere"}}, r"time_zones\[8\]"),
    ],
)
def test_times_that_cannot_be_are_refused(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInputError, match=place):
        Housekeeping(**fields)


def test_what_a_paused_webhook_holds_for_too_long_expires_visibly_and_can_be_recovered(engine: Engine) -> None:
    paused, _ = engine.webhooks.add(7, "https://paused.example.com/")
    active, _ = engine.webhooks.add(7, "https://active.example.com/")
    engine.webhooks.pause(7, paused.id)
    old, young = datetime.now(UTC) - timedelta(days=91), datetime.now(UTC) - timedelta(days=89)
    for hook in (paused, active):
        for name, at in (("old", old), ("young", young)):
            delivery = NewDelivery(
                f"wh_{hook.id}_{name}", hook.id, f"event-{name}", "task.red", b'{"metadata":{"a":0}}'
            )
            with engine.database.write() as connection:
                outbox.enqueue(connection, [delivery], at)
    engine.portfolio.retain()
    assert engine.webhooks.backlog(7, paused.id) == {"pending": 1, "failed": 0, "expired": 1}
    assert engine.webhooks.backlog(7, active.id) == {"pending": 2, "failed": 0, "expired": 0}  # due, however old
    assert engine.portfolio.statistics().deliveries[DeliveryState.EXPIRED] == 1
    engine.webhooks.resume(7, paused.id)
    assert engine.webhooks.recover(7, paused.id, old - timedelta(days=1)) == 1
    assert engine.webhooks.backlog(7, paused.id) == {"pending": 2, "failed": 0, "expired": 0}
