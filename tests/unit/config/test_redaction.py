"""What messages may show."""

from __future__ import annotations

import pytest

from claude_code_router.config.places import Place
from claude_code_router.config.redaction import shown


@pytest.mark.parametrize(
    ("place", "value", "text"),
    [
        (("HOST",), "0.0.0.0", '"0.0.0.0"'),
        (("PORT",), 3, "3"),
        (("LOG",), True, "true"),
        (("x",), None, "null"),
        (("x",), {"a": 1}, "an object"),
        (("x",), [1, 2], "a list of 2"),
        (("x",), "y" * 100, '"' + "y" * 60 + '…"'),
        (("APIKEY",), "short", '"…" (not shown)'),
        (("APIKEY",), "", '""'),
        (("APIKEY",), 12345, "a number (not shown)"),
        (("Providers", 0, "api_key"), "sk-0123456789", '"sk-…" (not shown)'),
        (("Providers", 0, "headers", "Authorization"), "Bearer abcdefgh", '"Bea…" (not shown)'),
        (("OPENAI_API_KEY",), "0123456789abcdef", '"012…" (not shown)'),
        (("Providers", 0, "name"), "sk-ant-api03-aaaaaaaaaaaaaaaa", '"sk-…" (not shown)'),
        (("PROXY_URL",), "http://me:pw@proxy:1/", '"http://…@proxy:1/"'),
        (("DATABASE_URL",), "postgresql://me:pw@h/d?password=x", '"postgresql://…@h/d?…"'),
    ],
)
def test_shown(place: Place, value: object, text: str) -> None:
    """Plain values as they are; secrets, by their key's name or their own look, only by their first three letters."""
    assert shown(place, value) == text
