"""Which requests are looked at: the most exact share counts, pairs only where they do nothing, probabilities as said."""

import random
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.quality.sampling import Draw, draw
from claude_code_router.quality.settings import JudgeSettings, PairSettings, QualitySettings, Shares
from claude_code_router.routing.declared import Tier

TIERS = {name: Tier(name, rank, (Target("p", name),)) for rank, name in enumerate(("light", "mid", "heavy"))}
JUDGE = JudgeSettings(targets=(Target("p", "judge"),))
USER = Signals(model="m", kind="user", tokens=100)


def drawn(
    settings: QualitySettings,
    signals: Signals = USER,
    *,
    tier: str = "mid",
    rule: str = "default",
    lots: tuple[float, ...] = (0.0, 0.0),
) -> Draw | None:
    left = list(lots)
    return draw(
        settings, signals, rule=rule, scenario="default", tier=TIERS.get(tier), tiers=TIERS, dice=lambda: left.pop(0)
    )


@pytest.mark.parametrize(
    ("shares", "probability"),
    [
        (Shares(), None),
        (Shares(default=0.5), 0.5),
        (Shares(default=0.5, by_tier={"mid": 0.25}), 0.25),
        (Shares(default=0.5, by_tier={"mid": 0.25}, by_scenario={"default": 0.125}), 0.125),
        (Shares(default=0.5, by_scenario={"default": 0.125}, by_rule={"default": 1.0}), 1.0),
        (Shares(default=0.5, by_rule={"default": 0.0}), None),
    ],
)
def test_the_most_exact_share_counts(shares: Shares, probability: float | None) -> None:
    """Rule before task type before tier before all."""
    found = drawn(QualitySettings(shares=shares))
    assert (found.score_probability if found else None) == probability


@pytest.mark.parametrize(
    ("lot", "pair"),
    [(0.0, ("heavy", 0.1)), (0.09, ("heavy", 0.1)), (0.1, ("light", 0.3)), (0.39, ("light", 0.3)), (0.4, None)],
)
def test_pairs_with_the_neighbours(lot: float, pair: tuple[str, float] | None) -> None:
    """One lot: up, down, or not at all; each with its own probability."""
    found = drawn(QualitySettings(judge=JUDGE, pairs=PairSettings(up=0.1, down=0.3)), lots=(0.9, lot))
    assert ((found.pair_tier, found.pair_probability) if found else None) == pair


@pytest.mark.parametrize(("tier", "found"), [("light", "heavy"), ("mid", "heavy"), ("heavy", ""), ("", "")])
def test_up_from_where_there_is_an_up(tier: str, found: str) -> None:
    """The strongest tier, and a target of none, have nothing above them."""
    paired = drawn(QualitySettings(judge=JUDGE, pairs=PairSettings(up=1.0)), tier=tier)
    assert (paired.pair_tier if paired else "") == ("mid" if tier == "light" else found)


def test_a_search_that_is_only_offered_is_no_reason() -> None:
    """Codex offers it with every request; it is left out of the second one."""
    codex = msgspec.structs.replace(USER, server_tools=("web_search_20250305",), search_aside=True)
    paired = drawn(QualitySettings(judge=JUDGE, pairs=PairSettings(up=1.0)), codex)
    assert (paired.pair_tier if paired else "") == "heavy"


@pytest.mark.parametrize(
    "signals",
    [
        msgspec.structs.replace(USER, kind="tool_result"),
        msgspec.structs.replace(USER, kind="title"),
        msgspec.structs.replace(USER, server_tools=("web_search_20250305",)),
        msgspec.structs.replace(USER, server_tools=("web_search_20250305", "mcp"), search_aside=True),
        msgspec.structs.replace(USER, tokens=70_000),
        msgspec.structs.replace(USER, images=True),
    ],
)
def test_no_pairs_where_a_second_answer_does_something(signals: Signals) -> None:
    """Steps in a tool loop, the client's errands, what a provider would run, and what is dear."""
    assert drawn(QualitySettings(judge=JUDGE, pairs=PairSettings(up=1.0)), signals) is None


def test_no_pairs_without_a_judge() -> None:
    """Nobody could compare them."""
    assert drawn(QualitySettings(pairs=PairSettings(up=1.0))) is None


def test_errands_are_scored_only_when_named() -> None:
    """A title is worth no judge, unless the owner thinks so."""
    title = msgspec.structs.replace(USER, kind="title")
    assert drawn(QualitySettings(shares=Shares(default=1.0, by_tier={"mid": 1.0})), title) is None
    assert drawn(QualitySettings(shares=Shares(by_scenario={"default": 1.0})), title)


shares = st.floats(0, 0.5)


@given(shares, shares, shares)
def test_probabilities_are_those_of_the_draw(share: float, up: float, down: float) -> None:
    """What is written is the chance that was taken: the expected counts of a long run agree with it."""
    settings = QualitySettings(judge=JUDGE, shares=Shares(default=share), pairs=PairSettings(up=up, down=down))
    dice = random.Random(1)
    seen: Counter[str] = Counter()
    runs = 2_000
    for _ in range(runs):
        found = draw(settings, USER, rule="r", scenario="default", tier=TIERS["mid"], tiers=TIERS, dice=dice.random)
        if found:
            seen["scored"] += 1
            seen[found.pair_tier] += 1
            assert found.score_probability == pytest.approx(1 - (1 - share) * (1 - up - down))
            assert found.pair_probability == {"heavy": up, "light": down, "": 0.0}[found.pair_tier]
    for name, chance in (("scored", 1 - (1 - share) * (1 - up - down)), ("heavy", up), ("light", down)):
        assert abs(seen[name] / runs - chance) < 0.06
