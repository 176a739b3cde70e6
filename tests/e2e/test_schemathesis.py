"""schemathesis reads the OpenAPI document and looks for what the API does not keep of it."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.commands import CHAINBELL, ENVIRONMENT, chainbell
from tests.soak import SOAK

EXAMPLES = 15 if not SOAK else 300
UNSAID = "positive_data_acceptance"
"""The one check that is left out: a schema cannot say that a project's links form no cycle, or whose token this is."""


def test_the_api_keeps_what_its_document_says(tmp_path: Path) -> None:
    database = tmp_path / "api.db"
    token = chainbell("token", "create", "--account", "7", database=database).stdout.strip()
    guarded = {name: value for name, value in ENVIRONMENT.items() if name != "CHAINBELL_ALLOW_INSIDE"}
    command = [CHAINBELL, "--database", f"sqlite:///{database}", "serve", "--port", "0"]
    server = subprocess.Popen(command, env=guarded, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        run = subprocess.run(
            [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
            + ["run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {token}", "--seed", "1"]
            + ["--request-timeout", "120", "--suppress-health-check", "too_slow"]
            + ["--max-examples", str(EXAMPLES), "--checks", "all", "--exclude-checks", UNSAID, "--no-color"],
            cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
    finally:
        server.terminate()
        server.communicate(timeout=120)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "Tested: 22" in run.stdout
    assert server.returncode == 0
