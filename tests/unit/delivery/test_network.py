"""Which way to a host, and how a loop is seen."""

import pytest

from claude_code_router.delivery.network import MOST_HOPS, has_passed, hops, no_proxy_entries, points_at, proxy_for

PROXY = "http://proxy:8080"


@pytest.mark.parametrize(
    ("url", "exceptions", "goes_through"),
    [
        ("https://api.example.com/v1", "", True),
        ("http://localhost:1234/v1", "", False),
        ("http://127.0.0.5/v1", "", False),
        ("http://[::1]:80/v1", "", False),
        ("https://api.example.com/v1", "*", False),
        ("https://api.example.com/v1", "example.com", False),
        ("https://example.com/v1", ".example.com", False),
        ("https://api.example.com/v1", "other.org, EXAMPLE.com", False),
        ("https://api.example.com/v1", "*.example.com", False),
        ("https://badexample.com/v1", "example.com", True),
        ("https://api.example.com/v1", "example.com:443", False),
        ("https://api.example.com/v1", "example.com:8443", True),
        ("https://api.example.com:8443/v1", "example.com:8443", False),
        ("http://10.1.2.3/v1", "10.0.0.0/8", False),
        ("http://11.1.2.3/v1", "10.0.0.0/8", True),
        ("http://10.1.2.3:80/v1", "10.1.2.3:80", False),
        ("http://10.1.2.3/v1", "nonsense/99 10.1.2.3", False),
        ("http://[fd00::1]/v1", "fd00::/8", False),
        ("http://[fd00::1]:80/v1", "[fd00::1]:80", False),
        ("http://10.1.2.3/v1", "2.3", True),
    ],
)
def test_exceptions(url: str, exceptions: str, goes_through: bool) -> None:
    """NO_PROXY as curl and Go read it; this machine is never behind a proxy."""
    assert proxy_for(url, PROXY, no_proxy_entries(exceptions)) == (PROXY if goes_through else "")


@pytest.mark.parametrize(
    ("url", "host", "port", "ours"),
    [
        ("http://127.0.0.1:3456/v1/messages", "127.0.0.1", 3456, True),
        ("http://localhost:3456/v1/messages", "0.0.0.0", 3456, True),
        ("http://ccr.lan:3456/v1/messages", "ccr.lan", 3456, True),
        ("http://127.0.0.1:11434/v1/chat", "127.0.0.1", 3456, False),
        ("https://api.example.com/v1", "127.0.0.1", 443, False),
    ],
)
def test_our_own_address_is_known(url: str, host: str, port: int, ours: bool) -> None:
    """As far as a look at the URL tells."""
    assert points_at(url, host, port) is ours


def test_a_request_that_comes_back_is_known() -> None:
    """By our instance in its mark; a chain of different routers is no loop, an endless one is."""
    mark = hops(hops("", "one"), "two")
    assert has_passed(mark, "one")
    assert has_passed(mark, "two")
    assert not has_passed(mark, "three")
    assert not has_passed("", "one")
    for n in range(MOST_HOPS):
        mark = hops(mark, f"r{n}")
    assert has_passed(mark, "three")
