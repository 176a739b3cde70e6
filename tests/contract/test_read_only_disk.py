"""A database that takes nothing says so from every method, and what it took before stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from chainbell.engine import Engine, StorageError
from tests.plans import MONDAY, line_plan, task_update

AT = MONDAY.isoformat()
WRITING: dict[str, Callable[[Engine, str], Any]] = {
    "load": lambda engine, _: engine.load(line_plan(project_id=2), at=MONDAY),
    "apply": lambda engine, _: engine.apply(task_update(1, AT, status="InProgress")),
    "apply_each": lambda engine, _: engine.apply_each([task_update(1, AT, status="InProgress")]),
    "reevaluate": lambda engine, _: engine.reevaluate(MONDAY.replace(day=28)),
    "webhooks.add": lambda engine, _: engine.webhooks.add(7, "https://example.com/"),
    "webhooks.pause": lambda engine, webhook: engine.webhooks.pause(7, webhook),
    "webhooks.rotate": lambda engine, webhook: engine.webhooks.rotate(7, webhook),
    "webhooks.delete": lambda engine, webhook: engine.webhooks.delete(7, webhook),
    "tokens.add": lambda engine, _: engine.tokens.add(7),
    "tokens.revoke": lambda engine, _: engine.tokens.revoke(7),
    "portfolio.retain": lambda engine, _: engine.portfolio.retain(),
    "portfolio.erase_account": lambda engine, _: engine.portfolio.erase_account(7),
    "portfolio.erase_person": lambda engine, _: engine.portfolio.erase_person(7, 1),
}


@pytest.mark.parametrize("name", WRITING)
def test_every_method_that_writes_says_that_the_disk_is_read_only(tmp_path: Path, name: str) -> None:
    with Engine(f"sqlite:///{tmp_path / 'r.db'}") as engine:
        engine.load(line_plan(), at=MONDAY)
        webhook, _ = engine.webhooks.add(7, "https://example.com/")
        event.listen(engine.database.engine, "connect", lambda one, _: one.execute("PRAGMA query_only = ON"))
        engine.database.engine.dispose()
        with pytest.raises(StorageError, match="readonly"):
            WRITING[name](engine, webhook.id)
        assert engine.status(1).tasks[0].status == "NotStarted"
        assert [one.id for one in engine.webhooks.list(7)] == [webhook.id]
