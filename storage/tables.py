"""One class a table. Coordinates (working days) are kept beside instants, so that reading needs no calendar."""

from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import JSON, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, Table, Text, UniqueConstraint
from sqlmodel import Field, false, text

from chainbell.rules import HostId
from chainbell.storage.metadata import QUALIFIED, Kept
from chainbell.storage.types import HostIdType, Instant


def _project_key() -> Any:
    return Field(primary_key=True, foreign_key=f"{QUALIFIED}project.key", ondelete="CASCADE")


class ProjectRow(Kept, table=True):
    """A project without its parts; `version` rises with each write, `red_tasks` are ids."""

    __table_args__ = (UniqueConstraint("account_id", "id"), Index(None, "id"), Index(None, "status", "key"))

    key: int | None = Field(default=None, primary_key=True)
    account_id: HostId = Field(sa_type=HostIdType)
    id: HostId = Field(sa_type=HostIdType)
    name: str
    status: str
    start_date: date
    target_end_date: date | None
    manager_id: HostId | None = Field(sa_type=HostIdType)
    team_size: int | None
    calendar: dict[str, Any] = Field(sa_type=JSON)
    zones: dict[str, Any] = Field(sa_type=JSON)
    options: dict[str, Any] | None = Field(sa_type=JSON)
    red_tasks: list[Any] | None = Field(sa_type=JSON)
    baseline: int
    revision: int
    version: int
    updated_at: datetime | None = Field(sa_type=Instant)
    evaluated_at: datetime | None = Field(sa_type=Instant)


class PersonRow(Kept, table=True):
    """A person, known to all projects of the account."""

    account_id: HostId = Field(primary_key=True, sa_type=HostIdType)
    id: HostId = Field(primary_key=True, sa_type=HostIdType)
    name: str
    email: str | None


class BaselineRow(Kept, table=True):
    """A baseline: `plan` as given, `planned` with derived dates, chains and buffers; it and `notes` may be null."""

    project_key: int = _project_key()
    number: int = Field(primary_key=True)
    made_at: datetime = Field(sa_type=Instant)
    plan: dict[str, Any] = Field(sa_type=JSON)
    planned: dict[str, Any] | None = Field(sa_type=JSON)
    notes: list[Any] | None = Field(sa_type=JSON)


class TaskRow(Kept, table=True):
    """A task: durations are working days, starts and finishes coordinates, `percent` is 0 to 100."""

    project_key: int = _project_key()
    id: HostId = Field(primary_key=True, sa_type=HostIdType)
    position: int
    name: str
    duration: float
    planned_start: float
    planned_finish: float
    status: str
    remaining: float | None
    percent: float
    started: float | None
    finished: float | None
    counted_from: float | None
    finished_at: datetime | None = Field(sa_type=Instant)
    updated_at: datetime | None = Field(sa_type=Instant)
    revision: int
    assigned_to_id: HostId | None = Field(sa_type=HostIdType)
    not_before: float | None


class LinkRow(Kept, table=True):
    """A link between two tasks; `lag` is working days."""

    project_key: int = _project_key()
    position: int = Field(primary_key=True)
    predecessor: HostId = Field(sa_type=HostIdType)
    successor: HostId = Field(sa_type=HostIdType)
    type: str
    lag: float
    resource: HostId | None = Field(sa_type=HostIdType)


class ChainRow(Kept, table=True):
    """A chain; `tasks` are ids in order of work."""

    project_key: int = _project_key()
    id: HostId = Field(primary_key=True, sa_type=HostIdType)
    position: int
    kind: str
    tasks: list[Any] = Field(sa_type=JSON)
    joins: HostId | None = Field(sa_type=HostIdType)


class BufferRow(Kept, table=True):
    """A buffer; `size` is working days."""

    project_key: int = _project_key()
    id: HostId = Field(primary_key=True, sa_type=HostIdType)
    position: int
    chain: HostId = Field(sa_type=HostIdType)
    size: float
    measure: str = Field(sa_column_kwargs={"server_default": "forecast"})


class MilestoneRow(Kept, table=True):
    """A milestone with its deliverables as JSON objects."""

    project_key: int = _project_key()
    id: HostId = Field(primary_key=True, sa_type=HostIdType)
    position: int
    name: str
    planned_date: date | None
    deliverables: list[Any] = Field(sa_type=JSON)
    achieved_at: datetime | None = Field(sa_type=Instant)


class LatchRow(Kept, table=True):
    """The memory of a rule about a subject, kept once it has fired: how often (`fired`), and whether it is armed."""

    project_key: int = _project_key()
    event: str = Field(primary_key=True, max_length=64)
    subject: HostId = Field(primary_key=True, sa_type=HostIdType)
    fired: int
    armed: bool


class FeverPointRow(Kept, table=True):
    """One point of the fever chart for each evaluation that moved it; percentages. Old ones are thinned, once."""

    __table_args__ = (Index(None, "project_key", "key"), Index(None, "is_thinned", "at"))

    key: int | None = Field(default=None, primary_key=True)
    project_key: int = Field(foreign_key=f"{QUALIFIED}project.key", ondelete="CASCADE")
    baseline: int
    at: datetime = Field(sa_type=Instant)
    recorded_at: datetime | None = Field(sa_type=Instant)
    completion: float
    consumption: float
    zone: str
    is_thinned: bool = Field(sa_column_kwargs={"server_default": false()})


class ChangeRow(Kept, table=True):
    """An accepted change: `at` is when it happened, `recorded_at` when it was told. `change_id` makes it idempotent
    within its project, and `digest` tells whether the same id brings other content."""

    __table_args__ = (UniqueConstraint("project_key", "change_id"),)

    key: int | None = Field(default=None, primary_key=True)
    project_key: int = Field(foreign_key=f"{QUALIFIED}project.key", ondelete="CASCADE")
    change_id: str | None = Field(max_length=255)
    kind: str
    at: datetime = Field(sa_type=Instant)
    recorded_at: datetime | None = Field(sa_type=Instant)
    digest: str | None = Field(max_length=64)
    body: dict[str, Any] = Field(sa_type=JSON)


class EventRow(Kept, table=True):
    """An event; `position` is the order of events in the database, `id` the UUID of the event itself."""

    __table_args__ = (
        *(Index(None, of, "position") for of in ("project_key", "account_id")),
        Index(None, "occurred_at"),
    )

    position: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True, max_length=36)
    project_key: int = Field(foreign_key=f"{QUALIFIED}project.key", ondelete="CASCADE")
    change_key: int = Field(foreign_key=f"{QUALIFIED}change.key", ondelete="CASCADE", index=True)
    account_id: HostId = Field(sa_type=HostIdType)
    project_id: HostId = Field(sa_type=HostIdType)
    name: str = Field(max_length=64)
    subject_id: HostId = Field(sa_type=HostIdType)
    occurred_at: datetime = Field(sa_type=Instant)
    data: dict[str, Any] = Field(sa_type=JSON)
    why: dict[str, Any] = Field(sa_type=JSON)


class WebhookRow(Kept, table=True):
    """A registration; its counters change together with the attempts that they count. Secrets and header values are
    sealed, except in `headers`, from before. `previous_secret` signs until `previous_until`, `failing_since` is the
    first failure after the last success, `deactivation` says why chainbell switched it off, `ca_certificates` (PEM)
    replace the public ones. A deleted one stays, inactive, for its log."""

    id: str = Field(primary_key=True, max_length=64)
    account_id: HostId = Field(sa_type=HostIdType, index=True)
    name: str
    url: str = Field(sa_type=Text)
    events: list[str] = Field(sa_type=JSON)
    secret: str = Field(sa_type=Text)
    headers: dict[str, str] = Field(sa_type=JSON)
    body_format: str
    is_active: bool
    created_at: datetime = Field(sa_type=Instant)
    last_triggered: datetime | None = Field(sa_type=Instant)
    total_calls: int
    successful_calls: int
    failed_calls: int
    previous_secret: str | None = Field(sa_type=Text)
    previous_until: datetime | None = Field(sa_type=Instant)
    retry_client_errors: bool = Field(sa_column_kwargs={"server_default": false()})
    failing_since: datetime | None = Field(sa_type=Instant)
    deactivation: str | None = Field(sa_type=Text)
    ca_certificates: str | None = Field(sa_type=Text)
    sealed_headers: dict[str, str] | None = Field(sa_type=JSON)
    deleted_at: datetime | None = Field(sa_type=Instant)


FILL_PERCENT = 60
"""How full PostgreSQL packs a page of deliveries: a row changes at least twice, and stays on its page if it can."""


def _partial_index(where: str, *columns: str) -> Index:
    return Index(None, *columns, sqlite_where=text(where), postgresql_where=text(where))


class DeliveryRow(Kept, table=True):
    """One message to one webhook. `id` travels as `webhookId`; `body` is sent as it stands, except for its retry count.

    A pending delivery is due at `next_attempt_at` unless it is leased; `fence` rises with each claim. A delivery that
    is sent again begins a new series of tries after the `tried_before` ones; `is_retry` is true from the second try of
    a series on. The indexes of what is pending or lost hold no delivered rows, and stay as small as the work left.
    """

    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        _partial_index("state = 'pending'", "webhook_id", "is_retry", "next_attempt_at"),
        _partial_index("state = 'pending'", "next_attempt_at"),
        _partial_index("finished_at IS NOT NULL", "finished_at"),
        _partial_index("state IN ('failed', 'expired')", "webhook_id", "created_at"),
        {"postgresql_with": {"fillfactor": FILL_PERCENT}},
    )

    id: str = Field(primary_key=True, max_length=64)
    webhook_id: str = Field(sa_column_args=(ForeignKey(f"{QUALIFIED}webhook.id", ondelete="CASCADE"),), max_length=64)
    event_id: str | None = Field(max_length=36)
    event: str = Field(max_length=64)
    body: bytes = Field(sa_type=LargeBinary)
    state: str = Field(max_length=16)
    attempts: int
    next_attempt_at: datetime = Field(sa_type=Instant)
    lease_until: datetime | None = Field(sa_type=Instant)
    fence: int
    created_at: datetime = Field(sa_type=Instant)
    finished_at: datetime | None = Field(sa_type=Instant)
    tried_before: int = Field(sa_column_kwargs={"server_default": "0"})
    is_retry: bool = Field(sa_column_kwargs={"server_default": false()})


class AttemptRow(Kept, table=True):
    """One HTTP request: numbered from 1 within its delivery, without gaps."""

    __table_args__ = (
        ForeignKeyConstraint(["delivery_id"], [f"{QUALIFIED}delivery.id"], ondelete="CASCADE"),
        Index(None, "webhook_id", "started_at"),
        Index(None, "started_at"),
    )

    delivery_id: str = Field(primary_key=True, max_length=64)
    number: int = Field(primary_key=True)
    webhook_id: str = Field(max_length=64)
    event: str = Field(max_length=64)
    started_at: datetime = Field(sa_type=Instant)
    duration_ms: int
    outcome: str = Field(max_length=32)
    http_status: int | None
    error: str | None = Field(sa_type=Text)
    response: str | None = Field(sa_type=Text)


def table(row: type[Kept]) -> Table:
    """The Core table of a row class."""
    return cast("Table", row.__table__)  # type: ignore[attr-defined]
