"""Stalls, troubles and their end."""

from __future__ import annotations

from functools import partial

import pytest
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
    for marked in (True, False):
        stall = partial(stall_of, errors_are_marked=marked)
        assert stall(turns(*again)) == Stall("Bash", 3)
        assert stall(
            turns(("Bash", "other", True), *again, ("Read", "Error at line 1: no such file (0xa)", True))
        ) == Stall("Read", 1)
        assert stall(turns(again[0], ("Read", "fine", False), again[1])) == Stall("Bash", 2)
        assert stall(turns(again[0], before=(again[1], again[2]))) == Stall("Bash", 1)
        assert stall(turns()) is None
    assert stall_of(turns(*again, ("Bash", "fine", False)), errors_are_marked=True) is None


CODEX_JSON = '{"output":"%s","metadata":{"exit_code":%d,"duration_seconds":0.%d}}'
CODEX_TEXT = "Exit code: %d\nWall time: 0.%d seconds\nOutput:\n%s"


@pytest.mark.parametrize(
    ("results", "times"),
    [
        (["no such file"] * 3, 3),
        (["at 10 %", "at 20 %", "at 20 %"], 2),
        ([CODEX_JSON % ("no such file", 2, n) for n in range(3)], 3),
        ([CODEX_JSON % ("no such file" * 100, 2, n) for n in range(3)], 3),
        ([CODEX_TEXT % (1, n, "FAILED test_a.py") for n in range(3)], 3),
        ([CODEX_TEXT % (1, 1, "FAILED test_a.py"), CODEX_TEXT % (1, 1, "FAILED test_b")], 1),
        ([CODEX_TEXT % (0, n, "fine") for n in range(3)], None),
        ([CODEX_JSON % ("exit_code: 1", 0, n) for n in range(3)], None),
        (["Wall time: 5.0 seconds\nProcess running with session ID 7\nOutput:\n"] * 3, None),
        (["Wall time: 5.0 seconds\nProcess exited with code 101\nOutput:\n"] * 3, 3),
    ],
)
def test_where_errors_are_not_marked(results: list[str], times: int | None) -> None:
    """The very same call with the same result; not what tells that it went well, and in what tells nothing a number is news."""
    chat = turns(*[("shell", result, False) for result in results])
    found = stall_of(chat, errors_are_marked=False)
    assert (found and (found.tool, found.errors, found.marked)) == (times and ("shell", times, False))
    assert stall_of(chat, errors_are_marked=True) is None


def test_another_call_with_the_same_result_is_another() -> None:
    """Searches that find nothing are no stall."""
    calls = [ToolCall(f"c{n}", "shell", f'{{"command":"grep {n % 2}"}}') for n in range(4)]
    steps = [(Turn("assistant", (call,)), Turn("user", (ToolResult(call.id, (Text("nothing"),)),))) for call in calls]
    said = Turn("user", (Text("find it"),))
    chat = ChatRequest(model="m", turns=(said, *(turn for step in steps for turn in step)))
    assert stall_of(chat, errors_are_marked=False) == Stall("shell", 2, marked=False)


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


def test_the_least_recently_used_is_forgotten() -> None:
    """A session that goes on asking keeps its trouble, however many others come."""
    troubles, why = Troubles(most=2), Trouble(because="x")
    troubles.fell_short("long", why, at_once=True)
    for who in range(5):
        assert troubles.recall("long", user_turn=False) == why
        troubles.fell_short(f"s{who}", why)
    assert troubles.recall("s3", user_turn=True) is None


def test_helpers_have_no_troubles() -> None:
    """Requests that belong to no conversation leave nothing behind."""
    troubles = Troubles()
    troubles.fell_short("", Trouble(because="x"))
    assert len(troubles) == 0
