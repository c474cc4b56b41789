from __future__ import annotations

import json
import random

import msgspec
import pytest

from claude_code_router.core.signals import Signals
from claude_code_router.routing import wire
from claude_code_router.routing.contents import look_through
from claude_code_router.routing.media import Media, weigh
from claude_code_router.routing.tokens import Calibration, Estimate, conversation_of, estimate

CODE = 'def total(rows: list[int]) -> int:\n    """Adds them."""\n    return sum(row for row in rows if row > 0)\n\n'
PROSE = "The quick brown fox jumps over the lazy dog, and nobody in the village has ever found out why it did so. "
HAN = "我们在这个项目里学习怎样把请求送到合适的模型，然后记录结果。"


def body_of(text: str, *, escaped: bool = False, extra: list[object] | None = None) -> bytes:
    content = [{"type": "text", "text": text}, *(extra or [])]
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}, ensure_ascii=escaped).encode()


def tokens_of(body: bytes) -> float:
    return estimate(body, weigh(look_through(wire.decode_body(body).messages))).tokens


@pytest.mark.parametrize(
    ("text", "cl100k"),
    [(PROSE * 100, 2_401), (CODE * 100, 2_900), (HAN * 100, 2_900)],
)
def test_the_estimate_is_within_a_fifth_of_cl100k(text: str, cl100k: int) -> None:
    """Counted by the npm router 2.0.0, 2026-11."""
    assert tokens_of(body_of(text)) == pytest.approx(cl100k, rel=0.2)


def test_a_client_that_escapes_everything_gets_nearly_the_same_estimate() -> None:
    """Six bytes of escape are one character."""
    assert tokens_of(body_of(HAN * 300, escaped=True)) == pytest.approx(tokens_of(body_of(HAN * 300)), rel=0.25)


def test_sampling_is_close_to_counting_all() -> None:
    """Ten times the same kind of text is about ten times the tokens."""
    dice = random.Random(1)
    mixed = "".join(dice.choice((PROSE, CODE, HAN)) for _ in range(3_000))
    assert tokens_of(body_of(mixed)) == pytest.approx(10 * tokens_of(body_of(mixed[: len(mixed) // 10])), rel=0.12)


def test_pictures_count_as_pictures_and_not_as_text() -> None:
    """A megabyte of base64 is at most what one scaled-down picture costs."""
    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo" * 100_000},
    }
    plain = tokens_of(body_of(PROSE * 50))
    assert plain + 80 < tokens_of(body_of(PROSE * 50, extra=[picture])) < plain + 1_800
    inside = {"type": "tool_result", "tool_use_id": "t", "content": [picture]}
    assert plain + 80 < tokens_of(body_of(PROSE * 50, extra=[inside])) < plain + 1_800


def test_signatures_of_reasoning_count_nothing() -> None:
    """They are base64 as well, and here twice as long as all the rest; what is left is the samples at its edges."""
    dice = random.Random(2)
    signature = "".join(dice.choice("ABCDEFGHabcdefgh0123456789+/") for _ in range(40_000))
    turns = [
        {"role": "user", "content": PROSE * 200},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "so", "signature": ""}]},
    ]
    without = tokens_of(json.dumps({"model": "m", "messages": turns}).encode())
    turns[1]["content"][0]["signature"] = signature  # type: ignore[index]
    assert tokens_of(json.dumps({"model": "m", "messages": turns}).encode()) == pytest.approx(without, rel=0.25)


def test_a_growing_conversation_is_not_measured_each_turn() -> None:
    """Up to a quarter more goes by the density that was measured; beyond it, and after a compaction, it is measured again."""
    first = estimate(body_of(PROSE * 1_000), Media())
    grown = body_of(PROSE * 1_000 + HAN * 100)
    small = estimate(grown, Media(), first)
    assert small.tokens / small.text_bytes == pytest.approx(first.tokens / first.text_bytes)
    assert small.sampled_bytes == first.sampled_bytes < small.text_bytes
    for far in (body_of(PROSE * 1_000 + HAN * 500), body_of(PROSE * 500)):
        assert estimate(far, Media(), small) == estimate(far, Media())


def test_a_density_that_goes_on_is_near_to_one_that_is_measured() -> None:
    """A conversation that turns from prose to code, and grows by a tenth each turn."""
    text, before = PROSE * 300, None
    for _ in range(20):
        body = body_of(text)
        before = estimate(body, Media(), before)
        assert before.tokens == pytest.approx(estimate(body, Media()).tokens, rel=0.1)
        text += (CODE * 300)[: len(text) // 10]


def test_an_empty_body_is_no_tokens() -> None:
    """And no division by zero."""
    assert estimate(b"", Media()).tokens == 0


def sized(tokens: float) -> Estimate:
    return Estimate(text_tokens=tokens, text_bytes=round(tokens * 4))


def test_a_models_factor_counts_after_a_few_reports() -> None:
    """One odd report must not move anything."""
    calibration = Calibration()
    for _ in range(2):
        calibration.learn("m", "", sized(1_000), 1_500)
    assert calibration.tokens_for("m", "", sized(1_000)) == (1_000, None)
    calibration.learn("m", "", sized(1_000), 1_500)
    assert calibration.tokens_for("m", "", sized(2_000)) == (3_000, None)
    assert calibration.tokens_for("other", "", sized(2_000)) == (2_000, None)


def test_a_factor_follows_new_reports_and_stays_bounded() -> None:
    """Nonsense from an upstream cannot make every request long."""
    calibration = Calibration()
    for _ in range(50):
        calibration.learn("m", "", sized(1_000), 1_000_000)
    assert calibration.factor("m") == pytest.approx(3.0)
    for _ in range(50):
        calibration.learn("m", "", sized(1_000), 1_100)
    assert calibration.factor("m") == pytest.approx(1.1, rel=0.01)
    for actual in (0, -5):
        calibration.learn("m", "s", sized(1_000), actual)
    assert calibration.tokens_for("m", "s", sized(1_000))[1] is None


def test_short_requests_teach_a_model_nothing() -> None:
    """Their wrapping weighs more than their text."""
    calibration = Calibration()
    for _ in range(9):
        calibration.learn("m", "", sized(50), 500)
    assert calibration.factor("m") == 1.0


def test_a_conversations_last_turn_is_the_best_estimate_of_its_next() -> None:
    """What was reported, and the growth at this conversation's own rate."""
    calibration = Calibration()
    calibration.learn("m", "s", sized(50_000), 60_000)
    assert calibration.tokens_for("m", "s", sized(50_000)) == (60_000, 60_000)
    assert calibration.tokens_for("m", "s", sized(51_000)) == (61_200, 60_000)


def test_a_compacted_conversation_starts_afresh() -> None:
    """Its last total is still known: the long-context rule asks for it."""
    calibration = Calibration()
    calibration.learn("m", "s", sized(100_000), 120_000)
    assert calibration.tokens_for("m", "s", sized(10_000)) == (10_000, 120_000)


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    """Of models and of conversations."""
    calibration = Calibration(models=2, conversations=2)
    for name in ("a", "b", "c"):
        for _ in range(3):
            calibration.learn(name, name, sized(1_000), 2_000)
    assert calibration.factor("a") == 1.0
    assert calibration.factor("c") == 2.0
    assert calibration.tokens_for("x", "a", sized(1_000)) == (1_000, None)
    assert calibration.tokens_for("x", "c", sized(1_000)) == (2_000, 2_000)


def test_subagents_are_conversations_of_their_own_and_helpers_are_none() -> None:
    """All of them share the session's id."""
    main = Signals(model="m", session="s")
    assert conversation_of(main) != conversation_of(msgspec.structs.replace(main, agent_id="a1"))
    assert conversation_of(msgspec.structs.replace(main, kind="tool_result")) == conversation_of(main)
    assert conversation_of(msgspec.structs.replace(main, kind="title")) == ""
    assert conversation_of(Signals(model="m")) == ""


def test_what_was_learnt_is_put_to_the_facts() -> None:
    """`apply` changes the token facts and nothing else."""
    calibration = Calibration()
    signals = Signals(model="m", session="s", tokens=1_000)
    calibration.learn("m", conversation_of(signals), sized(1_000), 1_300)
    assert calibration.apply(signals, sized(1_000)) == msgspec.structs.replace(
        signals, tokens=1_300, last_input_tokens=1_300
    )
