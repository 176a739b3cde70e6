"""The host's own ids: their limits, one order for both types, and their text form."""

from functools import lru_cache

HostId = int | str
"""An id of the host's own: an integer within `LARGEST_ID` or a string of 1 to `LONGEST_ID` characters; it comes back in
the type it came in."""

LONGEST_ID = 64
"""Characters."""
LARGEST_ID = 2**53 - 1
"""Integers beyond this lose digits in JavaScript receivers."""
MOST_DIGITS = 16
"""Digits of the largest integer id."""


def id_order(host_id: HostId) -> tuple[bool, int, str]:
    """A sort key for ids: integers by value, then strings."""
    return (True, 0, host_id) if isinstance(host_id, str) else (False, host_id, "")


def other_form(host_id: HostId) -> HostId | None:
    """The id in the other type, `"3"` for 3 and 3 for `"3"`; None for a string that does not spell an integer."""
    if isinstance(host_id, int):
        return str(host_id)
    is_integer = _is_integer(host_id) and len(host_id.removeprefix("-")) <= MOST_DIGITS
    return int(host_id) if is_integer and str(int(host_id)) == host_id else None


def encode_host_id(value: HostId) -> str:
    """An integer as its digits, a string as itself; a string that could be read as an integer behind an apostrophe."""
    if isinstance(value, int):
        return str(value)
    return "'" + value if value[:1] == "'" or _is_integer(value) else value


@lru_cache(maxsize=65_536)
def decode_host_id(stored: str) -> HostId:
    """The id that was encoded; remembered, since a portfolio holds the same ids again and again.

    Also reads an id out of a path or a query: digits that make no integer id are a string.
    """
    if stored[:1] == "'":
        return stored[1:]
    return int(stored) if _is_integer(stored) and len(stored) <= MOST_DIGITS + 1 else stored


def _is_integer(text: str) -> bool:
    digits = text[1:] if text[:1] == "-" else text
    return digits.isascii() and digits.isdigit()
