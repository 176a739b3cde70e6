"""Files that were damaged on the way: an importer refuses them in words, or reads a plan; it never crashes."""

from contextlib import suppress
from datetime import date
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainbell.engine import InvalidInputError
from chainbell.engine.importers import IMPORTERS, completed, import_plan
from chainbell.engine.plan_documents import read_plan
from chainbell.engine.plans import plan_project
from tests.plan_files import SMALL
from tests.plans import MONDAY

NASTY = [
    b"", b"-1", b"0", b"1e308", b"NaN", b"Infinity", b"99999999999999999999", b"\x00", b"\xff\xfe", b"\n", b"\t", b'"',
    b"'", b"<", b"&amp;", b"&#0;", b"{", b"[", b"]]]]", b":", b";", b"null", b"true", b"9999-12-31", b"0001-01-01",
    b"PT0H0M0S", b"PT999999999H0M0S", "é漢".encode(), b"*a", b"!!python/object:os.system",
]  # fmt: skip


def plan_from(data: bytes, name: str) -> None:
    imported = completed(import_plan(data, name), name, date(2025, 3, 3), account=1)
    plan_project(read_plan(imported.document), MONDAY)


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
