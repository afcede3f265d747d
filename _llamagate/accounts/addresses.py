"""Where a call comes from: the client's address behind trusted proxies, and its network."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Networks: TypeAlias = tuple[IPv4Network | IPv6Network, ...]


def client_address(peer: str, forwarded_for: str | None, trusted: Networks) -> str:
    """The rightmost address of X-Forwarded-For that is not a trusted proxy's own.

    Each proxy appends whom it heard from, so what stands left of a stranger, or of something
    that is no address, was written by somebody we have no reason to believe.
    """
    if not trusted and not peer.startswith("::ffff:"):
        return peer
    address = _parse(peer)
    if address is None:  # a Unix socket
        return peer
    hops = forwarded_for.split(",") if forwarded_for else []
    while hops and any(address in network for network in trusted):
        hop = _parse(_without_port(hops.pop().strip()))
        if hop is None:
            break
        address = hop
    return str(address)


def network_of(address: str) -> str | bytes:
    """The IPv4 address, or the /64 that one IPv6 subscriber has to himself."""
    ip = _parse(address)
    if ip is None:  # the peer of a Unix socket
        return address
    return ip.packed[:8] if isinstance(ip, IPv6Address) else ip.packed


def _without_port(hop: str) -> str:
    """Some proxies write 192.0.2.1:443 and [2001:db8::1]:443."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(text.partition("%")[0])  # fe80::1%eth0
    except ValueError:
        return None
    # A socket that listens on both families shows IPv4 peers as ::ffff:192.0.2.1.
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip
