"""Files that were damaged on the way: an importer refuses them in words, or reads a plan; it never crashes."""

import re
from contextlib import suppress
from datetime import date
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainbell.engine import InvalidInputError
from chainbell.engine.documents.plan import read_plan
from chainbell.engine.importers import IMPORTERS, compare, completed, import_plan
from chainbell.engine.planner import plan_project
from tests.plan_files import COLUMNS, SMALL
from tests.plans import MONDAY

NASTY = [
    b"", b"-1", b"0", b"1e308", b"NaN", b"Infinity", b"99999999999999999999", b"\x00", b"\xff\xfe", b"\n", b"\t", b'"',
    b"'", b"<", b"&amp;", b"&#0;", b"{", b"[", b"]]]]", b":", b";", b"null", b"true", b"9999-12-31", b"0001-01-01",
    b"PT0H0M0S", b"PT999999999H0M0S", b"P1D", b"2FS+1d", b"28800", b"FS-9999999 days", b"1/5/26", b"1900-01-01",
    b"2200-12-31", "é漢".encode(), b"*a", b"!!python/object:os.system",
]  # fmt: skip


def plan_from(data: bytes, name: str) -> None:
    imported = completed(import_plan(data, name, columns=COLUMNS.get(name, ())), name, date(2025, 3, 3), account=1)
    document = read_plan(imported.document)
    assert compare(imported, document, plan_project(document, MONDAY).project).text()


@pytest.mark.parametrize("name", SMALL)
def test_the_samples_themselves_are_plans(name: str) -> None:
    plan_from(SMALL[name], name)


def damaged(data: bytes, rng: Random) -> bytes:
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice([0, 1, 1, 4, 20]))
        if rng.random() < 0.2:  # a piece from elsewhere in the file
            piece = rng.randrange(len(data) + 1)
            data = data[:at] + data[piece : piece + 30] + data[end:]
        else:
            data = data[:at] + rng.choice(NASTY) + data[end:]
    return data


@pytest.mark.parametrize("name", SMALL)
def test_a_damaged_file_is_refused_in_words_or_read(name: str) -> None:
    rng = Random(name)
    for _ in range(1500):
        with suppress(InvalidInputError):
            plan_from(damaged(SMALL[name], rng), name)


@settings(max_examples=300)
@given(st.sampled_from(sorted(IMPORTERS)), st.binary(max_size=300))
def test_any_bytes_are_refused_in_words_or_read(ending: str, data: bytes) -> None:
    with suppress(InvalidInputError):
        plan_from(data, f"x{ending}")


VALUES = [
    b"-1", b"0", b"1", b"2", b"3", b"7", b"8", b"0.5", b"1e14", b"99999999999999", b"-99999999", b"5469776", b"NaN",
    b"x", b"PT0H0M0S", b"PT999999999H0M0S", b"P1D", b"1900-01-01", b"2199-12-31T23:59:00", b"2200-12-31 23:59",
    b"9999-12-31", b"0001-01-01T00:00:00", b"2025-03-08T12:00:00", b"2025-02-03 08:00", b"24:00", b"00:00", b"23:59",
    b"2FS+9999999d", b"100%", b"900 mons", b"CS_MEO", b"TK_Active", b"TK_Complete", b"PR_SF", b"Yes", b"1.1",
]  # fmt: skip
TOKEN = re.compile(rb"(?<=[>\t\n,;|= ])[A-Za-z_-]*[0-9][0-9A-Za-z:.\-]*|TK_\w+|CS_\w+|PR_\w+")


def revalued(data: bytes, rng: Random) -> bytes:
    """The file with a few of its values replaced, its form left whole."""
    tokens = list(TOKEN.finditer(data))
    for token in sorted(rng.sample(tokens, rng.randint(1, min(3, len(tokens)))), key=lambda one: -one.start()):
        data = data[: token.start()] + rng.choice(VALUES) + data[token.end() :]
    return data


@pytest.mark.parametrize("name", SMALL)
def test_wrong_values_are_refused_in_words_or_read(name: str) -> None:
    rng = Random(f"values of {name}")
    read = 0
    for _ in range(1500):
        with suppress(InvalidInputError):
            plan_from(revalued(SMALL[name], rng), name)
            read += 1
    assert read > 15  # most are refused for one of their values, some reach the plan
