"""W3C Trace Context: a valid `traceparent` is gone on from, any other begins a new trace."""

import pytest

from chainbell.engine.http.tracing import trace_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", "01"),
        (f"00-{TRACE}-{SPAN}-00", "00"),
        (f"00-{TRACE}-{SPAN}-03", "01"),  # flags that are not known are not passed on
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", "01"),
    ],
)
def test_a_valid_parent_is_gone_on_from(given: str, flags: str) -> None:
    found = trace_of([given])
    assert (found.trace_id, found.flags) == (TRACE, flags)
    assert found.span_id not in (SPAN, "0" * 16)
    assert found.header == f"00-{TRACE}-{found.span_id}-{flags}"


@pytest.mark.parametrize(
    "given",
    [
        [],
        [""],
        [f"00-{TRACE}-{SPAN}"],
        [f"00-{TRACE.upper()}-{SPAN}-01"],
        [f"00-{TRACE}-{SPAN}-01-more"],
        [f"00-{TRACE}-{SPAN}-01\n"],
        [f"ff-{TRACE}-{SPAN}-01"],
        [f"00-{'0' * 32}-{SPAN}-01"],
        [f"00-{TRACE}-{'0' * 16}-01"],
        [f"00-{TRACE[:-1]}g-{SPAN}-01"],
        [f"00-{TRACE}-{SPAN}-01"] * 2,
    ],
)
def test_any_other_begins_a_new_trace(given: list[str]) -> None:
    found = trace_of(given)
    assert found.trace_id != TRACE
    assert (len(found.trace_id), len(found.span_id), found.flags) == (32, 16, "00")
