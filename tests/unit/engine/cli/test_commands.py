"""The table of commands: it says what the commands say, and nothing is loaded for it."""

import subprocess
import sys

import pytest

from chainbell.engine.cli.app import COMMANDS, loaded, with_global_options_first

HEAVY = {"sqlalchemy", "aiohttp", "pydantic", "alembic", "cryptography", "structlog", "sqlmodel", "yaml", "apscheduler"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_the_table_says(name: str) -> None:
    assert " ".join(str(loaded(name).help).split("\n\n")[0].split()) == COMMANDS[name][1]


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_load_nothing_of_a_command(argument: str) -> None:
    program = (
        "import sys; sys.argv = ['chainbell', sys.argv[1]]\n"
        "from chainbell.engine.cli import main\n"
        "try: main()\n"
        "except SystemExit: print('LOADED', *sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program, argument], capture_output=True, text=True, check=True)
    told, _, modules = run.stdout.partition("LOADED ")
    assert "chainbell" in told
    names = set(modules.split())
    assert not HEAVY & names
    own = {name for name in names if name.startswith("chainbell.")}
    assert own <= {"chainbell.engine", "chainbell.engine.cli", "chainbell.engine.cli.app"}


def test_global_options_may_stand_anywhere() -> None:
    typed = ["load", "plan.yaml", "--database", "sqlite://", "--log=json", "--allow-inside", "--", "--log"]
    assert with_global_options_first(typed) == [
        "--database", "sqlite://", "--log=json", "--allow-inside", "load", "plan.yaml", "--", "--log"
    ]  # fmt: skip
