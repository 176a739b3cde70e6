"""Opens the engine for a command, and reads the ids and dates that people type."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import typer

from chainbell.delivery import DeliverySettings, GuardPolicy
from chainbell.engine.cli.app import Settings
from chainbell.engine.cli.printing import plain
from chainbell.engine.engine import Engine
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import FieldError, HostId
from chainbell.storage import Actor, Database

MOMENT = "an instant such as 2025-02-20T09:00Z, or a date, meaning the opening of that day in the project's time zone"
"""The help of every option that takes an instant or a date."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")


@contextmanager
def open_database(context: typer.Context, *, creates: bool = False) -> Iterator[Database]:
    """The database of the global options, at any revision."""
    settings: Settings = context.obj
    _refuse_missing(settings, creates)
    try:
        database = Database(settings.database)
    except FieldError as error:
        raise InvalidInputError(error.field, error.reason) from None
    try:
        yield database
    finally:
        database.close()


def open_engine(
    context: typer.Context,
    *,
    creates: Callable[[Engine], object] | None = None,
    deadline_seconds: float | None = None,
) -> Engine:
    """The engine on the database of the global options.

    A missing SQLite file is created only if `creates` is given. `creates` first runs on a database in memory, so that a
    refused command leaves no file. Without `creates`, a missing file is an error.
    """
    settings: Settings = context.obj
    is_new = _refuse_missing(settings, creates is not None)
    guard = GuardPolicy(allow_http=settings.allow_inside, allow_inside=settings.allow_inside)
    delivery = DeliverySettings(guard=guard)
    if deadline_seconds is not None:
        delivery = DeliverySettings(guard=guard, deadline_seconds=deadline_seconds)
    if is_new and creates is not None:
        with Engine("sqlite://", delivery=delivery) as rehearsal:
            creates(rehearsal)
    return Engine(settings.database, delivery=delivery)


def who() -> Actor:
    """The user of the operating system, for the audit trail."""
    try:
        import pwd

        return Actor(pwd.getpwuid(os.getuid()).pw_name, "cli")
    except (ImportError, KeyError):  # not Unix, or a user without a name
        return Actor(os.environ.get("USERNAME") or f"user {getattr(os, 'getuid', int)()}", "cli")


def nothing_to_refuse(_: Engine) -> None:
    """`creates` for commands that create a database and have nothing left to refuse."""


def _refuse_missing(settings: Settings, creates: bool) -> bool:
    """Whether the database is a missing SQLite file; raises InvalidInputError if it is and must not be created."""
    kind, _, path = settings.database.partition(":///")
    if not kind.startswith("sqlite") or path in ("", ":memory:") or path.startswith("file:"):
        return False
    if Path(path.partition("?")[0]).exists():
        return False
    if not creates:
        raise InvalidInputError("database", f"there is no {path}; `chainbell load` and `chainbell serve` make one")
    return True


def moment(text: str | None, field: str) -> date | datetime | None:
    """A date or an instant as typed; raises InvalidInputError for anything else, even a time without an offset."""
    if text is None:
        return None
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(field, f"{text[:40]!r}: {error}") from None
    raise InvalidInputError(
        field, f"{text[:40]!r} is neither a date (2025-02-20) nor an instant with its offset (2025-02-20T09:00Z)"
    )


def typed_id(text: str) -> list[HostId]:
    """The ids that a typed text may mean, the integer first; `int:7` and `str:7` are unambiguous."""
    kind, separator, rest = text.partition(":")
    if separator and kind == "str" and rest:
        return [rest]
    digits = rest if separator and kind == "int" else text
    is_integer = re.fullmatch(r"-?\d{1,16}", digits) is not None
    if separator and kind == "int" and is_integer:
        return [int(digits)]
    if text[:1] == "'" and len(text) > 1:
        return [text[1:], text]
    return [int(text), text] if is_integer and str(int(text)) == text else [text]


def chosen(what: str, text: str, there: Sequence[HostId]) -> HostId | None:
    """Which existing id is meant: the only one, or the one that the user chooses; None if there is none."""
    if len(there) < 2:
        return there[0] if there else None
    if not sys.stdin.isatty():
        raise InvalidInputError(what, f"{text!r} is an integer and a string here: write int:{text} or str:{text}")
    answer = typer.prompt(f"There are two {what}s {plain(text)}: the [i]nteger or the [s]tring", default="i")
    return there[0] if str(answer)[:1] != "s" else there[1]


def project_id(engine: Engine, text: str, account: HostId | None = None) -> HostId:
    """The project that the user means; raises InvalidInputError if there is none or the choice is ambiguous."""
    there = engine.portfolio.existing_projects(typed_id(text), account=account)
    found = chosen("project", text, there)
    if found is None:
        raise InvalidInputError("project", f"there is no project {text!r}")
    return found


def account_id(engine: Engine, text: str | None) -> Any:
    """The account that the user means; if none exists yet, the integer if the text is one."""
    if text is None:
        return None
    candidates = typed_id(text)
    found = chosen("account", text, engine.portfolio.existing_accounts(candidates))
    return candidates[0] if found is None else found


def new_id(text: str | None) -> HostId | None:
    """An id that nothing stored has yet: the integer if the text is one."""
    return None if text is None else typed_id(text)[0]
