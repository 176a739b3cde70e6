import pytest

from chainbell.rules import HostId
from chainbell.rules.ids import decode_host_id, encode_host_id
from chainbell.storage import KeyRing, KeyRingError, generate_key


@pytest.mark.parametrize(
    "host_id", [0, 7, -7, "7", "-7", "'7", "PROJ-12", "", "'", "007", "7a", "٣", "é" * 64, 2**53 - 1]
)
def test_an_id_comes_back_in_the_type_it_came_in(host_id: HostId) -> None:
    back = decode_host_id(encode_host_id(host_id))
    assert (back, type(back)) == (host_id, type(host_id))


def test_a_rotated_key_ring_opens_what_the_old_key_sealed() -> None:
    old, new = generate_key(), generate_key()
    sealed = KeyRing([old]).seal("secret")
    assert "secret" not in sealed
    assert KeyRing([new, old]).open(sealed) == "secret"
    with pytest.raises(KeyRingError):
        KeyRing([new]).open(sealed)
    with pytest.raises(KeyRingError):
        KeyRing(["short"])
