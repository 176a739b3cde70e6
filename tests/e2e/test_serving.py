"""`serve`, `token` and `webhooks` as people run them: a server of its own process, from registration to delivery."""

import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from chainbell.delivery import is_signed
from chainbell.engine import Engine
from tests.e2e.commands import chainbell
from tests.e2e.receiver import receiving, status
from tests.e2e.servers import serving
from tests.e2e.waiting import SECONDS, until
from tests.plans import MONDAY, line_plan


def call(url: str, token: str, method: str, body: object = None) -> tuple[int, object]:
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Authorization": f"Bearer {token}"}, method=method)  # noqa: S310  loopback
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  loopback
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def test_from_a_registration_to_a_delivery(tmp_path: Path) -> None:
    database = tmp_path / "c.db"
    token = chainbell("token", "create", "--account", "7", database=database).stdout.strip()
    with receiving() as receiver, serving(database) as base:
        hook = {"name": "h", "url": receiver.url, "events": ["project.started"], "secret": "s3cret-of-ours"}
        assert call(f"{base}/api/v1/webhooks", token, "POST", hook)[0] == 201
        assert call(f"{base}/api/v1/projects/1", token, "PUT", line_plan(status="Planning"))[0] == 200
        change = {"kind": "project.update", "projectId": 1, "status": "Active", "at": MONDAY.isoformat()}
        assert call(f"{base}/api/v1/changes", token, "POST", change)[0] == 200
        got = until(lambda: receiver.requests)[0]
        assert is_signed(got.headers, got.body, "s3cret-of-ours")
        assert json.loads(got.body)["event"] == "project.started"
        assert call(f"{base}/readyz", "", "GET")[0] == 200
        assert chainbell("token", "revoke", "--account", "7", database=database).stdout == "1 token revoked\n"
        assert call(f"{base}/api/v1/webhooks", token, "GET")[0] == 401


def test_webhooks_from_the_command_line(tmp_path: Path) -> None:
    database = tmp_path / "c.db"
    with receiving(status(401)) as receiver:
        made = chainbell("webhooks", "add", receiver.url, "--account", "7", "--json", database=database)
        hook = json.loads(made.stdout)["id"]
        tested = chainbell("webhooks", "test", hook, database=database)
        assert tested.returncode == 1
        assert "401: it does not accept the signature" in tested.stdout
        assert chainbell("webhooks", "pause", hook, database=database).returncode == 0
        assert "inactive (paused)" in chainbell("webhooks", "list", database=database).stdout
        assert "is active" in chainbell("webhooks", "resume", hook, database=database).stdout
        rotated = chainbell("webhooks", "rotate", hook, database=database).stdout
        assert rotated.startswith("the old secret signs for 24 hours more; new secret: ")
        entry = json.loads(chainbell("webhooks", "logs", hook, "--json", database=database).stdout)
        assert "is due again" in chainbell("webhooks", "resend", hook, entry["id"], database=database).stdout
        assert chainbell("dispatch", "--drain", database=database).stdout.startswith("1 attempt;")
        recover = ("webhooks", "recover", hook, "--since", "2025-01-01")
        assert chainbell(*recover, database=database).stdout == "0 deliveries due again\n"  # a test is sent once
        with Engine(f"sqlite:///{database}") as engine:
            engine.load(line_plan(), at=MONDAY)
        assert chainbell("dispatch", "--drain", database=database).stdout.startswith("1 attempt;")
        assert chainbell(*recover, database=database).stdout == "1 delivery due again\n"
    gone = chainbell("webhooks", "test", hook, database=database)
    assert "nobody listens there" in gone.stdout
    missing = chainbell("webhooks", "pause", "wh_none", database=database)
    assert (missing.returncode, "there is no webhook" in missing.stderr) == (2, True)
