"""From outcomes to a model that may be used, or may not."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from claude_code_router.core.errors import BadRequest
from claude_code_router.improve.apgr import Outcome, apgr_of_one, midranks
from claude_code_router.improve.gate import learn
from claude_code_router.improve.learning import (
    SHRUNK_TO_MEAN_ROWS,
    Example,
    Prepared,
    fit_table,
    fit_words,
    out_of_fold,
    prepared,
    price_exponent,
)
from claude_code_router.improve.rows import LoggedRow, examples_of, models_by_tier, read_rows, two_tiers
from claude_code_router.routing.learned import LearnedModel, Turn, score

WORDS = [f"word{place}" for place in range(60)]
HARD = frozenset(WORDS[:12])


def rows_of(seed: int, count: int, *, learnable: bool, gap: float = 0.3) -> list[LoggedRow]:
    """Where it can be learnt, the light tier fails on prompts with hard words; else on as many, wherever they are."""
    dice = random.Random(seed)
    rows = []
    for _ in range(count):
        said = dice.sample(WORDS, dice.randint(4, 12))
        hard = len(HARD.intersection(said)) / len(said) > 0.2 if learnable else dice.random() < 0.5
        heavy = dice.random() < 0.5
        good = 0.85 if heavy else 0.85 - 2 * gap * hard
        quality = float(dice.random() < good)
        rows.append(
            LoggedRow(
                prompt=" ".join(said),
                tier="heavy" if heavy else "light",
                quality=quality,
                model="L" if heavy else "S",
                cost=1.0 if heavy else 0.1,
            )
        )
    return rows


def examples(rows: Sequence[LoggedRow]) -> list[Example]:
    return examples_of(rows, "light", "heavy", lambda _: "")


def test_what_can_be_learnt_is_switched_on() -> None:
    """Its words are found, the strong tier is spared, the quality is kept."""
    learning = learn(prepared(examples(rows_of(1, 1500, learnable=True)), "words"), "light", "heavy")
    assert learning.switched_on, learning.checks
    assert learning.apgr["words"].low > 0.6
    assert learning.point is not None
    assert learning.all_heavy is not None
    assert learning.point.quality >= 0.95 * learning.all_heavy.quality
    assert 0.1 < learning.point.heavy_share < 0.8
    hard, easy = (score(Turn(text=" ".join(words)), learning.model) for words in (WORDS[:5], WORDS[30:35]))
    assert hard > 0.5 > easy


def test_order_of_the_rows_leaves_no_trace() -> None:
    """The same rows make the same model, to the bit."""
    rows = rows_of(2, 900, learnable=True)
    one = learn(prepared(examples(rows), "words"), "light", "heavy")
    random.Random(3).shuffle(rows)
    assert learn(prepared(examples(rows), "words"), "light", "heavy") == one


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_refused(seed: int) -> None:
    """A difference between the tiers that goes with nothing in the prompt does not switch it on, nor the table, and it says
    why."""
    learning = learn(prepared(examples(rows_of(seed, 900, learnable=False)), "words"), "light", "heavy")
    assert not learning.switched_on
    assert [check.name for check in learning.checks if not check.passed] == ["chance"]
    assert learning.model.method == "size"
    assert learning.instead


def test_scores_of_chance_pass_seldom() -> None:
    """Of scores that know nothing at most one in twenty has its lower end above a half."""
    passed = 0
    for seed in range(300):
        dice = random.Random(seed)
        outcomes = [
            Outcome(heavy=heavy, quality=float(dice.random() < (0.85 if heavy else 0.65)))
            for heavy in (dice.random() < 0.5 for _ in range(800))
        ]
        passed += apgr_of_one(outcomes, midranks([dice.random() for _ in outcomes])).low > 0.5
    assert passed <= 15


@pytest.mark.parametrize(
    ("rows", "check"),
    [
        (rows_of(5, 600, learnable=True), "rows"),
        ([row for row in rows_of(5, 2000, learnable=True) if row.tier == "light" or row.prompt < "word2"], "rows"),
        (rows_of(5, 1000, learnable=True, gap=0.0), "gap"),
    ],
    ids=["few rows", "few rows of one tier", "tiers alike"],
)
def test_checks_before_the_fit(rows: list[LoggedRow], check: str) -> None:
    """Without enough rows, or a difference worth finding, nothing is switched on."""
    heavy = [row for row in rows if row.tier == "heavy"]
    rows = [*[row for row in rows if row.tier == "light"], *(heavy if len(rows) < 1100 else heavy[:150])]
    learning = learn(prepared(examples(rows), "words"), "light", "heavy")
    assert not learning.switched_on
    assert check in [one.name for one in learning.checks if not one.passed]


def test_worse_strong_tier_gets_nobody() -> None:
    """Where the light tier's answers are better, everything goes there."""
    rows = [
        LoggedRow(prompt=row.prompt, tier={"light": "heavy", "heavy": "light"}[row.tier], quality=row.quality)
        for row in rows_of(6, 1000, learnable=True)
    ]
    learning = learn(prepared(examples(rows), "words"), "light", "heavy")
    assert not learning.switched_on
    assert score(Turn(text="word " * 1000), learning.model) <= 0.5


def test_no_row_is_scored_by_a_model_that_saw_its_fold() -> None:
    """Nor by one that saw the same prompt answered by the other tier."""
    rows = [*rows_of(7, 300, learnable=True)]
    rows += [
        LoggedRow(prompt=row.prompt, tier="light" if row.tier == "heavy" else "heavy", quality=1.0) for row in rows
    ]
    ready = prepared(examples(rows), "words")
    keys = [one.key for one in ready.examples]
    seen: list[set[str]] = []

    def fitting(given: Prepared, places: Sequence[int]) -> LearnedModel:
        seen.append({given.examples[place].key for place in places})
        return fit_table(given, places)

    out_of_fold(ready, fitting)
    assert len(seen) == 5
    assert all(sum(key not in one for one in seen) == 1 for key in keys)


def test_label_of_its_own_row_does_not_leak() -> None:
    """Turning one row's label over changes no score of its own fold."""
    rows = rows_of(8, 400, learnable=True)
    before = prepared(examples(rows), "words")
    turned = [
        LoggedRow(prompt=row.prompt, tier=row.tier, quality=1.0 - float(row.quality or 0)) if place == 0 else row
        for place, row in enumerate(rows)
    ]
    after = prepared(examples(turned), "words")
    fold = dict(zip((one.key for one in before.examples), before.folds, strict=True))[examples(rows)[0].key]

    def scores(ready: Prepared) -> dict[str, float]:
        found = zip(ready.examples, ready.folds, out_of_fold(ready, fit_words), strict=True)
        return {one.key: value for one, own, value in found if own == fold}

    assert scores(before) == scores(after)


def test_table_is_shrunk_to_the_mean() -> None:
    """By hand: n rows of a type count against twenty of the tier's mean."""
    said = [("a", True, 1.0)] * 10 + [("a", False, 0.0)] * 10 + [("b", True, 1.0)] * 30 + [("b", False, 1.0)] * 30
    rows = [
        Example(str(place), Turn(task=task), Outcome(heavy=heavy, quality=quality))
        for place, (task, heavy, quality) in enumerate(said)
    ]
    table = fit_table(prepared(rows, "words"), range(80)).table
    assert table is not None
    mean = 30 / 40
    light = (0 + SHRUNK_TO_MEAN_ROWS * mean) / (10 + SHRUNK_TO_MEAN_ROWS)
    assert table.gains["a"] == pytest.approx(1.0 - light)
    assert table.otherwise == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("tiers", "costs", "qualities", "known", "pair"),
    [
        (("heavy", "light"), (0, 0), (1, 1), (), ("light", "heavy")),
        (("strong", "weak"), (0, 0), (1, 1), (), ("weak", "strong")),
        (("b", "a"), (0, 0), (1, 1), ("b", "a"), ("b", "a")),
        (("a", "b"), (5, 1), (1, 1), (), ("b", "a")),
        (("a", "b"), (None, None), (0.9, 0.4), (), ("b", "a")),
    ],
)
def test_which_tier_is_the_stronger(
    tiers: tuple[str, str],
    costs: tuple[float | None, float | None],
    qualities: tuple[float, float],
    known: tuple[str, ...],
    pair: tuple[str, str],
) -> None:
    """The owner's order, then names, then prices, then quality."""
    rows = [
        LoggedRow(prompt="p", tier=tier, cost=cost, quality=quality)
        for tier, cost, quality in zip(tiers, costs, qualities, strict=True)
    ]
    assert two_tiers(rows, known) == pair


def test_one_tier_is_not_enough() -> None:
    """And the message says so."""
    with pytest.raises(BadRequest, match=r"of two tiers.*light alone"):
        two_tiers([LoggedRow(prompt="p", tier="light", quality=1)])


def test_rows_are_read() -> None:
    """Rows without a quality are counted and left out, other keys and empty lines do not matter."""
    lines = [
        b'{"prompt": "p", "tier": "light", "model": "m", "quality": 0.5, "cost": 0.1, "who": 1}',
        b"",
        b'{"prompt": "q", "tier": "heavy", "quality": null}',
        b'{"prompt": "q", "tier": "heavy", "quality": true, "propensity": 0.25}',
    ]
    read = read_rows(lines, "logs")
    assert read.unjudged == 1
    assert [float(row.quality or 0) for row in read.rows] == [0.5, 1.0]
    assert examples(read.rows)[1].outcome.weight == 4
    assert models_by_tier(read.rows) == {"light": ("m",), "heavy": ("",)}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "line 2"),
        (b'{"tier": "light", "quality": 1}', "prompt"),
        (b'{"prompt": "p", "tier": "light", "quality": 7}', "from 0 to 1"),
        (b'{"prompt": "p", "tier": "light", "quality": 1, "propensity": 0}', "propensity"),
        (b"\xff", "line 2"),
    ],
)
def test_wrong_rows_are_named(line: bytes, problem: str) -> None:
    """With their line, and what would be right."""
    with pytest.raises(BadRequest, match=problem):
        read_rows([b'{"prompt": "p", "tier": "light", "quality": 1}', line], "logs")


def test_price_follows_the_rows_costs() -> None:
    """Half of how the strong tier's costs grow with length; nothing without costs, or where they do not grow."""

    def exponent(cost: Callable[[int], float | None]) -> float:
        rows = [LoggedRow(prompt="w " * words, tier="heavy", quality=1.0, cost=cost(words)) for words in range(1, 200)]
        return price_exponent(prepared(examples(rows), "words"))

    assert exponent(lambda words: 0.001 * (1 + words)) == pytest.approx(0.5)
    assert exponent(lambda words: 0.001 * (1 + words) ** 0.6) == pytest.approx(0.3)
    assert exponent(lambda words: 1 / words) == 0
    assert exponent(lambda _: None) == 0
