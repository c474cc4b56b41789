"""Which way to a host: proxies, their exceptions, and the mark by which a request that comes back is known. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

HOP_HEADER = "x-ccr-hop"
"""Lists the routers that a request has passed, by their instance."""
MOST_HOPS = 8

DIRECT = "direct"


def no_proxy_entries(*lists: str) -> tuple[str, ...]:
    """The entries of `NO_PROXY` lists, parted by commas or blanks."""
    return tuple(entry.lower() for text in lists for entry in re.split(r"[,\s]+", text) if entry)


def proxy_for(url: str, proxy: str, exceptions: Sequence[str]) -> str:
    """The proxy for this URL, or empty. This machine is never behind one."""
    if not proxy:
        return ""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if is_loopback(host) or any(_is_exception(entry, host, port) for entry in exceptions):
        return ""
    return proxy


def is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or host.endswith(".localhost") or (address is not None and address.is_loopback)


def _is_exception(entry: str, host: str, port: int) -> bool:
    """As curl and Go read it: a name stands for its subdomains too, with or without a leading dot; a port narrows it."""
    if entry == "*":
        return True
    address = _address(host)
    if address is not None and "/" in entry:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, narrowed = _parted(entry)
    if narrowed is not None and narrowed != port:
        return False
    if address is not None:
        return _address(name) == address
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _parted(entry: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(\[[^]]+\]|[^:]+):(\d+)", entry)
    return (found[1], int(found[2])) if found else (entry, None)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def points_at(url: str, host: str, port: int) -> bool:
    """Whether this URL is the router that listens on `host` and `port`, as far as can be seen without asking a resolver."""
    parts = urlsplit(url)
    named = (parts.hostname or "").rstrip(".")
    if (parts.port or (443 if parts.scheme == "https" else 80)) != port:
        return False
    return is_loopback(named) or named in (host.lower(), "0.0.0.0", "::")


def hops(header: str, instance: str) -> str:
    """The value of the mark for the next router."""
    return f"{header},{instance}" if header else instance


def has_passed(header: str, instance: str) -> bool:
    """Whether a request with this mark has been here, or has been through so many routers that it must be going round."""
    passed = [hop.strip() for hop in header.split(",")] if header else []
    return instance in passed or len(passed) >= MOST_HOPS
