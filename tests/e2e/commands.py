"""Running the real command line in processes of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
CHAINBELL = str(Path(sys.executable).with_name("chainbell"))
ENVIRONMENT = {**os.environ, "CHAINBELL_ALLOW_INSIDE": "1", "COLUMNS": "200"}


def chainbell(
    *arguments: str | Path, database: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """The finished command; its exit status is for the test to judge."""
    where = [] if database is None else ["--database", f"sqlite:///{database}"]
    return subprocess.run(
        [CHAINBELL, *where, *map(str, arguments)],
        env=ENVIRONMENT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
