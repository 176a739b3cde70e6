"""`webhooks add|list|logs`."""

from typing import Annotated

import typer

from chainbell.engine.cli.app import Account, AsJson, account_id, app, open_engine, print_json
from chainbell.engine.errors import InvalidInputError
from chainbell.rules.payload import wire_instant

webhooks_app = typer.Typer(no_args_is_help=True, help="Webhook registrations.")
app.add_typer(webhooks_app, name="webhooks")


@webhooks_app.command("add")
def add(
    context: typer.Context,
    url: str,
    account: Annotated[str, typer.Option(help="The account whose events it gets.")],
    name: Annotated[str, typer.Option()] = "webhook",
    event: Annotated[list[str] | None, typer.Option(help="An event it gets; repeat for more. All by default.")] = None,
    secret: Annotated[
        str | None, typer.Option(help="Signs the deliveries; generated and shown once if left out.")
    ] = None,
    header: Annotated[list[str] | None, typer.Option(help="A header of your own, `Name: value`; may repeat.")] = None,
    body_format: Annotated[
        str, typer.Option(help="compact, or spaced for receivers that re-serialise in Python.")
    ] = "compact",
    as_json: AsJson = False,
) -> None:
    """Registers an endpoint. Plain http and inside addresses need `chainbell --allow-inside`."""
    headers = {}
    for line in header or []:
        key, separator, value = line.partition(":")
        if not separator:
            raise InvalidInputError("header", f"{line!r} is not `Name: value`")
        headers[key.strip()] = value.strip()
    with open_engine(context) as engine:
        webhook, plain = engine.add_webhook(
            account_id(account), url, name=name, events=event, secret=secret, headers=headers, body_format=body_format
        )
    if as_json:
        print_json({"id": webhook.id, "url": webhook.url, "events": list(webhook.events), "secret": plain})
    else:
        print(f"{webhook.id}  {webhook.url}")
        if secret is None:
            print(f"secret, shown this once: {plain}")


@webhooks_app.command("list")
def list_webhooks(context: typer.Context, account: Account = None, as_json: AsJson = False) -> None:
    """Lists registrations with their counters."""
    with open_engine(context) as engine:
        found = engine.webhooks(account_id(account))
    for webhook in found:
        if as_json:
            print_json(
                {
                    "id": webhook.id,
                    "name": webhook.name,
                    "url": webhook.url,
                    "events": list(webhook.events),
                    "isActive": webhook.is_active,
                    "createdAt": wire_instant(webhook.created_at),
                    "lastTriggered": None if webhook.last_triggered is None else wire_instant(webhook.last_triggered),
                    "statistics": {
                        "totalCalls": webhook.total_calls,
                        "successfulCalls": webhook.successful_calls,
                        "failedCalls": webhook.failed_calls,
                    },
                }
            )
        else:
            state = "active" if webhook.is_active else "inactive"
            counters = f"{webhook.total_calls} calls, {webhook.failed_calls} failed"
            print(f"{webhook.id}  {webhook.name}  {webhook.url}  {state}  {counters}")


@webhooks_app.command("logs")
def logs(
    context: typer.Context,
    webhook_id: str,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    as_json: AsJson = False,
) -> None:
    """Lists the attempts of one webhook, newest first."""
    with open_engine(context) as engine:
        attempts = engine.webhook_log(webhook_id, limit)
    for attempt in attempts:
        succeeded = attempt["http_status"] is not None and 200 <= attempt["http_status"] < 300
        line = {
            "id": f"log_{attempt['delivery_id'].removeprefix('wh_')}_{attempt['number']}",
            "webhookId": webhook_id,
            "deliveryId": attempt["delivery_id"],
            "event": attempt["event"],
            "timestamp": wire_instant(attempt["started_at"]),
            "status": "success" if succeeded else "failed",
            "httpStatus": attempt["http_status"],
            "responseTime": attempt["duration_ms"],
            "error": attempt["error"],
            "retries": attempt["number"] - 1,
        }
        if as_json:
            print_json(line)
        else:
            answer = attempt["http_status"] or attempt["outcome"]
            result = f"{answer}  {line['responseTime']} ms  retries {line['retries']}"
            print(f"{line['timestamp']}  {line['event']:<22}  {result}")
