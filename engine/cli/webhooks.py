"""`webhooks add|list|pause|resume|delete|test|logs|resend|recover|rotate`."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer

from chainbell.engine.account import AccountWebhooks
from chainbell.engine.cli.app import COMMANDS, AsJson, app
from chainbell.engine.cli.opening import account_id, moment, open_engine, who
from chainbell.engine.cli.printing import count, print_json, say
from chainbell.engine.documents.webhook import log_entry, log_key, webhook_in_list
from chainbell.engine.engine import Engine
from chainbell.engine.errors import InvalidInputError
from chainbell.rules.payload import wire
from chainbell.storage import Attempt, Webhook

webhooks_app = typer.Typer(no_args_is_help=True, help=COMMANDS["webhooks"][1])
app.add_typer(webhooks_app, name="webhooks")
WebhookArgument = Annotated[str, typer.Argument(help="The id of the webhook, as `webhooks list` shows it.")]


def _of(engine: Engine, webhook_id: str) -> AccountWebhooks:
    """The webhooks of the account that has this one, as the user who types sees them; raises NotFoundError."""
    return engine.for_account(engine.webhooks.account_of(webhook_id), actor=who()).webhooks


@webhooks_app.command("add")
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The URL that receives the deliveries.")],
    account: Annotated[str, typer.Option(help="The account whose events are delivered.")],
    name: Annotated[str, typer.Option(help="A name for people.")] = "webhook",
    event: Annotated[
        list[str] | None, typer.Option(help="An event to deliver; repeat for more. All by default.")
    ] = None,
    secret: Annotated[
        str | None, typer.Option(help="The signing secret; if omitted, it is generated and shown once.")
    ] = None,
    header: Annotated[list[str] | None, typer.Option(help="A custom header, `Name: value`; repeat for more.")] = None,
    body_format: Annotated[
        str, typer.Option(help="compact, or spaced for receivers that re-serialise in Python.")
    ] = "compact",
    ca: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="PEM certificates to trust instead of the public authorities."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Registers an endpoint. Plain http and inside addresses need `chainbell --allow-inside`."""
    headers = {}
    for line in header or []:
        key, separator, value = line.partition(":")
        if not separator:
            raise InvalidInputError("header", f"{line!r} is not `Name: value`")
        headers[key.strip()] = value.strip()

    def registered(engine: Engine) -> tuple[Webhook, str]:
        return engine.webhooks.add(
            account_id(engine, account),
            url,
            name=name,
            events=event,
            secret=secret,
            headers=headers,
            body_format=body_format,
            ca_certificates=None if ca is None else ca.read_text(encoding="utf-8", errors="replace"),
            actor=who(),
        )

    with open_engine(context, creates=registered) as engine:
        webhook, plain = registered(engine)
    if as_json:
        print_json({"id": webhook.id, "url": webhook.url, "events": list(webhook.events), "secret": plain})
    else:
        say(f"{webhook.id}  {webhook.url}")
        if secret is None:
            say(f"secret, shown this once: {plain}")


@webhooks_app.command("list")
def list_webhooks(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only webhooks of this account.")] = None,
    as_json: AsJson = False,
) -> None:
    """Lists registrations with their counters."""
    with open_engine(context) as engine:
        found = engine.portfolio.webhooks() if account is None else engine.webhooks.list(account_id(engine, account))
    for webhook in found:
        if as_json:
            print_json(wire(webhook_in_list(webhook)))
        else:
            state = "active" if webhook.is_active else f"inactive ({webhook.deactivation or 'paused'})"
            counters = f"{webhook.total_calls} calls, {webhook.failed_calls} failed"
            say(f"{webhook.id}  {webhook.name}  {webhook.url}  {state}  {counters}")


@webhooks_app.command("logs")
def logs(
    context: typer.Context,
    webhook_id: WebhookArgument,
    limit: Annotated[int, typer.Option(min=1, help="How many attempts to show, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Lists the attempts of one webhook, newest first; of a deleted one too, while its log is kept."""
    with open_engine(context) as engine:
        attempts = _of(engine, webhook_id).log(webhook_id, limit)
    for attempt in attempts:
        line = log_entry(attempt)
        if as_json:
            print_json({**wire(line), "deliveryId": attempt.delivery_id})
        else:
            result = f"{attempt.http_status or attempt.outcome}  {line.response_time} ms  retries {line.retries}"
            say(f"{wire(line.timestamp)}  {line.event:<22}  {result}  {line.id}")


@webhooks_app.command("pause")
def pause(context: typer.Context, webhook_id: WebhookArgument) -> None:
    """Holds its deliveries."""
    with open_engine(context) as engine:
        _of(engine, webhook_id).pause(webhook_id)
    say(f"{webhook_id} is paused: its deliveries are held")


@webhooks_app.command("resume")
def resume(context: typer.Context, webhook_id: WebhookArgument) -> None:
    """Releases what was held."""
    with open_engine(context) as engine:
        _of(engine, webhook_id).resume(webhook_id)
    say(f"{webhook_id} is active")


@webhooks_app.command("delete")
def delete(context: typer.Context, webhook_id: WebhookArgument) -> None:
    """Deletes a registration; its log can be read until its retention ends."""
    with open_engine(context) as engine:
        _of(engine, webhook_id).delete(webhook_id)
    say(f"{webhook_id} is deleted; `webhooks logs` shows its log for as long as that is kept")


@webhooks_app.command("test")
def send_test(
    context: typer.Context,
    webhook_id: WebhookArgument,
    event: Annotated[str, typer.Option(help="The event name to send.")] = "project.started",
    as_json: AsJson = False,
) -> None:
    """Delivers a test event at once and explains what came of it; exits 1 where it did not arrive."""
    with open_engine(context) as engine:
        attempt = asyncio.run(_of(engine, webhook_id).test(webhook_id, event))
    entry = log_entry(attempt)
    if as_json:
        print_json(wire(entry))
    else:
        say(f"{entry.status} in {entry.response_time} ms: {explained(attempt)}")
    if entry.status != "success":
        raise typer.Exit(1)


def explained(attempt: Attempt) -> str:
    """What an attempt's result means, and where to look for the cause."""
    status, error = attempt.http_status, attempt.error or ""
    if status is None:
        return f"{_WORDS.get(attempt.outcome, attempt.outcome)} ({error})"
    if attempt.succeeded:
        return f"the endpoint answered {status}"
    if status == 401:
        return "the endpoint answered 401: it does not accept the signature; does it know the current secret?"
    if 300 <= status < 400:
        return f"the endpoint answered {status}: redirects are not followed; register the final URL ({error})"
    return f"the endpoint answered {status} ({error})"


_WORDS = {
    "timeout": "no answer within the deadline: does the endpoint answer before it works?",
    "dns_failure": "the host's name was not found",
    "tls_failure": "TLS failed: is the certificate valid, for this name, and from a known authority?",
    "connection_failure": "nobody listens there, or the connection was reset",
    "broken_answer": "what came back is not HTTP",
    "refused_address": "the address is inside, or not allowed; nothing was sent",
    "not_sent": "it could not be sent, by no fault of the endpoint",
    "no_name_server": "our own name server did not answer; it is no fault of the endpoint",
    "no_resources": "chainbell has no file descriptor or memory left; it is no fault of the endpoint",
}


@webhooks_app.command("resend")
def resend(
    context: typer.Context,
    webhook_id: WebhookArgument,
    log_id: Annotated[str, typer.Argument(help="The id of the log entry, as `webhooks logs` shows it.")],
) -> None:
    """Makes the delivery of a log entry due again."""
    key = log_key(log_id)
    if key is None:
        raise InvalidInputError("log", f"{log_id!r} is no id of a log entry")
    with open_engine(context) as engine:
        _of(engine, webhook_id).resend(webhook_id, key.delivery_id)
    say(f"{key.delivery_id} is due again")


@webhooks_app.command("recover")
def recover(
    context: typer.Context,
    webhook_id: WebhookArgument,
    since: Annotated[str, typer.Option(help="An instant such as 2025-02-20T09:00Z, or a date, which means 00:00 UTC.")],
) -> None:
    """Makes every failed delivery since then due again."""
    given = moment(since, "since") or datetime.now(UTC)
    at = given if isinstance(given, datetime) else datetime.combine(given, time(), UTC)
    with open_engine(context) as engine:
        made_due = _of(engine, webhook_id).recover(webhook_id, at)
    say(f"{count(made_due, 'delivery')} due again")


@webhooks_app.command("rotate")
def rotate(
    context: typer.Context,
    webhook_id: WebhookArgument,
    secret: Annotated[str | None, typer.Option(help="The new secret; generated if omitted.")] = None,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=720, help="How long the old secret also signs, in hours.")
    ] = 24.0,
) -> None:
    """A new secret that signs at once."""
    with open_engine(context) as engine:
        overlap = timedelta(hours=overlap_hours)
        plain = _of(engine, webhook_id).rotate(webhook_id, secret=secret, overlap=overlap)
    say(f"the old secret signs for {overlap_hours:g} hours more" + ("" if secret else f"; new secret: {plain}"))
