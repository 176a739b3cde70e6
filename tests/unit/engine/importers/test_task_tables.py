"""Tables of tasks: GanttProject's, Microsoft Project's, anybody's, and exports whose columns have to be named."""

import re
import shlex

import pytest

from chainbell.engine import InvalidInputError
from chainbell.engine.importers import read_csv
from tests.imports import IMPORTS, Read, case, planned_from


@pytest.mark.parametrize("name", ["gantt.csv", "semi.csv"])
def test_ganttproject_s_table_keeps_its_predecessors(name: str) -> None:
    read = case(name)
    assert [(link["from"], link["to"]) for link in read.imported.document["links"]] == [(0, 1), (1, 2)]
    assert read.planned.project.start_date.isoformat() == "2026-01-05"
    assert read.comparison.text() == "dates equal for 3 of 3 tasks"
    assert "task ids are integers, the column ID: 0, 1 .." in read.imported.warnings
    assert "columns dropped that a plan has no place for: Cost" in read.imported.warnings


def test_microsoft_project_s_table_keeps_its_predecessors() -> None:
    read = case("msp.csv")
    assert read.imported.document["links"] == [{"from": 1, "to": 2, "type": "FS", "lag": 0}]
    assert [task.duration for task in read.planned.project.tasks] == [5, 10]
    assert read.comparison.text() == "dates equal for 2 of 2 tasks"


def table(*rows: str, header: str = "ID,Name,Duration,Predecessors", **choices: object) -> Read:
    return planned_from("\n".join([header, *rows]).encode(), "t.csv", **choices)


@pytest.mark.parametrize(
    ("cell", "days"),
    [("5 days", 5), ("5", 5), ("1 day?", 1), ("2w", 10), ("2 wks", 10), ("3 hrs", 0.375), ("90 mins", 0.1875)]
    + [("1 mon", 20), ("0.5d", 0.5), ('"1,5 days"', 1.5), ("7 edays", 5), ("0 days", 0), ("2.5", 2.5)],
)
def test_durations_in_the_units_of_people(cell: str, days: float) -> None:
    read = planned_from(f"ID,Name,Duration\n1,A,{cell}\n2,B,1 day\n".encode(), "t.csv")
    assert read.planned.project.tasks[0].duration == pytest.approx(days)


@pytest.mark.parametrize(
    ("cell", "links"),
    [
        ("1", [(1, "FS", 0)]),
        ("1FS", [(1, "FS", 0)]),
        ("1FS+1d", [(1, "FS", 1)]),
        ("1SS-2 days", [(1, "SS", -2)]),
        ("1FF+4 hrs", [(1, "FF", 0.5)]),
        ("1SF+1w", [(1, "SF", 5)]),
        ("1FS+50%", [(1, "FS", 4)]),
        ("1FS+7 edays", [(1, "FS", 5)]),
        ('"1,2SS"', [(1, "FS", 0), (2, "SS", 0)]),
        ("1;2FS+1 day", [(1, "FS", 0), (2, "FS", 1)]),
        ("1-FS=P1D;2-SS", [(1, "FS", 1), (2, "SS", 0)]),
        ("1FS+1", [(1, "FS", 1)]),
    ],
)
def test_predecessors_with_types_and_lags(cell: str, links: list[tuple[int, str, float]]) -> None:
    document = table("1,A,8,", "2,B,2,", f"3,C,2,{cell}").imported.document
    assert [(link["from"], link["type"], round(link["lag"], 6)) for link in document["links"]] == links


def test_ids_of_text_may_hold_dashes_and_types() -> None:
    read = table("PROJ-1,A,1,", "PROJ-12,B,1,PROJ-1", "KFS,C,1,PROJ-12FS+1d;PROJ-1", "4,D,1,KFS")
    found = [(link["from"], link["to"], link["lag"]) for link in read.imported.document["links"]]
    assert found == [("PROJ-1", "PROJ-12", 0), ("PROJ-12", "KFS", 1), ("PROJ-1", "KFS", 0), ("KFS", "4", 0)]


def test_summary_rows_are_dropped_and_their_links_go_below() -> None:
    header = "ID,Name,Duration,Predecessors,Outline number"
    read = table("0,All,7,,1", "1,A,3,,1.1", "2,B,4,,1.2", "3,C,2,0,2", header=header)
    assert [(link["from"], link["to"]) for link in read.imported.document["links"]] == [(1, 3), (2, 3)]
    assert "summary tasks dropped, their sub-tasks carry the work: All" in read.imported.warnings


def test_outline_levels_and_the_column_summary_say_it_too() -> None:
    levels = table("1,All,7,,1", "2,A,3,,2", "3,B,2,1,1", header="ID,Name,Duration,Predecessors,Outline Level")
    said = table("1,All,7,,Yes", "2,A,3,,No", header="ID,Name,Duration,Predecessors,Summary")
    assert [task.id for task in levels.planned.project.tasks] == [2, 3]
    assert [task.id for task in said.planned.project.tasks] == [2]


def test_the_table_of_resources_behind_an_empty_line_is_dropped() -> None:
    read = table("1,A,3,", "", "ID,Name,Default role,E-mail", "0,Ann,Developer,a@x.org")
    assert len(read.planned.project.tasks) == 1
    assert "a second table behind an empty line dropped" in read.imported.warnings


DATED = "ID,Name,Duration,Start,Finish,Predecessors"


def test_a_task_without_predecessors_stays_where_it_is_drawn() -> None:
    read = table(
        "1,A,2,2026-01-05,2026-01-06,", "2,B,2,2026-01-12,2026-01-13,", "3,C,1,2026-01-14,2026-01-14,2", header=DATED
    )
    assert [task.not_before for task in read.planned.project.tasks] == [None, 5, None]
    assert read.comparison.text() == "dates equal for 3 of 3 tasks"


def test_dates_do_not_pin_what_links_move() -> None:
    read = table("1,A,2,2026-01-05,2026-01-06,", "2,B,2,2026-01-12,2026-01-13,1", header=DATED)
    assert read.planned.project.tasks[1].planned_start == 2
    assert read.comparison.text() == (
        "dates equal for 1 of 2 tasks; differs first at 2 (B), by 3 working days (start earlier than in the file), "
        "probably because the file starts it later than its links and dates ask: levelled there, or moved by hand"
    )


@pytest.mark.parametrize(
    ("start", "finish", "order"),
    [
        ("1/5/26", "1/6/26", "month/day/year"),
        ("13/01/2026", "14/01/2026", None),
        ("Thu 5/2/26", "Fri 6/2/26", None),
        ("05.01.2026", "06.01.2026", None),
        ("05/Jan/26", "06/Jan/26", None),
        ("January 5. 2026", "January 6. 2026", "dropped"),
        ("Mon 1/5/26 8:00 AM", "Tue 1/6/26 5:00 PM", None),
        ("2026-01-05T08:00:00", "2026-01-06T17:00:00", None),
    ],
)
def test_dates_are_read_in_the_one_way_that_fits_all(start: str, finish: str, order: str | None) -> None:
    read = table(f"1,A,2,{start},{finish},", header=DATED)
    about = [text for text in read.imported.warnings if "date" in text and "Date" not in text]
    told = {None: [], "dropped": [f"dates not understood and dropped: {start}"]}.get(
        order, [f"dates are read as {order}"]
    )
    assert [text for text in about if "startDate" not in text] == told
    assert read.comparison.equal == read.comparison.compared == (0 if order == "dropped" else 1)


def test_resources_and_progress_come_along() -> None:
    header = "ID,Name,Duration,Predecessors,Resource Names,% Complete"
    read = table('1,A,4,,"Ann,Bob[50%]",50%', "2,B,4,,Crew[300%],0%", header=header)
    assert read.task(0)["resources"] == [{"id": "Ann", "units": 1}, {"id": "Bob", "units": 0.5}]
    assert read.task(0)["percentComplete"] == 50
    assert {"id": "Crew", "capacity": 3.0} in read.imported.document["resources"]


@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        ("ID,Name,Duration,Predecessors\n1,A,1,9\n", "t.csv:2: Predecessors", "there is no task '9'"),
        ("ID,Name,Duration,Predecessors\n1,A,1,\n1,B,1,\n", "t.csv:3: ID", "two rows have the id '1'"),
        ("ID,Name,Duration,Predecessors\n1,A,1,\n2,B,1,1FS+x\n", "t.csv:3: Predecessors", "there is no task '1FS+x'"),
        ("ID,Name,Duration,Predecessors\n1,A,1,\n2,B,1,1FS+2q\n", "t.csv:3: Predecessors", "no known unit of time"),
        ("ID,Name,Duration\n1,A,\n", "t.csv:2: Duration", "is empty"),
        ("ID,Name,Duration\n1,A,-3 days\n", "t.csv:2: Duration", "is less than nothing"),
        ("ID,Name,Duration,Depends upon\n1,A,1,\n2,B,1,1\n", "t.csv:1", "'Depends upon' may hold links"),
        ("Nr,Was\n1,A\n", "t.csv:1", "say which they are with --map id=COLUMN --map name=COLUMN --map duration=COLUMN"),
    ],
)
def test_what_cannot_be_read_is_refused_with_line_and_column(data: str, place: str, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        planned_from(data.encode(), "t.csv")
    assert refused.value.field == place
    assert reason in refused.value.reason


@pytest.mark.parametrize("name", ["jira.csv", "asana.csv"])
def test_an_export_without_a_map_is_refused_with_the_map_that_reads_it(name: str) -> None:
    data = (IMPORTS / name).read_bytes()
    with pytest.raises(InvalidInputError, match=r"is an export of \w+: read it with --map") as refused:
        read_csv(data, name)
    words = shlex.split(refused.value.reason.partition("read it with ")[2])
    assert words[::2] == ["--map"] * (len(words) // 2)
    assert planned_from(data, name, columns=words[1::2]).planned.project.tasks


JIRA = (
    "id=Issue key",
    "name=Summary",
    "duration=Original estimate:seconds",
    "blocks=Outward issue link (Blocks)",
    "predecessors=Inward issue link (Blocks)",
)


def test_jira_s_export_is_read_with_its_map() -> None:
    read = case("jira.csv", columns=JIRA[:4])
    assert [(task.id, task.name, task.duration) for task in read.planned.project.tasks] == [
        ("PROJ-1", "Login", 1),
        ("PROJ-2", "Cart", 2),
    ]
    assert read.imported.document["links"] == [{"from": "PROJ-1", "to": "PROJ-2", "type": "FS", "lag": 0}]
    assert any(
        text.startswith("columns dropped that a plan has no place for: Issue id") for text in read.imported.warnings
    )


def test_columns_that_repeat_are_all_read_and_links_out_of_the_export_are_told() -> None:
    link = "Outward issue link (Blocks)"
    header = f"Issue key,Summary,Original estimate,{link},{link},Inward issue link (Blocks)"
    rows = ["P-1,A,28800,P-2,P-3,", "P-2,B,28800,,,P-1", "P-3,C,,Q-9,,P-1"]
    read = table(*rows, header=header, columns=JIRA)
    found = [(link["from"], link["to"]) for link in read.imported.document["links"]]
    assert found == [("P-1", "P-2"), ("P-1", "P-3")]
    assert "links to tasks that the file does not hold dropped: Q-9" in read.imported.warnings
    assert "neither a duration nor start and finish: taken to need no time: C" in read.imported.warnings


ASANA = (
    "id=Task ID",
    "name=Name",
    "predecessors=Blocked By (Dependencies):names",
    "start=Start Date",
    "finish=Due Date",
)


def test_asana_s_export_names_what_blocks_a_task_by_its_name() -> None:
    header = "Task ID,Name,Start Date,Due Date,Blocked By (Dependencies)"
    rows = ["11,Design,2026-01-05,2026-01-09,", '12,"Build, and ship",2026-01-12,2026-01-13,Design']
    rows.append('13,Tell,2026-01-14,2026-01-14,"Design, Build, and ship"')
    read = table(*rows, header=header, columns=ASANA)
    assert [task.duration for task in read.planned.project.tasks] == [5, 2, 1]
    found = [(link["from"], link["to"]) for link in read.imported.document["links"]]
    assert found == [(11, 12), (11, 13), (12, 13)]
    text = "no duration: the working days from start to finish are taken: Design, Build, and ship, Tell"
    assert text in read.imported.warnings
    assert read.comparison.equal == 3


def test_a_name_that_two_tasks_have_is_refused() -> None:
    header = "Task ID,Name,Start Date,Due Date,Blocked By (Dependencies)"
    rows = ["1,A,2026-01-05,2026-01-05,", "2,A,2026-01-05,2026-01-05,", "3,B,2026-01-05,2026-01-05,A"]
    with pytest.raises(InvalidInputError, match="two tasks have the name 'A'"):
        table(*rows, header=header, columns=ASANA)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("id", "'id' is not FIELD=COLUMN or FIELD=COLUMN:UNIT"),
        ("colour=ID", "'colour' is none of id, name, duration"),
        ("id=Nummer", "id: there is no column 'Nummer' in t.csv"),
    ],
)
def test_a_map_that_says_nothing_is_refused(choice: str, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(reason)):
        table("1,A,1,", columns=[choice])


def test_a_map_leaves_the_usual_names_as_they_are() -> None:
    read = table("1,A,16,", "2,B,8,1", header="ID,Name,Aufwand,Predecessors", columns=["duration=Aufwand:hours"])
    assert [task.duration for task in read.planned.project.tasks] == [2, 1]
    assert len(read.imported.document["links"]) == 1


def test_only_tables_have_columns_to_map() -> None:
    with pytest.raises(InvalidInputError, match="has no columns to be mapped: --map is for CSV"):
        case("m1.xml", columns=["id=UID"])


def test_progress_brings_actual_dates_and_a_status_date() -> None:
    header = "ID,Name,Duration,Start,Finish,Predecessors,% Complete"
    rows = [
        "1,A,2,2026-01-05,2026-01-06,,100%",
        "2,B,4,2026-01-07,2026-01-12,1,50%",
        "3,C,1,2026-01-13,2026-01-13,2,0%",
    ]
    read = table(*rows, header=header)
    done, begun, _ = read.planned.project.tasks
    assert (done.status, done.started, done.finished) == ("Completed", 0, 2)
    assert (begun.status, begun.started, begun.remaining) == ("InProgress", 2, 2)
    assert read.imported.document["project"]["statusDate"] == "2026-01-08T17:00:00Z"
    text = "the file gives no status date: 2026-01-08 17:00 is taken, up to which its progress reaches"
    assert text in read.imported.warnings
    assert read.comparison.text() == "dates equal for 3 of 3 tasks"


@pytest.mark.parametrize(
    ("column", "field"), [("Successors", "blocks"), ("Blocking", "blocks"), ("Blocked by whom", "predecessors")]
)
def test_a_column_that_may_hold_links_is_refused_with_the_direction_it_has(column: str, field: str) -> None:
    with pytest.raises(InvalidInputError, match=f"--map '{field}={column}'"):
        planned_from(f"ID,Name,Duration,{column}\n1,A,5 days,2\n2,B,3 days,\n".encode(), "t.csv")


def test_successors_that_are_named_lead_from_a_task_to_those_that_follow_it() -> None:
    data = b"ID,Name,Duration,Successors\n1,A,5 days,2\n2,B,3 days,\n"
    choices = ["id=ID", "name=Name", "duration=Duration", "blocks=Successors"]
    links = planned_from(data, "t.csv", columns=choices).imported.document["links"]
    assert [(link["from"], link["to"]) for link in links] == [(1, 2)]


def test_a_column_named_type_makes_no_critical_chain_file() -> None:
    read = table("1,Login,3,Story", "2,Logout,2,Story", header="id,name,duration,type")
    assert [task["duration"] for task in read.imported.document["tasks"]] == [3, 2]


def test_a_summary_without_rows_below_it_holds_no_link() -> None:
    header = "id,name,duration,outline level,summary,predecessors"
    read = table("1,A,1,1,,", "2,B,1,2,yes,", "3,C,1,2,,", "4,D,1,1,,1", header=header)
    assert [(link["from"], link["to"]) for link in read.imported.document["links"]] == [(3, 4)]
