"""Kept bodies, as they would arrive again."""

from __future__ import annotations

import pytest

from claude_code_router.improve.kept import inbound_of
from claude_code_router.server.http import dialect_of


@pytest.mark.parametrize(
    "path",
    [
        "/v1/messages",
        "/ns/team/v1/messages",
        "/v1/chat/completions",
        "/v1/responses",
        "/v1beta/models/gemini-3-pro:generateContent",
        "/v1beta/models/gemini-3-pro:streamGenerateContent",
        "/ns/team/v1beta/models/gemini-3-pro:generateContent",
    ],
)
def test_a_body_speaks_what_its_path_speaks(path: str) -> None:
    """As it did when it arrived."""
    assert inbound_of(b"{}", path).dialect == dialect_of(path)
