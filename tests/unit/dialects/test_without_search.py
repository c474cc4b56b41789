"""The provider's own search is left out, and nothing else of the request is touched."""

from __future__ import annotations

import pytest

from claude_code_router.core.inbound import ClientDialect
from claude_code_router.delivery.client_side import CLIENT_SIDES


@pytest.mark.parametrize(
    ("dialect", "before", "after"),
    [
        (
            "openai_responses",
            b'{"odd": 1.0, "tools":[{"type": "web_search", "x": 1}, {"type":"function",  "name":"f"}, {"type":"mcp"}]}',
            b'{"odd":1.0,"tools":[{"type":"function",  "name":"f"},{"type":"mcp"}]}',
        ),
        (
            "openai_chat",
            b'{"web_search_options":{}, "tools":[{"function": {"name":"web_search"}, "type":"function"}], "a":"\\u00e9"}',
            b'{"tools":[{"function": {"name":"web_search"}, "type":"function"}],"a":"\\u00e9"}',
        ),
        ("openai_chat", b'{"model":"m"}', b'{"model":"m"}'),
        (
            "gemini",
            b'{"tools":[{"google_search":{}},{"googleSearch":{},"functionDeclarations":[ ]},{"urlContext":{}}]}',
            b'{"tools":[{"functionDeclarations":[ ]},{"urlContext":{}}]}',
        ),
        ("anthropic", b'{"tools":[{"type":"web_search_20250305"}]}', b'{"tools":[{"type":"web_search_20250305"}]}'),
    ],
)
def test_only_the_search_goes(dialect: ClientDialect, before: bytes, after: bytes) -> None:
    """Values stay as they were written; a tool of the client's own keeps its name, whatever that is."""
    assert CLIENT_SIDES[dialect].without_search(before) == after
