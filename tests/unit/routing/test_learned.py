"""What was learnt, asked: a score for every text, and the rule that follows it."""

from __future__ import annotations

from array import array

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.decision import Choose, Pass
from claude_code_router.core.learned_score import LearnedScore
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.routing.declared import Tier
from claude_code_router.routing.engine import decide
from claude_code_router.routing.learned import (
    BUCKETS,
    NOTHING_LEARNT,
    SHAPE,
    LearnedModel,
    LearnedSettings,
    OneTier,
    Standard,
    TaskTable,
    Turn,
    Words,
    features,
    names,
    needed,
    score,
    spoke_most,
    task_type,
)
from claude_code_router.routing.learned_turns import LearnedTurns, Loaded, scored
from claude_code_router.routing.rules.learned import learned
from claude_code_router.routing.table import RoutingTable

LIGHT, HEAVY = Target("p", "small"), Target("p", "large")
TIERS = {"light": Tier("light", 0, (LIGHT,)), "heavy": Tier("heavy", 1, (HEAVY,))}
STANDARDS = tuple(Standard(1.0, 2.0) for _ in SHAPE)


def packed(weights: dict[int, float], otherwise: float = 0.0) -> bytes:
    made = array("f", [otherwise]) * BUCKETS
    for bucket, weight in weights.items():
        made[bucket] = weight
    return made.tobytes()


def model_of(word: str, weight: float, *, threshold: float = 0.1) -> LearnedModel:
    """The strong tier gains where the word is said."""
    (bucket,) = features(word).buckets
    shape = (0.0,) * len(SHAPE)
    words = Words(
        OneTier(0.0, packed({}), shape), OneTier(0.0, packed({bucket: weight}), shape), packed({}, 1.0), STANDARDS
    )
    return LearnedModel(method="words", light="light", heavy="heavy", threshold=threshold, words=words)


PROOF = model_of("proof", 3.0)


@given(st.text(max_size=2500))
def test_every_text_has_a_score(text: str) -> None:
    """From 0 to 1, with and without a model, for whatever a stranger sends."""
    assert 0 <= score(Turn(text=text), NOTHING_LEARNT) <= 1
    assert 0 <= score(Turn(text=text), PROOF) <= 1


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=6))
def test_score_rises_with_the_weight(weights: list[float]) -> None:
    """The more a word speaks for the strong tier, the higher what has it scores."""
    found = [score(Turn(text="a proof of it"), model_of("proof", weight)) for weight in sorted(weights)]
    assert found == sorted(found)


def test_larger_prompts_score_higher_when_nothing_was_learnt() -> None:
    """More words score higher where all else is the same."""
    texts = ["", "hi", "hi there", "word " * 64, "word " * 4000]
    found = [score(Turn(text=text), NOTHING_LEARNT) for text in texts]
    assert found == sorted(found)
    assert len(set(found)) == len(found)
    assert found[4] > 0.5


def test_words_and_neighbours() -> None:
    """Numbers are one word, scripts without spaces are read sign by sign."""
    assert names("Add 12 to 345!") == ["add", "0", "to", "0", "!", "add 0", "0 to", "to 0", "0 !"]
    assert names("数学 да")[:3] == ["数", "学", "да"]


def test_only_the_ends_of_long_texts_are_read() -> None:
    """The middle of a pasted log costs nothing."""
    ends = "a " * 512, " b" * 512
    assert (
        features(ends[0] + "middle " * 10_000 + ends[1]).buckets
        == features(ends[0] + "centre " * 9_000 + ends[1]).buckets
    )


def test_table_and_its_unknown_types() -> None:
    """A task type's own gain, else that of all."""
    model = LearnedModel(
        method="table", light="light", heavy="heavy", threshold=0.2, table=TaskTable({"debug": 0.4}, otherwise=0.1)
    )
    assert score(Turn(task="debug"), model) == pytest.approx(0.85)
    assert score(Turn(task="poetry"), model) == pytest.approx(0.275)


@pytest.mark.parametrize(
    ("text", "category", "task"),
    [("fix it", "debug", "debug"), ("fix it", "", "short"), ("w " * 33, "", "middling"), ("w " * 200, "", "long")],
)
def test_task_types(text: str, category: str, task: str) -> None:
    """The shipped label, else how long it is."""
    assert task_type(text, category) == task


def test_what_spoke_most() -> None:
    """A person is told which of the prompt's words moved the score, and which way."""
    model = model_of("proof", 3.0)
    assert model.words is not None
    (spoke,) = spoke_most("a proof of it", model.words)
    assert spoke.words == "proof"
    assert spoke.towards_heavy > 0


def test_long_prompts_must_gain_more() -> None:
    """Where they cost more: the gain that pays grows with the length, and the score says on which side a prompt is."""
    model = msgspec.structs.replace(PROOF, price_exponent=0.5)
    assert needed("w " * 259, model) == pytest.approx(2 * needed("w " * 64, model))
    assert needed("w " * 259, PROOF) == needed("w", PROOF) == 0.1
    assert score(Turn(text="a proof"), model) > 0.5 > score(Turn(text="a poem"), model)


def test_share_becomes_a_threshold() -> None:
    """The quantile of scores that were not seen; without any the model's own threshold."""
    model = msgspec.structs.replace(model_of("proof", 3.0), quantiles=tuple(place / 100 for place in range(101)))
    assert model.threshold_for(0.3) == pytest.approx(0.7)
    assert msgspec.structs.replace(model, quantiles=()).threshold_for(0.3) == 0.1


def signals_of(text: str, **more: object) -> Signals:
    return Signals(model="claude-x", last_user_text=text, prompt_hash=text, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "tier"),
    [
        (LearnedSettings(), "heavy"),
        (LearnedSettings(share=0.05), "light"),
        (LearnedSettings(light="mid", share=0.05), "mid"),
    ],
)
def test_owners_threshold_and_tiers(settings: LearnedSettings, tier: str) -> None:
    """What the config says wins over the model file."""
    tiers = {**TIERS, "mid": Tier("mid", 2, (LIGHT,))}
    model = msgspec.structs.replace(PROOF, quantiles=tuple(place / 100 for place in range(101)))
    found = scored(signals_of("a proof"), settings, tiers, Loaded(model, "e"))
    assert found is not None
    assert found.tier == tier


def test_names_that_are_not_in_tiers() -> None:
    """A model of other names stands for the weakest and the strongest tier."""
    tiers = {"small": Tier("small", 0, (LIGHT,)), "big": Tier("big", 1, (HEAVY,))}
    loaded = Loaded(model_of("proof", 3.0), "e")
    found = [scored(signals_of(text), LearnedSettings(), tiers, loaded) for text in ("a proof", "hello")]
    assert [one.tier for one in found if one] == ["big", "small"]


def test_size_alone_moves_nobody() -> None:
    """Where nothing was learnt the rule has nothing to say."""
    bare = LearnedModel(method="size", light="light", heavy="heavy", threshold=0.0)
    assert scored(signals_of("word " * 500), LearnedSettings(), TIERS, Loaded(bare, "e")) is None


def test_turn_keeps_its_score_in_a_tool_loop() -> None:
    """A model that is exchanged in the middle of a turn decides from the next turn on; other sessions are not touched."""
    turns = LearnedTurns()
    old, new = Loaded(model_of("proof", 3.0), "old"), Loaded(model_of("poem", 3.0), "new")
    ask = signals_of("a proof", session="s")
    first = turns.of(ask, LearnedSettings(), TIERS, old)
    assert first is not None
    assert first.tier == "heavy"
    step = msgspec.structs.replace(ask, kind="tool_result")
    assert turns.of(step, LearnedSettings(), TIERS, new) == first
    assert turns.of(msgspec.structs.replace(step, session="t"), LearnedSettings(), TIERS, new) != first
    again = turns.of(ask, LearnedSettings(), TIERS, new)
    assert again is not None
    assert (again.tier, again.epoch) == ("light", "new")


@pytest.mark.parametrize("kind", ["title", "compaction", "suggestion", "classifier", "web_fetch"])
def test_errands_are_not_scored(kind: str) -> None:
    """The client's own requests carry a person's words, but nobody asked for the stronger model."""
    loaded = Loaded(model_of("proof", 3.0), "e")
    assert LearnedTurns().of(signals_of("a proof", kind=kind), LearnedSettings(), TIERS, loaded) is None


FOUND = LearnedScore(score=0.81, gain=0.24, needed=0.1, tier="heavy", method="words", epoch="e")


def table_of(*, live: bool) -> RoutingTable:
    return RoutingTable(scenarios={"default": LIGHT}, tiers=TIERS, learned=LearnedSettings(live=live))


def test_live_it_decides_before_the_default() -> None:
    """And says with which figures."""
    decision = decide(signals_of("a proof", learned=FOUND), table_of(live=True))
    assert decision.route.first == HEAVY
    assert decision.rule == "learned"
    assert decision.because == "by its words the stronger tier gains 0.240, more than the 0.100 that pay for it: heavy"


def test_in_shadow_it_only_speaks() -> None:
    """Its choice stands among the verdicts; the request goes where it went."""
    decision = decide(signals_of("a proof", learned=FOUND), table_of(live=False))
    assert decision.route.first == LIGHT
    said = next(verdict for verdict in decision.verdicts if verdict.rule == "learned")
    assert isinstance(said, Pass)
    assert said.because.endswith("heavy; it runs in shadow and does not decide")


def test_task_types_come_first() -> None:
    """It chooses only where the default would."""
    table = msgspec.structs.replace(table_of(live=True), scenarios={"default": LIGHT, "image": Target("p", "eyes")})
    decision = decide(signals_of("a proof", learned=FOUND, images=True, image_in_last_turn=True), table)
    assert decision.rule == "image"


@pytest.mark.parametrize("found", [None, msgspec.structs.replace(FOUND, tier="gone")])
def test_without_a_score_or_a_tier_it_passes(found: LearnedScore | None) -> None:
    """Never a request that has no place to go."""
    assert isinstance(learned(signals_of("x", learned=found), table_of(live=True)), Pass)
    assert isinstance(learned(signals_of("x", learned=FOUND), table_of(live=True)), Choose)
