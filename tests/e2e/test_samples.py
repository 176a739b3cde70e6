"""The plan and the changes that the documentation's commands begin with."""

from pathlib import Path

from tests.e2e.commands import FIXTURES, chainbell, lines

SAMPLES = FIXTURES / "samples"


def test_the_first_commands_show_a_project_that_goes_red(tmp_path: Path) -> None:
    database = tmp_path / "chainbell.db"
    assert "critical chain found: 1 -> 3 -> 5 -> 6" in chainbell("plan", SAMPLES / "plan.yaml").stdout
    loaded = chainbell("load", SAMPLES / "plan.yaml", database=database)
    assert loaded.returncode == 0, loaded.stderr
    assert "task." not in loaded.stdout, "in Planning nothing rings, whenever it is loaded"
    applied = chainbell("apply", SAMPLES / "changes.jsonl", database=database)
    assert applied.returncode == 0, applied.stderr
    fired = {event["event"] for event in lines(applied.stdout)}
    assert fired >= {"task.ready", "task.completed", "task.duration_changed", "project.early_warning", "task.red"}
    status = chainbell("project", "status", "789", database=database)
    assert "Harbour Crane (789): Active, red" in status.stdout
    assert "None" not in status.stdout
