"""What is old goes in portions, in the order of time; long fever charts become thin."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, update

from chainbell.engine import Engine, Retention
from chainbell.engine.documents.webhook import log_entry
from chainbell.engine.http.bodies import MOST_SKIPPED
from chainbell.rules import FeverPoint, Zone
from chainbell.storage import NewDelivery, fanouts, history, outbox, retention
from chainbell.storage.tables import AttemptRow, DeliveryRow, EventRow, table
from tests.contract.api_client import API, Caller, served
from tests.plans import MONDAY, line_plan, task_update

DELIVERIES, ATTEMPTS, EVENTS = table(DeliveryRow), table(AttemptRow), table(EventRow)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=500)


def finished(engine: Engine, count: int) -> None:
    """Delivered ones with an attempt each, a minute apart and the newest now."""
    hook, _ = engine.webhooks.add(7, "http://127.0.0.1:1/")
    made = [NewDelivery(f"wh_{n}", hook.id, f"e-{n}", "task.red", b"{}") for n in range(count)]
    with engine.database.write() as connection:
        outbox.enqueue(connection, made, NOW)
        for n in range(count):
            at = NOW - timedelta(minutes=count - 1 - n)
            done = update(DELIVERIES).where(DELIVERIES.c.id == f"wh_{n}")
            connection.execute(done.values(state="delivered", finished_at=at))
            row = {"delivery_id": f"wh_{n}", "number": 1, "webhook_id": hook.id, "event": "task.red", "started_at": at}
            connection.execute(insert(ATTEMPTS).values(**row, duration_ms=1, outcome="answered"))


def test_portions_go_in_the_order_of_time_until_the_limit(engine: Engine) -> None:
    finished(engine, 25)
    before, last, gone = NOW - timedelta(minutes=4), None, []
    for kind in ("attempts", "deliveries"):
        last = None
        while True:
            with engine.database.write() as connection:
                portion = retention.expire(connection, kind, before, last, 8)
            gone.append(portion.gone)
            last = portion.last
            if last is None:
                break
    assert gone == [8, 8, 4, 8, 8, 4]
    with engine.database.read() as connection:
        left = set(connection.scalars(select(DELIVERIES.c.id)))
        attempts = set(connection.scalars(select(ATTEMPTS.c.delivery_id)))
    assert left == attempts == {f"wh_{n}" for n in range(20, 25)}


def test_an_event_stays_as_long_as_its_deliveries_are_only_promised(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.apply(task_update(1, "2025-03-04T09:00:00Z", status="InProgress"))
    event = engine.events(1)[-1]
    with engine.database.write() as connection:
        fanouts.promise(connection, 7, [event], MONDAY)
    engine.portfolio.retain(Retention(events=timedelta(days=1)))
    assert [one.id for one in engine.events(1)] == [event.id]


def points_of(engine: Engine, key: int) -> list[datetime]:
    with engine.database.read() as connection:
        return [point.at for point in history.fever_points(connection, key)]


def test_of_old_points_the_last_one_of_each_day_stays(engine: Engine) -> None:
    """Six a day for three days, long ago and lately, of two projects; thinned twice, the second time for nothing."""
    for project in (1, 2):
        engine.load(line_plan(project_id=project))
    old = [LONG_AGO.replace(hour=1) + timedelta(days=day, hours=3 * n) for day in range(3) for n in range(6)]
    new = [NOW - timedelta(days=10) + timedelta(hours=n) for n in range(6)]
    for at in (*old, *new):
        for key in (1, 2):
            point = FeverPoint(at=at, recorded_at=at, baseline=1, completion=0.0, consumption=1.0, zone=Zone.GREEN)
            with engine.database.write() as connection:
                history.add_fever_points(connection, key, [point])
    recent = {key: [at for at in points_of(engine, key) if at not in {*old, *new}] for key in (1, 2)}
    gone = [0]
    while True:
        with engine.database.write() as connection:
            portion = retention.thin_points(connection, NOW - timedelta(days=365), 7)
        gone.append(portion.gone)
        if portion.last is None:
            break
    for key in (1, 2):
        assert points_of(engine, key) == sorted([*recent[key], *old[5::6], *new])
    assert engine.portfolio.thin_fever_points() == 0
    with engine.database.read() as connection:
        newest = history.last_points(connection, [1, 2, 3])
    assert {key: point.at for key, point in newest.items()} == {1: new[-1], 2: new[-1]}
    assert sum(gone) == 2 * 15


def test_the_trail_is_as_long_as_a_chart_can_show(engine: Engine) -> None:
    engine.load(line_plan())
    points = [
        FeverPoint(at=NOW + timedelta(minutes=n), recorded_at=NOW, baseline=1, completion=0.0, consumption=float(n),
                   zone=Zone.GREEN) for n in range(history.LONGEST_TRAIL + 10)
    ]  # fmt: skip
    with engine.database.write() as connection:
        history.add_fever_points(connection, 1, points)
    trail = engine.status(1).trail
    assert len(trail) == history.LONGEST_TRAIL
    assert trail[-1].consumption == points[-1].consumption
    assert [point.at for point in trail] == sorted(point.at for point in trail)
    engine.apply({"kind": "clock", "at": "2026-05-01T00:00:00Z", "projectId": 1})


def test_a_log_is_read_by_its_last_attempt(engine: Engine) -> None:
    finished(engine, 25)
    (hook,) = engine.webhooks.list(7)
    whole = engine.webhooks.log(7, hook.id, 100)
    paged = page = engine.webhooks.log(7, hook.id, 7)
    while page:
        page = engine.webhooks.log(7, hook.id, 7, before=page[-1])
        paged = paged + page
    assert paged == whole
    assert [one.started_at for one in whole] == sorted((one.started_at for one in whole), reverse=True)


def test_the_api_reads_a_log_behind_an_entry(engine: Engine) -> None:
    """However far back, and nothing that comes meanwhile moves a page; `$skip` is for the first pages."""
    finished(engine, 25)
    (hook,) = engine.webhooks.list(7)
    other, _ = engine.webhooks.add(7, hook.url)
    expected = [log_entry(one).id for one in engine.webhooks.log(7, hook.id, 100)]

    async def work(mine: Caller, stranger: Caller) -> None:
        logs = f"{API}/webhooks/{hook.id}/logs"
        _, page = await mine("GET", f"{logs}?$top=7")
        seen = []
        while page["value"]:
            seen += [entry["id"] for entry in page["value"]]
            _, page = await mine("GET", f"{logs}?$top=7&before={seen[-1]}")
        assert seen == expected
        _, skipped = await mine("GET", f"{logs}?$top=3&$skip=2&before={seen[3]}")
        assert [entry["id"] for entry in skipped["value"]] == expected[6:9]
        assert (await mine("GET", f"{logs}?$skip={MOST_SKIPPED}"))[1] == {"value": []}
        wrong = [f"$skip={MOST_SKIPPED + 1}", "before=log_none_1", f"before={seen[0]}0", "before=wh_1", "before="]
        for query in (*wrong, "before=log_1_%C2%B2", "before=log_%00_1", "before=log_1_" + "9" * 5000):
            status, problem = await mine("GET", f"{logs}?{query}")
            assert (status, problem["field"]) == (422, query.partition("=")[0]), query
        assert (await mine("GET", f"{API}/webhooks/{other.id}/logs?before={seen[0]}"))[0] == 422
        assert (await stranger("GET", f"{logs}?before={seen[0]}"))[0] == 404

    served(engine, work)
