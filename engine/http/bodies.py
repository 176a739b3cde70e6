"""The bodies and queries of the management API, checked field by field."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, RootModel, Strict

from chainbell.engine.documents.change import Change
from chainbell.engine.documents.fields import Document, Instant, Text

MOST_HEADERS = 50
MOST_CHANGES = 10_000
PAGE, LARGEST_PAGE = 50, 1000
MOST_SKIPPED = 10_000
"""Entries of a log that `$skip` passes over: each is read. What lies further back is reached by `before`."""
LONGEST_ENTRY_ID = 200
"""Characters of the id of a log entry, which are fewer."""

Flag = Annotated[bool, Strict()]
EventNames = Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)]
Headers = Annotated[dict[str, str], Field(max_length=MOST_HEADERS)]
Secret = Annotated[Text, Field(max_length=500)]
Certificates = Annotated[Text, Field(max_length=100_000)]
Url = Annotated[Text, Field(max_length=2048)]


class Registration(Document):
    """A registration; without a secret, one is generated and shown once, in the answer."""

    name: Text
    url: Url
    events: EventNames
    secret: Secret | None = None
    is_active: Flag = True
    headers: Headers = Field(default_factory=dict)
    body_format: Literal["compact", "spaced"] = "compact"
    retry_client_errors: Flag = False
    ca_certificates: Certificates | None = None


class Update(Document):
    """Fields that are left out stay unchanged; `caCertificates: null` returns to the public authorities."""

    name: Text | None = None
    url: Url | None = None
    events: EventNames | None = None
    secret: Secret | None = None
    is_active: Flag | None = None
    headers: Headers | None = None
    body_format: Literal["compact", "spaced"] | None = None
    retry_client_errors: Flag | None = None
    ca_certificates: Certificates | None = None


class TestEvent(Document):
    """A test event: its name, and optional data to send."""

    event: Text
    data: dict[str, Any] | None = None


class Rotation(Document):
    """The new secret, generated if it is left out, and how long the old one also signs."""

    secret: Secret | None = None
    overlap_hours: Annotated[float, Strict(), Field(ge=0, le=720, allow_inf_nan=False)] = 24.0


class Recovery(Document):
    """Failed deliveries created at this instant or later are made due again."""

    since: Instant


class Query(Document):
    """Query parameters, by their names on the wire alone."""

    model_config = ConfigDict(populate_by_name=False)


class LogQuery(Query):
    """A page of the log, optionally of one result or one event only.

    `$skip` passes over entries one by one; `before`, the id of an entry, goes on behind it wherever it stands.
    """

    top: Annotated[int, Field(alias="$top", ge=0, le=LARGEST_PAGE)] = PAGE
    skip: Annotated[int, Field(alias="$skip", ge=0, le=MOST_SKIPPED)] = 0
    before: Annotated[Text, Field(max_length=LONGEST_ENTRY_ID)] | None = None
    status: Literal["success", "failed"] | None = None
    event: Text | None = None


class EventQuery(Query):
    """The newest events up to a number, optionally of one project or one name only."""

    project_id: Text | None = None
    event: Text | None = None
    top: Annotated[int, Field(alias="$top", ge=0, le=LARGEST_PAGE)] = 100


class AnyChange(RootModel[Change]):
    """A state change; `kind` says which."""


Changes = AnyChange | Annotated[list[AnyChange], Field(max_length=MOST_CHANGES)]
