from datetime import date
from typing import Any

import pytest

from chainbell.engine import InvalidInputError
from chainbell.engine.documents.plan import read_plan
from chainbell.engine.importers import completed, read_mspdi
from chainbell.engine.planner import project_of
from chainbell.rules import Project
from tests.plan_files import mspdi, mspdi_link, mspdi_task
from tests.plans import MONDAY


def task(data: bytes, number: int = -1) -> dict[str, Any]:
    document: dict[str, Any] = read_mspdi(data, "p.xml").document["tasks"][number]
    return document


def project(data: bytes) -> Project:
    return project_of(read_plan(completed(read_mspdi(data, "p.xml"), "p.xml", date(2025, 3, 3)).document), MONDAY)


def test_durations_count_in_days_of_the_project_calendar() -> None:
    assert task(mspdi(mspdi_task(1, 12)))["duration"] == 1.5
    assert project(mspdi(mspdi_task(1, 12))).calendar.hours[1][0].hour == 13


@pytest.mark.parametrize(("kind", "name"), [(0, "FF"), (1, "FS"), (2, "SF"), (3, "SS")])
@pytest.mark.parametrize(
    ("lag", "lag_format", "days"), [(4800, 7, 1), (-2400, 7, -0.5), (50, 19, 2.5), (14400, 8, 5 / 7)]
)
def test_links_keep_type_and_lag(kind: int, name: str, lag: int, lag_format: int, days: float) -> None:
    """Lags are tenths of a minute of work, percent of the predecessor, or elapsed time in proportion."""
    data = mspdi(mspdi_task(1, 40) + mspdi_task(2, 8, mspdi_link(1, kind, lag, lag_format)))
    assert read_mspdi(data, "p.xml").document["links"] == [
        {"from": 1, "to": 2, "type": name, "lag": pytest.approx(days)}
    ]


def test_holidays_come_from_exceptions_and_exceptional_working_time_is_dropped_with_a_warning() -> None:
    period = "<TimePeriod><FromDate>2025-03-{0}T00:00:00</FromDate><ToDate>2025-03-{1}T23:59:00</ToDate></TimePeriod>"
    exceptions = (
        f"<Exception>{period.format('05', '06')}<Name>Carnival</Name><DayWorking>0</DayWorking></Exception>"
        f"<Exception>{period.format('08', '08')}<Name>Overtime</Name><DayWorking>1</DayWorking></Exception>"
    )
    imported = read_mspdi(mspdi(mspdi_task(1, 8), exceptions=exceptions), "p.xml")
    assert imported.document["project"]["calendar"]["holidays"] == ["2025-03-05", "2025-03-06"]
    assert "exceptional working time dropped: 2025-03-08" in imported.warnings


def test_a_summary_s_links_go_to_its_sub_tasks_and_it_is_dropped_itself() -> None:
    tasks = (
        mspdi_task(1, 16, OutlineLevel=1, Summary=1)
        + mspdi_task(2, 8, OutlineLevel=2)
        + mspdi_task(3, 8, OutlineLevel=2)
        + mspdi_task(4, 8, mspdi_link(1), OutlineLevel=1)
        + mspdi_task(5, 8, mspdi_link(1, 3), OutlineLevel=1)
    )
    imported = read_mspdi(mspdi(tasks), "p.xml")
    assert [(link["from"], link["to"]) for link in imported.document["links"]] == [(2, 4), (3, 4)]
    assert any("summary task's start" in warning for warning in imported.warnings)


def test_progress_and_baseline_come_along() -> None:
    baseline = "<Number>0</Number><Duration>PT40H0M0S</Duration><Start>2025-03-10T08:00:00</Start>"
    tasks = mspdi_task(
        1,
        48,
        f"<Baseline>{baseline}<Finish>2025-03-14T17:00:00</Finish></Baseline>",
        PercentComplete=50,
        ActualStart="2025-03-11T08:00:00",
        RemainingDuration="PT24H0M0S",
    ) + mspdi_task(2, 8, PercentComplete=100, ActualStart="2025-03-03T08:00:00", ActualFinish="2025-03-04T12:00:00")
    seen, done = project(mspdi(tasks)).tasks
    assert (seen.duration, seen.planned_start, seen.planned_finish) == (5, 5, 10)
    assert (seen.status, seen.remaining, seen.percent, seen.started) == ("InProgress", 3, 50, 6)
    assert (done.status, done.finished) == ("Completed", 1.5)


def test_resources_become_demands_and_the_one_person_the_assignee() -> None:
    resources = (
        "<Resource><UID>1</UID><Name>Ann</Name><Type>1</Type><MaxUnits>1</MaxUnits><EmailAddress>a@x.org</EmailAddress></Resource>"
        "<Resource><UID>2</UID><Name>Steel</Name><Type>0</Type></Resource>"
    )
    assignments = "".join(
        f"<Assignment><TaskUID>{task}</TaskUID><ResourceUID>{resource}</ResourceUID><Units>{units}</Units></Assignment>"
        for task, resource, units in [(1, 1, 1), (2, 1, 2), (2, 2, 5)]
    )
    imported = read_mspdi(mspdi(mspdi_task(1, 8) + mspdi_task(2, 8), resources=resources, assignments=assignments), "p")
    first, second = imported.document["tasks"]
    assert first["resources"] == second["resources"] == [{"id": 1, "units": 1.0}]
    assert first["assignedTo"] == {"id": 1, "name": "Ann", "email": "a@x.org"}
    assert any("more of Ann wanted" in warning for warning in imported.warnings)
    assert any("material" in warning for warning in imported.warnings)


def test_what_has_no_place_is_named() -> None:
    tasks = mspdi_task(1, 8, Deadline="2025-03-07T17:00:00", LevelingDelay=4800)
    tasks += mspdi_task(2, 8, Active=0) + mspdi_task(3, 8, CalendarUID=7) + mspdi_task(4, 8, mspdi_link(2))
    warnings = read_mspdi(mspdi(tasks), "p.xml").warnings
    assert {
        "deadline dropped: the buffers protect the date: Task 1",
        "levelling delay dropped, contention is levelled here: Task 1",
        "inactive tasks dropped: Task 2",
        "task calendar dropped, the project's is used: the task has no dates: Task 3",
        "link to what was dropped, dropped with it: 2 -> 4",
    } <= set(warnings)


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"<Project><Tasks>", "p.xml:1:17", "no element found"),
        (b"<html/>", "p.xml", "its root is 'html'"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Project>&x;</Project>', "p.xml", "document type"),
        (b"<Project>" + b"<a>" * 70 + b"</a>" * 70 + b"</Project>", "p.xml", "deeper than 64"),
        (mspdi(""), "p.xml", "has no tasks"),
        (
            mspdi(mspdi_task(1, 8).replace("PT8H0M0S", "8 days")),
            "p.xml: Task 1: Duration",
            "'8 days' is not a duration",
        ),
        (mspdi(mspdi_task(1, 8, PercentComplete="half")), "p.xml: Task 1: PercentComplete", "'half' is not a number"),
        (mspdi(mspdi_task(1, 8) * 2), "p.xml: Task 1", "two have this UID"),
        (
            mspdi(mspdi_task(1, 8, mspdi_link(2, 9)) + mspdi_task(2, 8)),
            "p.xml: Task 1: PredecessorLink: Type",
            "9 is none",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(data: bytes, place: str, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_mspdi(data, "p.xml")
    assert refused.value.field == place
    assert reason in refused.value.reason
