"""Who may come in."""

import pytest

from claude_code_router.server.auth import NotAuthorised, check

KEY = "sk-router"


@pytest.mark.parametrize(
    "header",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer {KEY}"},
        {"authorization": KEY},
        {"x-api-key": KEY},
        {"authorization": "Bearer other", "x-api-key": KEY},
        {
            "authorization": f"Bearer {KEY}",
            "x-api-key": "other",
            "host": "router.example",
            "origin": "http://evil.example",
        },
    ],
)
def test_the_right_key_opens(header: dict[str, str]) -> None:
    """With APIKEY set, the key in either carrier is enough, from any host."""
    check(header, KEY)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Bearer wrong"},
        {"x-api-key": "wrong"},
        {"x-api-key": "schlüssel"},
    ],
)
def test_a_missing_or_wrong_key_is_401(header: dict[str, str]) -> None:
    """Missing and wrong keys are authentication errors, and the sentence never repeats a key."""
    with pytest.raises(NotAuthorised) as caught:
        check(header, KEY)
    assert (caught.value.status, caught.value.error_type) == (401, "authentication_error")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:3456", "localhost:3456", "LOCALHOST", "[::1]:3456", "127.0.0.53", ""])
def test_without_a_key_loopback_names_are_open(host: str) -> None:
    """No key set: whoever is on this machine may come in."""
    check({"host": host}, "")


@pytest.mark.parametrize(
    "header",
    [
        {"host": "router.example:3456"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example:3456"},
        {"host": "127.0.0.1:3456", "origin": "http://evil.example"},
        {"host": "127.0.0.1:3456", "origin": "null"},
    ],
)
def test_without_a_key_other_names_and_origins_are_refused(header: dict[str, str]) -> None:
    """A rebound name or a foreign web page gets 403."""
    with pytest.raises(NotAuthorised) as caught:
        check(header, "")
    assert caught.value.status == 403


def test_a_page_of_this_machine_may_ask() -> None:
    """A loopback Origin, on any port, is no foreign page."""
    check({"host": "127.0.0.1:3456", "origin": "http://localhost:5173"}, "")
