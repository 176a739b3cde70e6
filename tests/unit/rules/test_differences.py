from dataclasses import replace
from datetime import date

from chainbell.rules import Latch, TaskStatus, report_task
from chainbell.rules.planning.baseline import replan
from chainbell.rules.planning.differences import Difference, differences, outline
from tests.plans import MONDAY
from tests.projects import line_project


def test_a_new_baseline_says_what_changed() -> None:
    later = line_project(5, 12, buffer=8, target_end_date=date(2025, 4, 11))
    changes = differences(outline(line_project(5, 10, 5)), outline(later))
    fields = {change.field: (change.before, change.after) for change in changes}
    assert fields["tasks[2].duration"] == (10, 12)
    assert fields["tasks[3]"][1] is None
    assert fields["links[2 FS 3]"][1] is None
    assert fields["chains[critical].tasks"] == ([1, 2, 3], [1, 2])
    assert fields["buffers[PB].size"] == (10, 8)
    assert "project.targetEndDate" in fields
    assert differences(outline(line_project()), outline(line_project())) == ()
    assert isinstance(changes[0], Difference)


def test_a_new_baseline_keeps_actuals_and_forgets_latches() -> None:
    before = report_task(line_project(), 1, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=9)
    before = replace(before, latches={("task.red", 1): Latch(1, armed=False)}, evaluated_at=MONDAY)
    after = replan(before, line_project(8, 10, 5))
    assert (after.baseline, dict(after.latches), after.evaluated_at) == (2, {}, None)
    assert (after.tasks[0].status, after.tasks[0].remaining, after.tasks[0].duration) == ("InProgress", 9, 8)
