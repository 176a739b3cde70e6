"""What a change says: whether it was said before, and how it is kept."""

import json
from datetime import UTC
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from chainbell.engine.documents.change import Change
from chainbell.engine.documents.plan import PlanDocument
from chainbell.engine.errors import InvalidInputError


def refuse_other(change: Change, digest: str, known: str | None) -> None:
    """Refuses a known `changeId` with another content; a change stored before digests existed counts as the same."""
    if known is not None and known != digest:
        raise InvalidInputError("changeId", f"{change.change_id!r} was given to another change already")


def is_same_plan(kept: dict[str, Any], plan: PlanDocument) -> bool:
    """Whether a stored document says the same as the plan; one that is no longer valid does not."""
    try:
        return PlanDocument.model_validate(kept) == plan
    except ValidationError:
        return False


def digest_of(change: Change) -> str:
    """Tells two changes with one `changeId` apart by what they say, however it is written. It leaves out the account,
    which may be named or not, and an instant that the clock gave."""
    if change.change_id is None:
        return ""
    said = change.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"account_id", "at"})
    if "at" in change.model_fields_set:
        said["at"] = change.at.astimezone(UTC).isoformat()
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def body_of(change: Change) -> dict[str, Any]:
    """The change as it is stored: what was given, plus the instant if the clock gave it."""
    given: dict[str, Any] = change.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return given if "at" in given else {**given, "at": change.at.isoformat()}
