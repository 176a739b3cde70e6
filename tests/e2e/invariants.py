"""Proves the invariants of what is kept from the database alone."""

import json
from typing import Any

from sqlalchemy import select, text

from chainbell.delivery import message_id
from chainbell.delivery.retry import OURS
from chainbell.engine import Engine
from chainbell.storage import METADATA


def rows(engine: Engine, name: str) -> list[dict[str, Any]]:
    return snapshot(engine, name)[0]


def snapshot(engine: Engine, *names: str) -> list[list[dict[str, Any]]]:
    """The rows of these tables as they were together at one moment."""
    tables = [METADATA.tables[f"chainbell_{name}"] for name in names]
    with engine.database.read() as connection:
        if not engine.database.is_sqlite:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        return [[dict(row) for row in connection.execute(select(table)).mappings()] for table in tables]


def check_invariants(engine: Engine) -> None:
    """Raises AssertionError where state, events, deliveries, attempts and counters do not belong together."""
    events = {event["id"]: event for event in rows(engine, "event")}
    changes = {change["key"] for change in rows(engine, "change")}
    webhooks = rows(engine, "webhook")
    deliveries = {delivery["id"]: delivery for delivery in rows(engine, "delivery")}
    attempts = rows(engine, "attempt")
    assert all(event["change_key"] in changes for event in events.values())
    expected = {
        message_id(event["id"], event["occurred_at"], webhook["id"])
        for event in events.values()
        for webhook in webhooks
        if event["name"] in webhook["events"] and event["account_id"] == webhook["account_id"]
    }
    assert set(deliveries) == expected, "one delivery for each event and webhook"
    for delivery in deliveries.values():
        body = json.loads(delivery["body"])
        assert body["webhookId"] == delivery["id"]
        assert body["data"] == events[delivery["event_id"]]["data"]
        numbers = sorted(attempt["number"] for attempt in attempts if attempt["delivery_id"] == delivery["id"])
        assert numbers == list(range(1, delivery["attempts"] + 1)), "attempts numbered without gaps"
    for webhook in webhooks:
        of_it = [attempt for attempt in attempts if attempt["webhook_id"] == webhook["id"]]
        log = [attempt for attempt in of_it if attempt["outcome"] not in OURS]
        succeeded = sum(attempt["http_status"] == 200 for attempt in log)
        counters = (webhook["total_calls"], webhook["successful_calls"], webhook["failed_calls"])
        assert counters == (len(log), succeeded, len(log) - succeeded), "counters equal the log"
