"""The schema: migrations and metadata say the same, and an older database comes along with its data."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from chainbell.engine import Engine, InvalidInputError
from chainbell.storage import METADATA, Database, generate_key, migrations, subscriptions
from chainbell.storage.metadata import PREFIX
from tests.plans import line_plan, task_update


def test_the_newest_revision_is_the_one_that_the_package_names() -> None:
    folder = os.path.dirname(migrations.__file__)
    assert ScriptDirectory(folder).get_current_head() == migrations.HEAD


def test_migrations_and_metadata_give_the_same_schema(database_url: str) -> None:
    database = Database(database_url)
    database.upgrade()
    options = {"version_table": f"{PREFIX}revision", "compare_type": True, "compare_server_default": True}
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
        migrated = {
            table: {column["name"]: (str(column["type"]), column["nullable"]) for column in found}
            for (_, table), found in inspect(connection).get_multi_columns().items()
        }
    with database.write() as connection:
        for table in reversed(METADATA.sorted_tables):
            table.drop(connection)
        METADATA.create_all(connection)
    with database.read() as connection:
        for (_, table), found in inspect(connection).get_multi_columns().items():
            assert {c["name"]: (str(c["type"]), c["nullable"]) for c in found} == migrated[table]
    database.close()


CALENDAR = {
    "working_days": [1, 2, 3, 4, 5],
    "holidays": [],
    "opens": "09:00:00",
    "closes": "17:00:00",
    "time_zone": "UTC",
}
OLD_ROWS: dict[str, list[dict[str, object]]] = {
    "project": [
        {"key": 1, "account_id": "7", "id": "1", "name": "Line", "status": "Active", "start_date": "2025-03-03"}
        | {"calendar": json.dumps(CALENDAR), "zones": json.dumps({"policy": "static"}), "baseline": 1, "revision": 0}
        | {"version": 1, "evaluated_at": datetime(2025, 3, 3, 9, tzinfo=UTC)}
    ],
    "task": [
        {"project_key": 1, "id": str(n), "position": n - 1, "name": f"Task {n}", "duration": 5.0, "percent": 0.0}
        | {"planned_start": 5.0 * (n - 1), "planned_finish": 5.0 * n, "status": "NotStarted", "revision": 0}
        for n in (1, 2)
    ],
    "link": [{"project_key": 1, "position": 0, "predecessor": "1", "successor": "2", "type": "FS", "lag": 0.0}],
    "chain": [{"project_key": 1, "id": "c", "position": 0, "kind": "critical", "tasks": json.dumps([1, 2])}],
    "buffer": [{"project_key": 1, "id": "PB", "position": 0, "chain": "c", "size": 5.0}],
}


def test_an_older_database_is_refused_until_it_is_upgraded_and_keeps_its_data(database_url: str) -> None:
    database = Database(database_url)
    database.upgrade("0001")
    with database.write() as connection:
        for name, rows in OLD_ROWS.items():
            for row in rows:
                columns = ", ".join(row)
                values = ", ".join(f":{column}" for column in row)
                connection.execute(text(f"INSERT INTO {PREFIX}{name} ({columns}) VALUES ({values})"), row)  # noqa: S608
    with pytest.raises(InvalidInputError, match=r"revision 0001, .* run `chainbell db upgrade`"):
        Engine(database_url, keys=[generate_key()])
    assert database.upgrade() == "0001"
    database.close()
    with Engine(database_url, keys=[generate_key()]) as engine:
        assert engine.status(1).promise.isoformat() == "2025-03-21"
        fired = engine.apply(task_update(1, "2025-03-04T09:00:00Z", status="InProgress", remainingDuration=6))
        assert [event.name for event in fired] == ["task.status_changed", "task.duration_changed"]
        assert engine.status(1).buffer_consumption == 40


def test_a_newer_database_is_left_alone(engine: Engine, database_url: str) -> None:
    with engine.database.write() as connection:
        connection.execute(text(f"UPDATE {PREFIX}revision SET version_num = '9999'"))  # noqa: S608
    with pytest.raises(InvalidInputError, match="newer than this chainbell"):
        Engine(database_url, keys=[generate_key()])
    with pytest.raises(migrations.RevisionError, match="newer"):
        engine.database.upgrade()


SCRIPT = """
import json, sys
from sqlalchemy import inspect
from chainbell.engine import Engine
plan, change = json.load(sys.stdin)
with Engine(sys.argv[1], keys=[sys.argv[2]]) as engine:
    engine.database.upgrade()
    engine.load(plan)
    engine.apply(change)
    tables = inspect(engine.database.engine).get_table_names(schema=sys.argv[3] or None)
    print(json.dumps([engine.status(1).tasks[0].status, tables]))
"""


def tables_of(url: str, schema: str = "", **variables: str) -> list[str]:
    """Where the tables are, told by a process of its own: the variables count when chainbell is first imported."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, url, generate_key(), schema],
        input=json.dumps([line_plan(), task_update(1, "2025-03-03T09:00:00Z", status="InProgress")]),
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    status, tables = json.loads(run.stdout.splitlines()[-1])
    assert status == "InProgress"
    return list(tables)


def test_tables_take_the_host_s_prefix(database_url: str) -> None:
    assert {"ccpm_project", "ccpm_revision"} <= set(tables_of(database_url, CHAINBELL_TABLE_PREFIX="ccpm_"))


def test_tables_live_in_the_host_s_schema(postgresql_url: str) -> None:
    schema = "planning"
    tables = tables_of(postgresql_url, schema, CHAINBELL_SCHEMA=schema)
    assert {"chainbell_project", "chainbell_revision"} <= set(tables)


def _insert(database: Database, rows: dict[str, list[dict[str, Any]]]) -> None:
    with database.write() as connection:
        for name, found in rows.items():
            for row in found:
                names, values = ", ".join(row), ", ".join(f":{column}" for column in row)
                connection.execute(text(f"INSERT INTO {PREFIX}{name} ({names}) VALUES ({values})"), row)  # noqa: S608


def test_a_history_from_before_baselines_were_kept_as_planned_stays_readable(database_url: str) -> None:
    database, made = Database(database_url), datetime(2025, 3, 3, 9, tzinfo=UTC)
    database.upgrade("0001")
    _insert(database, OLD_ROWS)
    database.upgrade("0004")
    old = line_plan(5, 5, buffer=5)
    old["chains"][0]["id"] = old["buffers"][0]["chain"] = "c"
    point = {"key": 1, "project_key": 1, "at": made, "baseline": 1, "completion": 0.0, "consumption": 0.0}
    baseline = {"project_key": 1, "number": 1, "made_at": made, "plan": json.dumps(old)}
    _insert(database, {"baseline": [baseline], "fever_point": [{**point, "zone": "green"}]})
    assert database.upgrade() == "0004"
    database.close()
    with Engine(database_url, keys=[generate_key()]) as engine:
        (first,) = engine.baselines(1)
        assert (first.planned, first.notes, first.plan) == (None, (), old)
        assert [one.recorded_at for one in engine.status(1).trail] == [None]
        assert engine.load(old, at=made) == []
        engine.load({**old, "tasks": [{**task, "duration": 6} for task in old["tasks"]]}, at=made)
        _, second = engine.baselines(1)
        assert {change.field for change in second.changes} == {"tasks[1].duration", "tasks[2].duration"}


def test_registrations_from_before_subscriptions_get_what_they_asked_for(database_url: str) -> None:
    database, made = Database(database_url), datetime(2025, 3, 3, 9, tzinfo=UTC)
    database.upgrade("0001")
    _insert(database, OLD_ROWS)
    database.upgrade("0006")
    common = {"account_id": "7", "name": "old", "url": "https://example.com/", "secret": "sealed", "headers": "{}"}
    counters = {"total_calls": 0, "successful_calls": 0, "failed_calls": 0}
    asked = {"one": ["task.status_changed", "task.red"], "other": ["task.red"], "third": ["task.status_changed"]}
    _insert(database, {"webhook": [
        {**common, **counters, "id": name, "events": json.dumps(names), "body_format": "compact", "is_active": False,
         "created_at": made} for name, names in asked.items()
    ]})  # fmt: skip
    assert database.upgrade() == "0006"
    with database.read() as connection:
        found = subscriptions.subscribers(connection, 7, ["task.status_changed", "task.ready"], 10)
    database.close()
    assert [(one.event, one.webhook_id) for one in found] == [
        ("task.status_changed", "one"), ("task.status_changed", "third")
    ]  # fmt: skip
