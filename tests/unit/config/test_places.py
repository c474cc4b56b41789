"""Places in the file, spelled and read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_router.config.places import Place, read_place, spell, value_at
from claude_code_router.core.errors import Misuse


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ((), ""),
        (("Router", "default"), "Router.default"),
        (("Providers", 2, "api_key"), "Providers[2].api_key"),
        (("Providers", 0, "transformer", "gpt-4.1", "use", 0), 'Providers[0].transformer["gpt-4.1"].use[0]'),
        (("a b", 'c"d\\'), '["a b"]["c\\"d\\\\"]'),
        (("deepseek-chat",), "deepseek-chat"),
    ],
)
def test_spelling(place: Place, text: str) -> None:
    """Plain words with dots, everything else in brackets."""
    assert spell(place) == text
    assert read_place(text) == place


@settings(deadline=None)
@given(st.lists(st.text() | st.integers(0, 99), max_size=5).map(tuple))
def test_every_place_can_be_read_back(place: Place) -> None:
    """`read_place` undoes `spell`, whatever the keys are."""
    assert read_place(spell(place)) == place


@pytest.mark.parametrize("text", [".a", "a..b", "a[", "a[x]", "a b", "a.", "[-1]", '["a]'])
def test_what_is_no_place(text: str) -> None:
    """A caller's mistake is said, not guessed at."""
    with pytest.raises(Misuse):
        read_place(text)


def test_value_at() -> None:
    """None where there is nothing, of whatever kind the way there is."""
    data = {"a": [{"b": 1}]}
    assert value_at(data, ("a", 0, "b")) == 1
    assert value_at(data, ()) == data
    places: list[Place] = [("a", 1), ("a", "b"), ("x", "y"), ("a", 0, "b", "c"), (0,)]
    assert [value_at(data, place) for place in places] == [None] * 5
