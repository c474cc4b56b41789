"""What the owner adds to a translated body."""

from __future__ import annotations

from typing import Any

from claude_code_router.dialects.owner_fields import cap, fill, force


def test_gaps_are_filled_and_what_is_there_stays() -> None:
    """Objects are merged, however deep."""
    body: dict[str, Any] = {"a": {"b": 1}, "c": [1]}
    fill(body, {"a": {"b": 2, "d": 3}, "c": [2], "e": None})
    assert body == {"a": {"b": 1, "d": 3}, "c": [1], "e": None}


def test_what_is_forced_wins() -> None:
    """Objects are merged, everything else is replaced."""
    body: dict[str, Any] = {"a": {"b": 1, "x": 1}, "c": [1]}
    force(body, {"a": {"b": 2}, "c": {"n": 1}})
    assert body == {"a": {"b": 2, "x": 1}, "c": {"n": 1}}


def test_a_cap_holds_for_whatever_the_limit_is_called() -> None:
    """And for nothing that is not there, or no number."""
    body: dict[str, Any] = {"max_output_tokens": 900, "temperature": 2, "top_p": "x"}
    cap(body, {"max_tokens": 100, "temperature": 1, "top_p": 0, "top_k": 3})
    assert body == {"max_output_tokens": 100, "temperature": 1, "top_p": "x"}
