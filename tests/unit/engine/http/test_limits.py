"""Limits are numbers above 0, by their names, and leave file descriptors to the rest of the process."""

import pytest

from chainbell.engine.errors import InvalidInputError
from chainbell.engine.http.limits import RESERVED_DESCRIPTORS, Limits, descriptors_left, limits_of


def test_limits_are_typed_by_name() -> None:
    found = limits_of(["threads=16", "idle-seconds=2.5", "connections=7"])
    assert (found.threads, found.idle_seconds, found.most_connections, found.threads_of_one) == (16, 2.5, 7, 8)
    assert limits_of([]) == Limits()


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ("thread=1", "limit"),
        ("threads", "threads"),
        ("threads=1.5", "threads"),
        ("threads=0", "threads"),
        ("idle-seconds=-1", "idle_seconds"),
        ("idle-seconds=nan", "idle_seconds"),
        ("idle-seconds=inf", "idle_seconds"),
        ("connections=100000000", "connections"),
    ],
)
def test_what_cannot_be_is_refused_by_name(setting: str, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        limits_of([setting])
    assert refused.value.field == field


def test_connections_leave_file_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (2000, 4000))
    assert Limits().most_connections == descriptors_left() == 2000 - RESERVED_DESCRIPTORS
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 256))
    assert Limits().most_connections == 64
