"""The routes of webhook registrations, as the reference has them."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from chainbell.engine.documents.fields import Document, Instant, Text
from chainbell.engine.documents.webhook import log_entry, log_key, wire_webhook
from chainbell.engine.errors import InvalidInputError, NotFoundError
from chainbell.engine.http.requests import answer, document_of, in_thread, view_of, whole_number
from chainbell.rules.payload import camel_case

routes = web.RouteTableDef()
PAGE, LARGEST_PAGE = 50, 1000
MOST_HEADERS = 50

EventNames = Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)]
Headers = Annotated[dict[str, str], Field(max_length=MOST_HEADERS)]
Secret = Annotated[Text, Field(max_length=500)]
Certificates = Annotated[Text, Field(max_length=100_000)]
Url = Annotated[Text, Field(max_length=2048)]


class Registration(Document):
    """The body of a registration; without a secret one is generated and shown in the answer, once."""

    name: Text
    url: Url
    events: EventNames
    secret: Secret | None = None
    is_active: bool = True
    headers: Headers = Field(default_factory=dict)
    body_format: Literal["compact", "spaced"] = "compact"
    retry_client_errors: bool = False
    ca_certificates: Certificates | None = None


class Update(Document):
    """What is left out stays as it is; `caCertificates` may be null, for the public authorities again."""

    name: Text | None = None
    url: Url | None = None
    events: EventNames | None = None
    secret: Secret | None = None
    is_active: bool | None = None
    headers: Headers | None = None
    body_format: Literal["compact", "spaced"] | None = None
    retry_client_errors: bool | None = None
    ca_certificates: Certificates | None = None


class TestEvent(Document):
    event: Text
    data: dict[str, Any] | None = None


class Rotation(Document):
    secret: Secret | None = None
    overlap_hours: Annotated[float, Field(ge=0, le=720, allow_inf_nan=False)] = 24.0


class Recovery(Document):
    since: Instant


@routes.get("/api/v1/webhooks")
async def list_webhooks(request: web.Request) -> web.Response:
    found = await in_thread(view_of(request).webhooks.list)
    return answer({"value": [wire_webhook(webhook) for webhook in found]})


@routes.post("/api/v1/webhooks")
async def register(request: web.Request) -> web.Response:
    document = await document_of(request, Registration)
    fields = document.model_dump(exclude={"url"})
    webhook, secret = await in_thread(view_of(request).webhooks.add, document.url, **fields)
    shown = {} if document.secret is not None else {"secret": secret}
    location = {"Location": f"{request.path}/{webhook.id}"}
    return answer({**wire_webhook(webhook, whole=True), **shown}, 201, location)


@routes.get("/api/v1/webhooks/{id}")
async def read(request: web.Request) -> web.Response:
    webhook = await in_thread(view_of(request).webhooks.get, request.match_info["id"])
    backlog = await in_thread(view_of(request).webhooks.backlog, webhook.id)
    return answer({**wire_webhook(webhook, whole=True), "deliveries": backlog})


@routes.put("/api/v1/webhooks/{id}")
async def update(request: web.Request) -> web.Response:
    document = await document_of(request, Update)
    changes = document.model_dump(exclude_unset=True)
    for name, value in changes.items():
        if value is None and name != "ca_certificates":
            raise InvalidInputError(camel_case(name), "is null; leave out what is to stay")
    webhook = await in_thread(view_of(request).webhooks.update, request.match_info["id"], **changes)
    return answer(wire_webhook(webhook, whole=True))


@routes.delete("/api/v1/webhooks/{id}")
async def delete(request: web.Request) -> web.Response:
    await in_thread(view_of(request).webhooks.delete, request.match_info["id"])
    return web.Response(status=204)


@routes.patch("/api/v1/webhooks/{id}/pause")
async def pause(request: web.Request) -> web.Response:
    webhook = await in_thread(view_of(request).webhooks.pause, request.match_info["id"])
    return answer(wire_webhook(webhook, whole=True))


@routes.patch("/api/v1/webhooks/{id}/resume")
async def resume(request: web.Request) -> web.Response:
    webhook = await in_thread(view_of(request).webhooks.resume, request.match_info["id"])
    return answer(wire_webhook(webhook, whole=True))


@routes.post("/api/v1/webhooks/{id}/test")
async def test(request: web.Request) -> web.Response:
    document = await document_of(request, TestEvent)
    attempt = await view_of(request).webhooks.test(request.match_info["id"], document.event, document.data)
    return answer(log_entry(attempt))


@routes.get("/api/v1/webhooks/{id}/logs")
async def logs(request: web.Request) -> web.Response:
    status = request.query.get("status")
    if status not in (None, "success", "failed"):
        raise InvalidInputError("status", "is neither 'success' nor 'failed'")
    attempts = await in_thread(
        view_of(request).webhooks.log,
        request.match_info["id"],
        whole_number(request, "$top", PAGE, LARGEST_PAGE),
        skip=whole_number(request, "$skip", 0, 10**8),
        succeeded=None if status is None else status == "success",
        event=request.query.get("event"),
    )
    return answer({"value": [log_entry(attempt) for attempt in attempts]})


@routes.post("/api/v1/webhooks/{id}/logs/{log}/resend")
async def resend(request: web.Request) -> web.Response:
    key = log_key(request.match_info["log"])
    if key is None:
        raise NotFoundError("logId", "is no id of a log entry")
    await in_thread(view_of(request).webhooks.resend, request.match_info["id"], key)
    return answer({"webhookId": request.match_info["id"], "deliveryId": key, "status": "pending"}, 202)


@routes.post("/api/v1/webhooks/{id}/recover")
async def recover(request: web.Request) -> web.Response:
    document = await document_of(request, Recovery)
    count = await in_thread(view_of(request).webhooks.recover, request.match_info["id"], document.since)
    return answer({"webhookId": request.match_info["id"], "recovered": count}, 202)


@routes.post("/api/v1/webhooks/{id}/rotate-secret")
async def rotate(request: web.Request) -> web.Response:
    document = Rotation() if not await request.read() else await document_of(request, Rotation)
    secret = await in_thread(
        view_of(request).webhooks.rotate,
        request.match_info["id"],
        secret=document.secret,
        overlap=timedelta(hours=document.overlap_hours),
    )
    return answer({"webhookId": request.match_info["id"], "secret": secret, "overlapHours": document.overlap_hours})


__all__ = ["Recovery", "Registration", "Rotation", "TestEvent", "Update", "routes"]
