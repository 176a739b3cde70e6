"""A large database, made in bulk by the database itself: webhooks, projects, deliveries that wait and that are done."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from chainbell.engine import Engine

ACCOUNT, OTHER = 1, 2
"""The account that has everything, and one without any webhook."""
NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 100
"""Over how many days what is done is spread."""
EVENT = "task.completed"
"""What everybody asks for; nobody asks for what fires when a project starts."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many there are of each."""

    pending: int
    finished: int
    webhooks: int
    projects: int


def scaled(scale: float) -> Sizes:
    """The sizes at a scale of 1 are those that chainbell is designed for."""
    return Sizes(int(1_000_000 * scale), int(5_000_000 * scale), int(10_000 * min(1, 5 * scale)), int(100_000 * scale))


def build(engine: Engine, sizes: Sizes) -> None:
    """Fills an engine's empty database; two projects of `ACCOUNT` and `OTHER` are real, the others only have a row."""
    for account in (ACCOUNT, OTHER):
        engine.load(plan(account), at=NOW)
    webhook, _ = engine.webhooks.add(ACCOUNT, "https://example.com/", events=[EVENT])
    for statement in _statements(engine.database.is_sqlite, sizes, webhook.id):
        with engine.database.write() as connection:
            connection.execute(text(statement))
    analyze(engine)


def analyze(engine: Engine) -> None:
    """What autovacuum does on a server by and by; SQLite plans without it."""
    if not engine.database.is_sqlite:
        with engine.database.engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            alone.exec_driver_sql("VACUUM ANALYZE")


def plan(account: int) -> dict[str, object]:
    tasks = list(range(1, 101))
    return {
        "accountId": account,
        "project": {"id": f"real-{account}", "name": "Real", "status": "Active", "startDate": "2026-06-01"},
        "tasks": [{"id": task, "name": f"Task {task}", "duration": 2} for task in tasks],
        "links": [{"from": task, "to": task + 1} for task in tasks[:-1]],
    }


def count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM chainbell_{table}")).scalar_one())


def _statements(is_sqlite: bool, sizes: Sizes, template: str) -> list[str]:
    """SQL that copies a real webhook and project, and makes deliveries with their attempts, events and points."""

    def series(last: int) -> str:
        if is_sqlite:
            return (
                f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {last}) SELECT n FROM s) s"
            )
        return f"(SELECT n FROM generate_series(1::bigint, {last}::bigint) AS n) s"

    def at(seconds: str) -> str:
        """So many seconds before now."""
        if is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%f', '{NOW:%Y-%m-%d}', '-' || ({seconds}) || ' seconds') || '000'"
        return f"(TIMESTAMPTZ '{NOW:%Y-%m-%d} 00:00:00+00' - ({seconds}) * INTERVAL '1 second')"

    def hex_of(number: str) -> str:
        return f"printf('%012x', {number})" if is_sqlite else f"lpad(to_hex({number}), 12, '0')"

    body = "zeroblob(600)" if is_sqlite else "decode(repeat('7b', 600), 'hex')"
    webhook = f"'wh_' || {hex_of(f'(s.n * 7919) % {sizes.webhooks}')}"
    age = f"{DAYS * 86_400} - s.n * {DAYS * 86_400 / max(1, sizes.finished)}"
    no, yes = ("0", "1") if is_sqlite else ("false", "true")
    columns = (
        "id, webhook_id, event_id, event, body, state, attempts, next_attempt_at, lease_until, fence, created_at, "
        "finished_at, tried_before, is_retry"
    )
    copied = "account_id, name, url, events, secret, headers, body_format, is_active, created_at"
    of_project = "name, status, start_date, calendar, zones, baseline, revision, version"
    return [
        f"INSERT INTO chainbell_webhook (id, {copied}, total_calls, successful_calls, failed_calls) "
        f"SELECT 'wh_' || {hex_of('s.n - 1')}, {copied}, 0, 0, 0 FROM chainbell_webhook, {series(sizes.webhooks)} "
        f"WHERE id = '{template}'",
        "INSERT INTO chainbell_subscription (account_id, event, webhook_id, since) SELECT account_id, "
        f"'{EVENT}', id, 1 FROM chainbell_webhook WHERE id <> '{template}'",
        f"INSERT INTO chainbell_project (account_id, id, {of_project}) SELECT account_id, 's' || s.n, {of_project} "
        f"FROM chainbell_project, {series(sizes.projects)} WHERE id = 'real-{ACCOUNT}'",
        "INSERT INTO chainbell_fever_point (project_key, baseline, at, completion, consumption, zone) "
        f"SELECT key, 1, {at('s.n * 4000000')}, s.n, s.n, 'green' FROM chainbell_project, {series(10)}",
        "INSERT INTO chainbell_event (id, project_key, change_key, account_id, project_id, name, subject_id, "
        "occurred_at, data, why) SELECT p.key || '-' || s.n, p.key, (SELECT min(key) FROM chainbell_change), "
        f"p.account_id, p.id, 'task.red', '1', {at('s.n * 3000000')}, '{{}}', '{{}}' FROM chainbell_project p, "
        f"{series(5)}",
        f"INSERT INTO chainbell_delivery ({columns}) SELECT 'wh_' || {hex_of('s.n')} || 'done', {webhook}, "
        f"'done-' || s.n, 'task.red', {body}, 'delivered', 1, {at(age)}, NULL, 1, {at(age)}, {at(age)}, 0, {no} "
        f"FROM {series(sizes.finished)}",
        "INSERT INTO chainbell_attempt (delivery_id, number, webhook_id, event, started_at, duration_ms, outcome, "
        "http_status, response) SELECT id, 1, webhook_id, event, finished_at, 20, 'answered', 200, 'OK' "
        "FROM chainbell_delivery",
        f"INSERT INTO chainbell_delivery ({columns}) SELECT 'wh_' || {hex_of('s.n')} || 'wait', {webhook}, "
        f"'wait-' || s.n, 'task.red', {body}, 'pending', 0, {at('3600 - s.n * 0.003')}, NULL, 0, "
        f"{at('3600 - s.n * 0.003')}, NULL, 0, CASE WHEN s.n % 10 = 0 THEN {yes} ELSE {no} END "
        f"FROM {series(sizes.pending)}",
    ]
