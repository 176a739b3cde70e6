"""The command line as people type it: dates, ids, names with control characters, commands that are refused."""

import json
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.commands import CHAINBELL, ENVIRONMENT, ROOT, chainbell
from tests.plans import line_plan

IN_NEW_YORK = {"hours": ["09:00", "17:00"], "timeZone": "America/New_York"}


def loaded(database: Path, folder: Path, **fields: object) -> None:
    """A plan of three tasks in the database."""
    plan = line_plan(**{key: value for key, value in fields.items() if key == "project_id"})  # type: ignore[arg-type]
    plan["project"].update({key: value for key, value in fields.items() if key != "project_id"})
    file = folder / "plan.json"
    file.write_text(json.dumps(plan))
    run = chainbell("load", file, "--at", plan["project"]["startDate"], database=database)
    assert run.returncode == 0, run.stderr


def test_a_date_is_the_project_s_opening_for_every_command(tmp_path: Path) -> None:
    database = tmp_path / "chainbell.db"
    loaded(database, tmp_path, calendar=IN_NEW_YORK, startDate="2025-02-03")
    (baseline,) = map(
        json.loads, chainbell("project", "baselines", "1", "--json", database=database).stdout.splitlines()
    )
    assert baseline["madeAt"] == "2025-02-03T14:00:00Z"
    shown = json.loads(chainbell("project", "status", "1", "--as-of", "2025-02-20", "--json", database=database).stdout)
    assert shown["asOf"] == "2025-02-20T14:00:00Z"
    assert chainbell("reevaluate", "--as-of", "2025-02-20", database=database).returncode == 0
    shown = json.loads(chainbell("project", "status", "1", "--json", database=database).stdout)
    assert shown["asOf"] == "2025-02-20T14:00:00Z"
    again = chainbell("reevaluate", "--as-of", "2025-02-20", database=database).stdout
    assert "0 events fired" in again
    without = chainbell("project", "status", "1", "--as-of", "2025-02-20T09:00", database=database)
    assert (without.returncode, "with its offset" in without.stderr) == (2, True)


def test_an_id_is_matched_to_what_exists_and_a_clash_is_not_guessed(tmp_path: Path) -> None:
    database = tmp_path / "chainbell.db"
    loaded(database, tmp_path, project_id="7", name="A string")
    assert "A string" in chainbell("project", "status", "7", database=database).stdout
    loaded(database, tmp_path, project_id=7, name="An integer")
    clash = chainbell("project", "status", "7", database=database)
    assert (clash.returncode, clash.stderr) == (
        2,
        "chainbell: project: '7' is an integer and a string here: write int:7 or str:7\n",
    )
    assert "An integer" in chainbell("project", "status", "int:7", database=database).stdout
    assert "A string" in chainbell("project", "status", "str:7", database=database).stdout
    assert "there is no project" in chainbell("project", "status", "8", database=database).stderr


def test_a_person_is_erased_whose_id_is_a_string_of_digits(tmp_path: Path) -> None:
    database = tmp_path / "chainbell.db"
    loaded(database, tmp_path, manager={"id": "7", "name": "Jane"})
    assert chainbell("db", "erase-person", "7", "7", database=database).stdout != "0 rows named them\n"
    assert chainbell("db", "erase-person", "7", "7", database=database).stdout == "0 rows named them\n"


def test_listen_on_a_port_in_use_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = chainbell("listen", "--secret", "a secret of ours", "--port", port)
    assert (run.returncode, run.stderr) == (2, f"chainbell: port: 127.0.0.1:{port}: Address already in use\n")


def test_no_control_character_reaches_the_terminal(tmp_path: Path) -> None:
    database = tmp_path / "chainbell.db"
    loaded(database, tmp_path, name="evil\x1b]0;title\x07 \u202elive")
    for command in (["project", "status", "1"], ["events", "list"], ["project", "baselines", "1"]):
        for arguments in (command, [*command, "--json"]):
            shown = chainbell(*arguments, database=database).stdout
            assert shown
            assert not {"\x1b", "\x07", "\u202e"} & set(shown), arguments
    assert "evil\\x1b]0;title\\x07 \\u202elive" in chainbell("project", "status", "1", database=database).stdout


def test_tables_fit_eighty_columns(tmp_path: Path) -> None:
    database = tmp_path / "chainbell.db"
    plan = line_plan()
    plan["tasks"][0]["name"] = "A name that is a good deal longer than the column that tables have for names"
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan))
    assert chainbell("load", file, "--at", "2025-02-03", database=database).returncode == 0
    for arguments in (["plan", str(file)], ["project", "status", "1"]):
        run = subprocess.run(
            [CHAINBELL, "--database", f"sqlite:///{database}", *arguments],
            env={**ENVIRONMENT, "COLUMNS": "80"}, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        table = run.stdout[run.stdout.index("task name") :]
        assert all(len(line) <= 80 for line in table.splitlines()), table
        assert "column that" in table


@pytest.mark.parametrize(
    "arguments",
    [
        ("project", "status", "7"),
        ("events", "list"),
        ("webhooks", "list"),
        ("reevaluate",),
        ("dispatch", "--drain"),
        ("load", "missing.json"),
        ("load", str(ROOT / "fixtures" / "samples" / "plan.yaml"), "--at", "3025-01-01T00:00Z"),
        ("apply", "missing.jsonl"),
        ("webhooks", "add", "ftp://example.com", "--account", "7"),
        ("token", "revoke", "--account", "7"),
    ],
    ids=" ".join,
)
def test_a_refused_command_leaves_nothing_behind(arguments: tuple[str, ...], tmp_path: Path) -> None:
    run = chainbell(*arguments, database=tmp_path / "chainbell.db")
    assert run.returncode == 2, run.stdout + run.stderr
    assert run.stderr.startswith("chainbell: ")
    assert list(tmp_path.iterdir()) == []


def test_a_stream_whose_first_line_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    run = chainbell("apply", "-", database=tmp_path / "chainbell.db", stdin='{"kind": "clock", "projectId": 8}\n')
    assert (run.returncode, run.stderr.startswith("chainbell: line 1: projectId")) == (2, True), run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_its_port_leaves_nothing_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = chainbell("serve", "--port", port, database=tmp_path / "chainbell.db")
    assert (run.returncode, run.stderr.startswith(f"chainbell: port: 127.0.0.1:{port}")) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    database = tmp_path / "chainbell.db"
    assert chainbell("webhooks", "add", "https://example.com/", "--account", "7", database=database).returncode == 0
    key = tmp_path / "chainbell.db.key"
    key.unlink()
    run = chainbell("webhooks", "list", database=database)
    assert (run.returncode, "chainbell.db.key is missing" in run.stderr, key.exists()) == (2, True, False)


def test_a_database_of_a_newer_release_is_refused_in_a_sentence(tmp_path: Path) -> None:
    database = tmp_path / "chainbell.db"
    loaded(database, tmp_path)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE chainbell_revision SET version_num = '9999'")
        connection.commit()
    for arguments in (("db", "upgrade"), ("events", "list")):
        run = chainbell(*arguments, database=database)
        assert (run.returncode, "newer than this chainbell" in run.stderr) == (2, True), run.stderr
