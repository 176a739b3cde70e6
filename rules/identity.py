"""One order for ids of both types."""

from chainbell.rules.model import HostId


def id_order(host_id: HostId) -> tuple[bool, int, str]:
    """A sort key for ids: integers by value, then strings."""
    return (True, 0, host_id) if isinstance(host_id, str) else (False, host_id, "")
