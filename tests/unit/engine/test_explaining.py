"""Each rule explains its own events; a rule of a host's explains itself as well as the ten."""

from chainbell.engine.reading.reasons import reason
from chainbell.rules import CATALOGUE, Cause, Firing, Rule, TaskStatus, evaluate, report_task
from chainbell.rules.events import task_ready
from chainbell.rules.words import kept_values
from tests.plans import MONDAY
from tests.projects import line_project


def test_every_rule_of_the_catalogue_has_words_of_its_own() -> None:
    assert [rule.event for rule in CATALOGUE if rule.explain is kept_values] == []


def test_the_sentence_says_what_was_decided_on() -> None:
    late = report_task(line_project(), 1, MONDAY, status=TaskStatus.IN_PROGRESS, remaining=15)
    events = {event.name: event for event in evaluate(line_project(), late, MONDAY, Cause("test")).events}
    assert reason(events["task.status_changed"]) == "NotStarted → InProgress"
    assert reason(events["task.red"]) == (
        "takes 100.0 % of buffer PB (was 0.0 %, red above 90 %) over 1 → 2 → 3; "
        "it runs 10 working days over its own duration"
    )


def test_a_rule_of_a_host_explains_itself() -> None:
    own = Rule(
        "project.seen", tuple, lambda step: [Firing(step.after.id, (), {"by": "nobody"})],
        explain=lambda why, _: f"seen by {why['by']}",
    )  # fmt: skip
    (event,) = evaluate(None, line_project(), MONDAY, Cause("test"), [own]).events
    assert reason(event, [own]) == "seen by nobody"
    assert "by nobody" in reason(event)


def test_the_sentence_of_task_ready_says_who_is_done_and_who_has_only_begun() -> None:
    design: dict[str, str | None] = {"name": "Design", "completedAt": "2025-03-07T17:00:00Z"}
    build: dict[str, str | None] = {"name": "Build", "completedAt": None}

    def said(*predecessors: dict[str, str | None]) -> str:
        return task_ready.RULE.explain({}, {"predecessors": list(predecessors)})

    assert said(design, build) == "nothing holds up its start: Design done, Build begun or cancelled"
    assert said() == "the project is active and nothing holds up its start"
