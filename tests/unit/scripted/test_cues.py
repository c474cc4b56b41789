"""Cues are read as they are meant."""

from __future__ import annotations

import pytest

from claude_code_router.scripted.cues import Cue, read_cues


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("nothing here [not] [[]] [[ ]]", []),
        ("[[stall]]", [("stall", "", {})]),
        ("a [[cut after=3]] b", [("cut", "", {"after": "3"})]),
        ("[[status=529 retry-after=2]]", [("status", "529", {"retry-after": "2"})]),
        (
            "[[error=api_error after=1 model=scripted-mid]]",
            [("error", "api_error", {"after": "1", "model": "scripted-mid"})],
        ),
        ('[[call=Bash {"command": "a=b c"}]]', [("call", 'Bash {"command": "a=b c"}', {})]),
        ("[[say=Two words. x=1]]", [("say", "Two words. x=1", {})]),
        ("[[pause=0.5]] then [[html]]", [("pause", "0.5", {}), ("html", "", {})]),
    ],
)
def test_reading(text: str, cues: list[tuple[str, str, dict[str, str]]]) -> None:
    """Verb, value and options should come out, in the order of the text, and nothing where there is no cue."""
    assert [(cue.verb, cue.value, cue.options) for cue in read_cues(text)] == cues


@pytest.mark.parametrize(("options", "after"), [({}, None), ({"after": "3"}, 3), ({"after": "x"}, None)])
def test_after(options: dict[str, str], after: int | None) -> None:
    """`after` should be a number of pieces, or None for at once."""
    assert Cue("cut", options=options).after == after
