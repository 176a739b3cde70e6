import json
from typing import Any

import pytest

from chainbell.delivery.javascript_json import compact, number, spaced


@pytest.mark.parametrize(
    ("value", "text"),
    [(65.0, "65"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-7, "1e-7"), (1e-6, "0.000001"), (-0.0, "0")]
    + [
        (92.5, "92.5"),
        (-1.5e-9, "-1.5e-9"),
        (2**60, "1152921504606847000"),
        (5e-324, "5e-324"),
        (123e18, "123000000000000000000"),
    ],
)
def test_numbers_as_ecmascript_prints_them(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("é🚀\u2028", '"é🚀\u2028"'), ('"\\\n\x1f', '"\\"\\\\\\n\\u001f"'), ("\ud800", '"\\ud800"')]
    + [({"b": 1, "10": 2, "9": 3, "01": 4}, '{"9":3,"10":2,"b":1,"01":4}'), ([None, True, False], "[null,true,false]")],
)
def test_text_and_order_as_javascript_has_them(value: Any, text: str) -> None:
    assert compact(value) == text.encode()


def test_spaced_is_what_python_makes_of_the_parsed_body() -> None:
    body = spaced({"a": 65.0, "é": [1.5, "x"]})
    assert body == json.dumps(json.loads(body)).encode() == b'{"a": 65, "\\u00e9": [1.5, "x"]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_hold_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON cannot hold"):
        compact({"a": value})
    with pytest.raises(TypeError, match="JSON cannot hold"):
        compact({"a": object()})
