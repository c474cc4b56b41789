"""Configured secrets leave, the rest stays as it is."""

from __future__ import annotations

import json

import pytest

from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.secrets import NO_SECRETS, Secrets

KEY = "0123456789abcdefhexkey.QQ"


def test_what_holds_no_secret_is_the_same_object() -> None:
    """Nothing is copied, so a relayed body is byte-equal."""
    body, text = b'{"error": "no \xff"}', "no \ud800"
    failure = Failure(kind=FailureKind.AUTH, fault="upstream", message=text)
    for secrets in (NO_SECRETS, Secrets([KEY])):
        assert secrets.struck(body) is body
        assert secrets.struck_text(text) is text
        assert secrets.struck_failure(failure) is failure


@pytest.mark.parametrize(
    "key", [KEY, 'with"quote\\and', "base64+/and/more==", "a&b<c>d&efgh", "schlüssel-ä", "kéy/with&all"]
)
def test_a_key_leaves_in_every_way_of_writing(key: str) -> None:
    """As text, in JSON of several makers, in a URL; JSON stays JSON."""
    ways = [
        key,
        json.dumps(key)[1:-1],
        json.dumps(key, ensure_ascii=False)[1:-1],
        json.dumps(key)[1:-1].replace("/", r"\/"),
        json.dumps(key)[1:-1].replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e"),
    ]
    for way in ways:
        assert Secrets([key]).struck_text(f"wrong: {way}!") == "wrong: [redacted]!"
    for way in ways[1:]:
        body = Secrets([key]).struck(f'{{"message": "wrong: {way}"}}'.encode())
        assert json.loads(body) == {"message": "wrong: [redacted]"}


def test_a_key_that_begins_another() -> None:
    """Of the longer one nothing is left over."""
    assert Secrets(["12345678", "12345678-and-more"]).struck(b"12345678-and-more 12345678") == b"[redacted] [redacted]"


def test_a_placeholder_is_no_secret() -> None:
    """Local servers' `ollama` and the empty key tear no words apart."""
    assert Secrets(["", "ollama"]).struck_text("ollama is down") == "ollama is down"


def test_old_ones_stay() -> None:
    """The union knows both; what adds nothing is the same object."""
    both = Secrets(["old-key-0"]) | Secrets(["new-key-1"])
    assert both.struck_text("old-key-0 new-key-1") == "[redacted] [redacted]"
    assert both | Secrets(["old-key-0"]) is both


def test_a_failure_loses_it() -> None:
    """In its message and its type; the rest stays."""
    failure = Failure(kind=FailureKind.AUTH, fault="upstream", message=f"no {KEY}", error_type=KEY, status=401)
    assert Secrets([KEY]).struck_failure(failure) == Failure(
        kind=FailureKind.AUTH, fault="upstream", message="no [redacted]", error_type="[redacted]", status=401
    )
