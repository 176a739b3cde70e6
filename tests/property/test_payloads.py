"""What a receiver parses is what the rule said, through the bytes that travel."""

import json
from dataclasses import is_dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chainbell.delivery import javascript_json
from chainbell.rules import CATALOGUE
from chainbell.rules.payload import unwire, wire

st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(int, st.integers(-(2**53) + 1, 2**53 - 1))

payloads: st.SearchStrategy[Any] = st.sampled_from([rule.payload for rule in CATALOGUE]).flatmap(st.from_type)


@given(payloads)
def test_a_payload_comes_back_from_its_bytes(payload: Any) -> None:
    assert is_dataclass(payload)
    for encode in (javascript_json.compact, javascript_json.spaced):
        assert unwire(type(payload), json.loads(encode(wire(payload)))) == payload
