"""Ids of both types: one order for them, and the same id in the other type."""

from chainbell.rules.model import HostId

MOST_DIGITS = 16
"""Digits of the largest integer id, 2**53."""


def id_order(host_id: HostId) -> tuple[bool, int, str]:
    """A sort key for ids: integers by value, then strings."""
    return (True, 0, host_id) if isinstance(host_id, str) else (False, host_id, "")


def other_form(host_id: HostId) -> HostId | None:
    """The id as the other type writes it, `"3"` for 3 and 3 for `"3"`; None for a string that is no integer."""
    if isinstance(host_id, int):
        return str(host_id)
    digits = host_id.removeprefix("-")
    is_integer = digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS
    return int(host_id) if is_integer and str(int(host_id)) == host_id else None
