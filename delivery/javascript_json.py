"""JSON whose bytes JavaScript reproduces: `JSON.stringify(JSON.parse(text)) === text`.

Numbers are written as ECMAScript prints them (65.0 is 65, 1e21 is 1e+21, -0.0 is 0), strings are escaped as little as
by `JSON.stringify`, and keys that are array indices come first, in rising order, as JavaScript objects enumerate them.
"""

import json
import re
from collections.abc import Mapping
from json.encoder import encode_basestring
from math import isfinite
from typing import Any

_SAFE_INTEGER = 2**53 - 1
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ARRAY_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


def compact(value: Any) -> bytes:
    """The UTF-8 bytes of `value`; raises ValueError for NaN and infinities, TypeError for what JSON cannot hold."""
    return _encode(value).encode()


def spaced(value: Any) -> bytes:
    """The bytes of `json.dumps(json.loads(text))` with Python's defaults, for receivers that re-serialise in Python."""
    return json.dumps(json.loads(_encode(value))).encode()


def _encode(value: Any) -> str:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", encode_basestring(value))
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_encode(key)}:{_encode(value[key])}" for key in _enumeration_order(value)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_encode, value)) + "]"
    raise TypeError(f"JSON cannot hold {type(value).__name__}")


def _enumeration_order(mapping: Mapping[str, Any]) -> list[str]:
    keys = list(mapping)
    indices = [key for key in keys if _ARRAY_INDEX.fullmatch(key) and int(key) < 2**32 - 1]
    if not indices:
        return keys
    return sorted(indices, key=int) + [key for key in keys if key not in set(indices)]


def number(value: float) -> str:
    """A number as ECMAScript's Number::toString prints it (ECMA-262, section 6.1.6.1.20); ValueError if not finite."""
    if isinstance(value, int) and abs(value) <= _SAFE_INTEGER:
        return str(int(value))
    value = float(value)
    if not isfinite(value):
        raise ValueError(f"JSON cannot hold {value!r}")
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value!r}".lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0") if not exponent or fraction.strip("0") else ""
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    return ("-" if value < 0 else "") + _layout(digits, point)


def _layout(digits: str, point: int) -> str:
    """The decimal `0.digits * 10**point`, plain between 1e-6 and 1e21, with an exponent beyond."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    power = point - 1
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{'+' if power > 0 else '-'}{abs(power)}"
