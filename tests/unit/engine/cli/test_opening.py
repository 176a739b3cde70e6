"""What people type: dates, instants, ids."""

from datetime import UTC, date, datetime

import pytest

from chainbell.engine.cli.opening import chosen, moment, typed_id
from chainbell.engine.errors import InvalidInputError
from chainbell.rules import HostId


def test_a_date_stays_a_date_and_an_instant_has_an_offset() -> None:
    assert moment("2025-02-20", "at") == date(2025, 2, 20)
    assert moment("2025-02-20T09:00Z", "at") == datetime(2025, 2, 20, 9, tzinfo=UTC)
    assert moment("2025-02-20 11:00:00+02:00", "at") == datetime(2025, 2, 20, 9, tzinfo=UTC)
    assert moment(None, "at") is None


@pytest.mark.parametrize("text", ["2025-02-20T09:00", "2025-02-30", "yesterday", "1740042000", "2025-02-20T25:00Z", ""])
def test_anything_else_is_refused_with_the_option_s_name(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        moment(text, "as-of")
    assert refused.value.field == "as-of"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("7", [7, "7"]),
        ("-7", [-7, "-7"]),
        ("007", ["007"]),
        ("int:7", [7]),
        ("str:7", ["7"]),
        ("'7", ["7", "'7"]),
        ("PROJ-12", ["PROJ-12"]),
        ("int:x", ["int:x"]),
        ("9" * 30, ["9" * 30]),
    ],
)
def test_an_id_may_stand_for_an_integer_or_a_string(text: str, meant: list[HostId]) -> None:
    assert typed_id(text) == meant


def test_a_clash_is_never_guessed() -> None:
    assert chosen("project", "7", ["7"]) == "7"
    assert chosen("project", "7", []) is None
    with pytest.raises(InvalidInputError, match="int:7 or str:7"):
        chosen("project", "7", [7, "7"])
