"""The tables of who asks for which events, and of deliveries that are promised to many of them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlmodel import Field

from chainbell.rules import HostId
from chainbell.storage.metadata import QUALIFIED, Kept
from chainbell.storage.types import HostIdType, Instant


class SubscriptionRow(Kept, table=True):
    """A webhook asks for an event since the revision `since`, and no more from `until` on, if that is set."""

    __table_args__ = (Index(None, "webhook_id"),)

    account_id: HostId = Field(primary_key=True, sa_type=HostIdType)
    event: str = Field(primary_key=True, max_length=64)
    webhook_id: str = Field(
        primary_key=True, sa_column_args=(ForeignKey(f"{QUALIFIED}webhook.id", ondelete="CASCADE"),), max_length=64
    )
    since: int = Field(primary_key=True)
    until: int | None


class AudienceRow(Kept, table=True):
    """The revision of the registrations of an account."""

    account_id: HostId = Field(primary_key=True, sa_type=HostIdType)
    revision: int


class FanoutRow(Kept, table=True):
    """An event for all who asked for it at `revision`; the deliveries to webhooks up to `written_to` are written."""

    __table_args__ = (Index(None, "account_id", "position"),)

    position: int | None = Field(default=None, primary_key=True)
    account_id: HostId = Field(sa_type=HostIdType)
    event_id: str = Field(
        sa_column_args=(ForeignKey(f"{QUALIFIED}event.id", ondelete="CASCADE"),), max_length=36, unique=True
    )
    revision: int
    written_to: str = Field(max_length=64)
    made_at: datetime = Field(sa_type=Instant)
