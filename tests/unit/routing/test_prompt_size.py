"""What orders prompts where nothing was learnt."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.routing.prompt_size import READ_CHARACTERS, ends, size


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("", "hi"),
        ("hi", "hi there"),
        ("sun and moon and stars", "sun. And moon! And stars?"),
        ("the boxes are packed by noon", "you pack my boxes by noon"),
        ("apples cost a dollar and pears cost two", "apples cost half as much as pears per kilo"),
    ],
)
def test_each_cue_counts(smaller: str, larger: str) -> None:
    """Words, sentences, people and quantities: more of one, the others alike, is larger."""
    assert size(smaller) < size(larger)


def test_a_story_is_larger_than_a_list_as_long() -> None:
    """What must be kept in mind, not what must be read: three times the words of a list weigh less."""
    story = "Anna has twice as many plums as her sister. They eat half of them. How many are left for you?"
    assert size(story) > size("red green blue " * 20)


def test_whole_multiples_of_the_usual() -> None:
    """Nothing said is one; a single cue alone counts by its fourth root."""
    assert size("") == 1.0
    assert size("word " * 15) == pytest.approx(2.0)


@given(st.text(max_size=3_000))
def test_every_text_has_a_size(text: str) -> None:
    """At least one, and of a short text a word more makes it larger."""
    assert 1.0 <= size(text[:READ_CHARACTERS]) < size(text[:READ_CHARACTERS] + " more")


def test_ends_of_long_texts() -> None:
    """The middle is not searched for cues, and a megabyte takes no longer than to split it."""
    text = "a" * READ_CHARACTERS + "x" * 1_000_000 + "b" * READ_CHARACTERS
    assert ends(text) == "a" * READ_CHARACTERS + "\n" + "b" * READ_CHARACTERS
    began = time.process_time()
    size("w. he half " * 100_000)
    assert time.process_time() - began < 1.0
