"""`audit`."""

import json
from datetime import UTC, datetime, time
from typing import Annotated

import typer

from chainbell.engine.cli.app import AsJson, app
from chainbell.engine.cli.opening import account_id, moment, open_engine
from chainbell.engine.cli.printing import print_json, say
from chainbell.rules.payload import wire


@app.command()
def audit(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only what concerns this account.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only this webhook, token, person ...")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, such as webhook.deleted.")] = None,
    since: Annotated[
        str | None, typer.Option(help="An instant such as 2025-02-20T09:00Z, or a date, which means 00:00 UTC.")
    ] = None,
    before: Annotated[int | None, typer.Option(min=0, help="Only lines before the one with this key.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many lines to show, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Shows who did what to webhooks, tokens, keys and accounts, newest first."""
    given = moment(since, "since")
    at = given if given is None or isinstance(given, datetime) else datetime.combine(given, time(), UTC)
    with open_engine(context) as engine:
        found = engine.audit(
            account=account_id(engine, account), subject=subject, action=action, since=at, before=before, limit=limit
        )
    for line in found:
        if as_json:
            print_json(wire(line))
        else:
            whose = "" if line.account_id is None else f"  account {line.account_id}"
            more = f"  {json.dumps(line.details, ensure_ascii=False)}" if line.details else ""
            say(f"{line.key}  {wire(line.at)}  {line.actor} ({line.via})  {line.action}  {line.subject}{whose}{more}")
