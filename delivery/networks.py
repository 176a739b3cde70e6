"""The networks that no delivery goes to: the table of the guard, the same on every Python.

From the IANA IPv4 and IPv6 special-purpose address registries (RFC 6890 and its updates), the multicast and reserved
blocks, and the addresses at which clouds serve metadata. A block is refused whole, also where the registry calls a part
of it globally reachable: nobody receives webhooks at an anycast relay or an AS112 name server.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

REFUSED_IPV4 = {
    "0.0.0.0/8": "this network, RFC 791",
    "10.0.0.0/8": "private use, RFC 1918",
    "100.64.0.0/10": "shared address space, RFC 6598; Alibaba Cloud's metadata at 100.100.100.200",
    "127.0.0.0/8": "loopback, RFC 1122",
    "168.63.129.16/32": "Azure's metadata and DNS",
    "169.254.0.0/16": "link local, RFC 3927; most clouds' metadata at 169.254.169.254",
    "172.16.0.0/12": "private use, RFC 1918",
    "192.0.0.0/24": "IETF protocol assignments, RFC 6890; Oracle Cloud's metadata at 192.0.0.192",
    "192.0.2.0/24": "documentation, RFC 5737",
    "192.31.196.0/24": "AS112-v4, RFC 7535",
    "192.52.193.0/24": "AMT, RFC 7450",
    "192.88.99.0/24": "6to4 relay anycast, RFC 7526",
    "192.168.0.0/16": "private use, RFC 1918",
    "192.175.48.0/24": "direct delegation AS112 service, RFC 7534",
    "198.18.0.0/15": "benchmarking, RFC 2544",
    "198.51.100.0/24": "documentation, RFC 5737",
    "203.0.113.0/24": "documentation, RFC 5737",
    "224.0.0.0/4": "multicast, RFC 5771",
    "240.0.0.0/4": "reserved, RFC 1112; the limited broadcast",
}
"""Each network with what it is for and where that is written."""

PUBLIC_IPV6 = "2000::/3"
"""Global unicast, RFC 4291: nothing else of IPv6 is public. So loopback, unspecified, mapped, NAT64 (64:ff9b::/96 and
64:ff9b:1::/48), discard-only, segment routing (5f00::/16), unique local (fc00::/7, with AWS's metadata at
fd00:ec2::254), link local, site local and multicast addresses are refused without an entry of their own."""
REFUSED_IPV6 = {
    "2001::/23": "IETF protocol assignments, RFC 2928; Teredo, benchmarking, ORCHID, AS112, AMT among them",
    "2001:db8::/32": "documentation, RFC 3849",
    "2002::/16": "6to4, RFC 3056: leads to an IPv4 address that nobody has vetted",
    "2620:4f:8000::/48": "direct delegation AS112 service, RFC 7534",
    "3fff::/20": "documentation, RFC 9637",
}
"""What of the public part of IPv6 is refused, in the same form."""

_REFUSED_IPV4 = tuple(IPv4Network(network) for network in REFUSED_IPV4)
_PUBLIC_IPV6 = IPv6Network(PUBLIC_IPV6)
_REFUSED_IPV6 = tuple(IPv6Network(network) for network in REFUSED_IPV6)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet and hides no other address."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_IPV4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    return address in _PUBLIC_IPV6 and not any(address in network for network in _REFUSED_IPV6)
