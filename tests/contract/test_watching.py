"""A watched session refuses what it cannot apply as a change, and says what to use."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, delete, insert, inspect, update
from sqlalchemy.orm import Session, sessionmaker

from chainbell.engine import Engine, InvalidInputError
from chainbell.storage.tables import MilestoneRow, TaskRow, WebhookRow, table
from tests.hosts import hearing, started
from tests.plans import MONDAY, line_plan

DONE = {"project_key": 1, "id": 1, "status": "Completed"}
MADE: dict[str, Any] = {
    "project_key": 1,
    "id": 9,
    "position": 9,
    "name": "New",
    "planned_date": None,
    "deliverables": [],
    "achieved_at": None,
}


def first_task(session: Session) -> TaskRow:
    return session.get_one(TaskRow, (1, 1))


def edit_webhook(session: Session) -> None:
    session.query(WebhookRow).one().url = "http://127.0.0.1:2/"
    session.flush()


def delete_row(session: Session) -> None:
    session.delete(first_task(session))
    session.flush()


def add_row(session: Session) -> None:
    session.add(MilestoneRow(**MADE))
    session.flush()


def save_in_bulk(session: Session) -> None:
    task = first_task(session)
    task.status = "Completed"
    session.bulk_save_objects([task])


REFUSED: dict[str, tuple[Callable[[Session], object], str]] = {
    "update": (lambda session: session.execute(update(TaskRow).values(status="Completed")), "call engine.apply"),
    "update of the table": (lambda session: session.execute(update(table(TaskRow)).values(percent=1)), "engine.apply"),
    "by primary key": (lambda session: session.execute(update(TaskRow), [DONE]), "edit rows one by one"),
    "on the connection": (lambda session: session.connection().execute(delete(TaskRow)), "cancel tasks"),
    "query": (lambda session: session.query(TaskRow).update({"status": "Completed"}), "edit rows one by one"),
    "query to delete": (lambda session: session.query(TaskRow).delete(), "cancel tasks"),
    "delete": (lambda session: session.execute(delete(TaskRow)), "cancel tasks"),
    "insert": (lambda session: session.execute(insert(MilestoneRow).values(**MADE)), "engine.load"),
    "mappings": (lambda session: session.bulk_update_mappings(inspect(TaskRow), [DONE]), "edit rows one by one"),
    "new mappings": (lambda session: session.bulk_insert_mappings(inspect(MilestoneRow), [MADE]), "engine.load"),
    "objects": (save_in_bulk, "edit rows one by one"),
    "a new row": (add_row, "engine.load"),
    "a deleted row": (delete_row, "cancel tasks"),
    "a row of another kind": (edit_webhook, "call engine.apply"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_change_can_be_made_of_is_refused(engine: Engine, case: str) -> None:
    engine.load(line_plan(), at=MONDAY)
    engine.webhooks.add(7, "http://127.0.0.1:1/")
    heard, host = hearing(engine), create_engine(engine.database.url)
    sessions: Any = sessionmaker(host)
    engine.watch(sessions)
    work, instead = REFUSED[case]
    with sessions() as session:
        with pytest.raises(InvalidInputError, match="a watched session cannot") as refused:
            work(session)
        assert instead in refused.value.reason
        session.rollback()
        first_task(session).status = "InProgress"  # the session goes on as before
        session.commit()
    assert [event.name for event in heard][:1] == ["task.status_changed"]
    assert [task.status for task in engine.status(1).tasks] == ["InProgress", "NotStarted", "NotStarted"]
    host.dispose()


def test_a_watched_session_still_applies_and_another_one_is_free(engine: Engine) -> None:
    engine.load(line_plan(), at=MONDAY)
    host = create_engine(engine.database.url)
    sessions: Any = sessionmaker(host)
    engine.watch(sessions)
    with sessions() as session:
        engine.apply(started(), session=session)
        session.commit()
    with Session(host) as free:  # at the host's own risk, as the documentation says
        free.execute(update(TaskRow).values(name="Renamed"))
        free.rollback()
    assert engine.status(1).tasks[0].status == "InProgress"
    host.dispose()
