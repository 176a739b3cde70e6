"""The guard's table: nothing that Python knows to be inside is public, and neither is what only the registries know."""

from ipaddress import ip_address, ip_network

import pytest

from chainbell.delivery.networks import REFUSED_IPV4, REFUSED_IPV6, is_public


@pytest.mark.parametrize(
    "address",
    [
        *("192.0.0.8", "192.0.0.9", "192.0.0.10", "192.0.0.192", "192.0.0.254", "192.88.99.1", "168.63.129.16"),
        *("192.31.196.1", "192.52.193.1", "192.175.48.1", "169.254.169.254", "100.100.100.200", "0.0.0.0"),
        *("255.255.255.255", "224.0.0.1", "240.0.0.1", "198.18.0.1", "100.64.0.1"),
        *("::", "::1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "100:0:0:1::1"),
        *("2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:a00:1::", "2620:4f:8000::1"),
        *("3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "4000::1"),
    ],
)
def test_an_inside_or_special_address_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450::1"]
)
def test_an_ordinary_public_address_passes(address: str) -> None:
    assert is_public(ip_address(address))
    assert is_public(ip_address(f"::ffff:{address}")) if ":" not in address else True


@pytest.mark.parametrize("network", [*REFUSED_IPV4, *REFUSED_IPV6])
def test_a_network_of_the_table_is_refused_from_end_to_end(network: str) -> None:
    whole = ip_network(network)
    assert not is_public(whole[0])
    assert not is_public(whole[-1])
    assert not is_public(whole[whole.num_addresses // 2])


def test_every_first_octet_is_judged_as_python_judges_it_where_it_says_inside() -> None:
    for first in range(256):
        for rest in ("0.0.1", "16.0.1", "64.0.1", "168.0.1", "254.169.254", "255.255.255"):
            address = ip_address(f"{first}.{rest}")
            assert address.is_global or not is_public(address), address
