"""Stalls, troubles and their end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.chat import ChatRequest, Text, ToolCall, ToolResult, Turn
from claude_code_router.core.escalation import Stall, Trouble
from claude_code_router.quality.stall import stall_of
from claude_code_router.quality.troubles import Troubles


def turns(*steps: tuple[str, str, bool], before: tuple[tuple[str, str, bool], ...] = ()) -> ChatRequest:
    """A conversation whose last turn has these steps: (tool, result, did it fail?)."""
    found: list[Turn] = [Turn("user", (Text("first"),))]
    for n, (tool, result, failed) in enumerate((*before, ("", "", False), *steps)):
        if not tool:
            found.append(Turn("user", (Text("now do it"),)))
            continue
        found.append(Turn("assistant", (ToolCall(f"c{n}", tool, "{}"),)))
        found.append(Turn("user", (ToolResult(f"c{n}", (Text(result),), is_error=failed),)))
    return ChatRequest(model="m", turns=tuple(found))


def test_the_same_error_again_and_again() -> None:
    """Counted over the turn, whatever line numbers and times are in it; other errors and other tools are not the same."""
    again = [("Bash", f"Error at line {n}: no such file (0x{n}f)", True) for n in range(3)]
    assert stall_of(turns(*again)) == Stall("Bash", 3)
    assert stall_of(
        turns(("Bash", "other", True), *again, ("Read", "Error at line 1: no such file (0xa)", True))
    ) == Stall("Read", 1)
    assert stall_of(turns(*again, ("Bash", "fine", False))) is None
    assert stall_of(turns(again[0], ("Read", "fine", False), again[1])) == Stall("Bash", 2)
    assert stall_of(turns(again[0], before=(again[1], again[2]))) == Stall("Bash", 1)
    assert stall_of(turns()) is None


def test_trouble_begins_with_the_next_turn_and_ends_with_enough_good_ones() -> None:
    """The turn under way stays; then every request of the session, until two turns in a row went well."""
    troubles, why = Troubles(), Trouble(because="x", tier="mid")
    troubles.fell_short("s", why)
    assert troubles.recall("s", user_turn=False) is None
    assert troubles.recall("s", user_turn=True) == why
    assert troubles.recall("s", user_turn=False) == why
    troubles.went_well("s", 2)
    found = troubles.recall("s", user_turn=True)
    assert found is not None
    assert found.good_turns == 1
    troubles.no_better("s")
    found = troubles.recall("s", user_turn=True)
    assert found is not None
    assert found.good_turns == 0
    troubles.went_well("s", 2)
    troubles.went_well("s", 2)
    assert troubles.recall("s", user_turn=True) is None
    assert len(troubles) == 0


def test_at_once_means_this_turn() -> None:
    """A stall may raise the very loop that it is in."""
    troubles, why = Troubles(), Trouble(because="x")
    troubles.fell_short("s", why, at_once=True)
    assert troubles.recall("s", user_turn=False) == why


@given(st.lists(st.tuples(st.sampled_from(["short", "well", "recall"]), st.integers(0, 9)), max_size=200))
def test_memory_is_bounded(happenings: list[tuple[str, int]]) -> None:
    """Whatever happens to however many conversations."""
    troubles = Troubles(most=3)
    for what, who in happenings:
        if what == "short":
            troubles.fell_short(f"s{who}", Trouble(because="x"))
        elif what == "well":
            troubles.went_well(f"s{who}", 2)
        else:
            troubles.recall(f"s{who}", user_turn=True)
        assert len(troubles) <= 3


def test_helpers_have_no_troubles() -> None:
    """Requests that belong to no conversation leave nothing behind."""
    troubles = Troubles()
    troubles.fell_short("", Trouble(because="x"))
    assert len(troubles) == 0
