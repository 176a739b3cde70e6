"""Turns every error into an RFC 9457 problem document."""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from chainbell.engine.documents.fields import Document
from chainbell.engine.errors import (
    ConflictError,
    EvaluationError,
    InvalidInputError,
    NotFoundError,
    StaleChange,
    StorageError,
)
from chainbell.engine.http.requests import ENGINE
from chainbell.engine.http.threads import RETRY_SECONDS
from chainbell.engine.logs import Recurring, log

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STATUS: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (StaleChange, HTTPStatus.CONFLICT),
    (InvalidInputError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (EvaluationError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (ConflictError, HTTPStatus.CONFLICT),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The status of each error; the first match applies."""
tell_refused = Recurring("chainbell.requests_refused")
"""The log lines of a database that is away, full or locked."""
KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


class Problem(Document):
    """A problem document (RFC 9457); `field` and `reason` are present if a field is wrong."""

    type: str
    title: str
    status: int
    detail: str
    field: str = ""
    reason: str = ""


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **members: str) -> web.Response:
    """A problem document as a response; `members` are `field` and `reason`."""
    body = Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail, **members)
    text = json.dumps(body.model_dump(exclude_unset=True))
    return web.Response(status=status, text=text, content_type="application/problem+json", headers=headers)


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every error into a problem document; an unexpected error is logged, and its details are not shown."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        kept = {name: value for name, value in error.headers.items() if name in KEPT_HEADERS}
        return problem(error.status, error.text or error.reason, kept)
    except tuple(kind for kind, _ in STATUS) as error:
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        if isinstance(error, EvaluationError):
            log.error("chainbell.evaluation_refused", project_id=error.project_id, reason=error.reason)
            request.config_dict[ENGINE].core.metrics.refused.inc()
            return problem(
                status, f"project {error.project_id!r} cannot be evaluated; it has been logged", field="rules"
            )
        if isinstance(error, InvalidInputError):
            return problem(status, str(error), field=error.field, reason=error.reason)
        if isinstance(error, StorageError) and not error.is_passing:
            log.error("chainbell.request_failed", route=route_of(request), error=repr(error))
            return problem(500, "the database cannot take this; it has been logged")
        passes = status == HTTPStatus.SERVICE_UNAVAILABLE
        if passes:
            tell_refused(error)
        return problem(status, str(error), {"Retry-After": RETRY_SECONDS} if passes else None)
    except web.RequestPayloadError as error:
        return problem(400, f"the body cannot be read: {error}")
    except Exception as error:  # noqa: BLE001  the last resort of a server
        log.error("chainbell.request_failed", route=route_of(request), error=repr(error))
        return problem(500, "an error of chainbell's own; it has been logged")


def route_of(request: web.Request) -> str:
    """The template of the route, such as `/api/v1/projects/{projectId}`; never what a client has filled in."""
    resource = request.match_info.route.resource
    return "unknown" if resource is None else resource.canonical
