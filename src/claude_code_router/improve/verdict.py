"""Is the new model fit to take the old one's place? Pure: from trials to a verdict with its reasons."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from claude_code_router.catalog.cards import ModelCard
from claude_code_router.improve.shift import Shift, shifted
from claude_code_router.improve.trials import Side, Trial
from claude_code_router.quality.intervals import Estimate, wilson

Word = Literal["go", "go with changes", "do not", "insufficient"]
Weight = Literal["no", "mind", "good"]

TRIALS_MIN = 5
_WORSE_BY = 0.05
"""A mean score lower by more than this is a loss, when the test says that it is none of chance."""
_SURE = 0.05
_MUCH = 1.25
"""A ratio of costs, times or lengths that is worth a word."""
_TOKENS_OFF = 0.05


class Reason(msgspec.Struct, frozen=True):
    weight: Weight
    text: str


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One model's, of the requests that both have answered: medians, and the mean of the scores. None: nothing is known."""

    first_token_ms: float | None = None
    """Of streamed answers."""
    duration_ms: float | None = None
    prompt_tokens: float | None = None
    output_tokens: float | None = None
    cost_usd: float | None = None
    score: float | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    word: Word
    reasons: tuple[Reason, ...]
    trials: int
    score: Shift | None = None
    preferred_new: Estimate | None = None
    """The share of decided comparisons that the new one won."""
    cost_ratio: float | None = None
    """Median of new to old, of each request; so the next four."""
    first_token_ratio: float | None = None
    time_ratio: float | None = None
    output_ratio: float | None = None
    prompt_ratio: float | None = None
    """The same prompts as the two tokenizers count them."""
    old: Figures = Figures()
    new: Figures = Figures()


def judged(trials: Sequence[Trial], old: ModelCard, new: ModelCard) -> Verdict:
    whole = [trial for trial in trials if not trial.old.failed and not trial.new.failed]
    scored = [(t.old.value, t.new.value) for t in whole if t.old.value is not None and t.new.value is not None]
    score = shifted(scored)
    ratios = {
        "cost_ratio": _ratio([(t.old.cost_usd, t.new.cost_usd) for t in whole]),
        "first_token_ratio": _ratio([(t.old.first_token_ms, t.new.first_token_ms) for t in whole]),
        "time_ratio": _ratio([(t.old.duration_ms, t.new.duration_ms) for t in whole]),
        "output_ratio": _ratio([(t.old.output_tokens, t.new.output_tokens) for t in whole]),
        "prompt_ratio": _ratio([(t.old.prompt_tokens, t.new.prompt_tokens) for t in whole]),
    }
    reasons = (
        *_by_cards(old, new),
        *_by_format(trials),
        *_by_scores(whole, score, len(scored)),
        *_by_cost(ratios["cost_ratio"], [(t.old.cost_usd, t.new.cost_usd) for t in whole]),
        *_by_ratios(**{name: ratio for name, ratio in ratios.items() if name != "cost_ratio"}),
    )
    return Verdict(
        word=_word(reasons, len(whole)),
        reasons=reasons,
        trials=len(trials),
        score=score,
        preferred_new=_preferred(whole),
        old=_figures([trial.old for trial in whole]),
        new=_figures([trial.new for trial in whole]),
        **ratios,
    )


def _word(reasons: Sequence[Reason], whole: int) -> Word:
    """`whole`: trials that both have answered."""
    weights = {reason.weight for reason in reasons}
    if "no" in weights:
        return "do not"
    if whole < TRIALS_MIN:
        return "insufficient"
    return "go with changes" if "mind" in weights else "go"


def _by_cards(old: ModelCard, new: ModelCard) -> Iterator[Reason]:
    """What the catalogue says that the new one cannot."""
    if old.context_tokens and new.context_tokens and new.context_tokens < old.context_tokens:
        yield Reason("mind", f"its window is smaller: {new.context_tokens:,} tokens instead of {old.context_tokens:,}")
    if old.max_output_tokens and new.max_output_tokens and new.max_output_tokens < old.max_output_tokens:
        most, was = new.max_output_tokens, old.max_output_tokens
        yield Reason("mind", f"it says less in one reply: at most {most:,} tokens instead of {was:,}")
    if old.vision and new.vision is False:
        yield Reason("mind", "it does not see pictures")
    if old.thinking and new.thinking and (lost := old.thinking - new.thinking):
        yield Reason("mind", f"thinking: it does not take {', '.join(sorted(lost))}; the router rewrites that")
    for name, had, has in (
        ("temperature, top_p and top_k", old.sampling, new.sampling),
        ("a trailing assistant turn", old.prefill, new.prefill),
        ("a forced tool", old.forced_tool, new.forced_tool),
    ):
        if had and not has and new.family:
            yield Reason("mind", f"it does not take {name}; the router takes that out where it can")


def _by_format(trials: Sequence[Trial]) -> Iterator[Reason]:
    if not trials:
        return
    refused = [trial for trial in trials if trial.new.failed and not trial.old.failed]
    for message, count in _counted(trial.new.failed for trial in refused):
        yield Reason("no", f"{count} of {len(trials)} requests that the old one answers fail: {message}")
    lost = [trial for trial in trials if trial.old.failed and not trial.new.failed]
    if lost:
        yield Reason("good", f"{len(lost)} requests that the old one does not answer are answered")
    whole = [trial for trial in trials if not trial.new.failed and not trial.old.failed]
    worse = sum(1 for trial in whole if trial.new.faults and not trial.old.faults)
    better = sum(1 for trial in whole if trial.old.faults and not trial.new.faults)
    for fault, count in _counted(fault for trial in whole if not trial.old.faults for fault in trial.new.faults):
        serious = worse - better > max(1, 0.1 * len(whole))
        yield Reason(
            "no" if serious else "mind", f"in {count} of {len(whole)} replies, where the old one's is sound: {fault}"
        )
    for was, now, count in _stops(whole):
        yield Reason("mind", f"{count} of {len(whole)} replies end with {now} where the old one's end with {was}")
    silent = sum(1 for trial in whole if trial.old.calls and not trial.new.calls)
    if silent:
        yield Reason("mind", f"in {silent} of {len(whole)} replies it calls no tool where the old one does")
    if whole and not (worse or silent or refused):
        yield Reason("good", "tool calls, formats and ends of the replies are as sound as the old one's")


def _by_scores(whole: Sequence[Trial], score: Shift | None, scored: int) -> Iterator[Reason]:
    if score is None:
        yield Reason("mind", "its quality is not known: nobody judged (no `Quality.judge`, or the judge had no answer)")
        return
    found, test = score.difference, f"p = {score.p:.3f}, {scored} pairs"
    text = f"scores {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}] against the old one's ({test})"
    if score.p < _SURE and found.value < -_WORSE_BY:
        yield Reason("no", text)
    elif score.p < _SURE and found.value < 0:
        yield Reason("mind", text)
    elif found.low < -_WORSE_BY:
        yield Reason("mind", f"{text}: a loss of {_WORSE_BY:g} is not excluded by so few")
    else:
        yield Reason("good", text)
    wins = sum(1 for trial in whole if trial.preferred == "new")
    losses = sum(1 for trial in whole if trial.preferred == "old")
    ties = sum(1 for trial in whole if trial.preferred == "tie")
    if wins or losses or ties:
        yield Reason(
            "good" if wins >= losses else "mind",
            f"compared blind, in both orders: {wins} won, {losses} lost, {ties} even",
        )


def _by_cost(ratio: float | None, costs: Sequence[tuple[float | None, float | None]]) -> Iterator[Reason]:
    if ratio is not None:
        yield Reason("mind" if ratio > _MUCH else "good", f"a request costs {ratio:.2f} times as much")
    elif costs and all(old == 0 and new is not None for old, new in costs):
        dearer = any(new for _, new in costs)
        yield Reason(
            "mind" if dearer else "good", f"the old one costs nothing, the new one {'does' if dearer else 'neither'}"
        )
    else:
        yield Reason("mind", "what it costs against the old one is not known: a price is missing")


def _by_ratios(
    first_token_ratio: float | None,
    time_ratio: float | None,
    output_ratio: float | None,
    prompt_ratio: float | None,
) -> Iterator[Reason]:
    if first_token_ratio is not None:
        weight: Weight = "mind" if first_token_ratio > _MUCH else "good"
        yield Reason(weight, f"the first token takes {first_token_ratio:.2f} times as long")
    if time_ratio is not None:
        yield Reason("mind" if time_ratio > _MUCH else "good", f"an answer takes {time_ratio:.2f} times as long")
    if output_ratio is not None:
        much = output_ratio > _MUCH or output_ratio < 1 / _MUCH
        yield Reason("mind" if much else "good", f"replies have {output_ratio:.2f} times as many tokens")
    if prompt_ratio is not None:
        off = abs(prompt_ratio - 1) > _TOKENS_OFF
        more = "; thresholds in tokens mean something else then, and are learnt anew by the router" if off else ""
        yield Reason(
            "mind" if off else "good", f"it counts {prompt_ratio:.2f} times as many tokens in the same prompts{more}"
        )


def _stops(whole: Sequence[Trial]) -> Iterator[tuple[str, str, int]]:
    found: dict[tuple[str, str], int] = {}
    for trial in whole:
        ends = (trial.old.stop_reason, trial.new.stop_reason)
        if ends[0] != ends[1]:
            found[ends] = found.get(ends, 0) + 1
    yield from ((was or "nothing", now or "nothing", count) for (was, now), count in found.items())


def _counted(texts: Iterator[str]) -> Iterator[tuple[str, int]]:
    found: dict[str, int] = {}
    for text in texts:
        found[text] = found.get(text, 0) + 1
    yield from sorted(found.items(), key=lambda item: -item[1])


def _preferred(whole: Sequence[Trial]) -> Estimate | None:
    decided = [trial for trial in whole if trial.preferred in ("old", "new")]
    if not decided:
        return None
    share = sum(1 for trial in decided if trial.preferred == "new") / len(decided)
    interval = wilson(share, len(decided))
    return Estimate(value=share, low=interval.low, high=interval.high, n=len(decided))


def _figures(sides: Sequence[Side]) -> Figures:
    return Figures(
        first_token_ms=_median([side.first_token_ms for side in sides]),
        duration_ms=_median([side.duration_ms for side in sides]),
        prompt_tokens=_median([side.prompt_tokens for side in sides]),
        output_tokens=_median([side.output_tokens for side in sides]),
        cost_usd=_median([side.cost_usd for side in sides]),
        score=statistics.fmean(scores)
        if (scores := [side.value for side in sides if side.value is not None])
        else None,
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _ratio(pairs: Sequence[tuple[float | None, float | None]]) -> float | None:
    known = [new / old for old, new in pairs if old and new is not None]
    return statistics.median(known) if known else None
