"""The same requests to two targets, for real: answered anew by both, checked, judged blind in both orders.

Through the router's own delivery, into memory; every question leaves a row on the records with its purpose, so that none of
it counts as the owner's traffic. Within a budget: what would pass it is not begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.errors import RouterError
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import Purpose
from claude_code_router.core.reply import Reply
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.ask import Answer, Asking, Errand
from claude_code_router.delivery.client_side import CLIENT_SIDES
from claude_code_router.improve.bill import RatesOf
from claude_code_router.quality.checks import check_reply, faults
from claude_code_router.quality.judging import About, Judging
from claude_code_router.quality.settings import JudgeSettings

_USUAL_OUTPUT_TOKENS = 600
_JUDGE_PROMPT_TOKENS = 3_000
_JUDGE_OUTPUT_TOKENS = 250
_JUDGE_QUESTIONS = 4
"""Each reply is scored, and both are compared in both orders."""
_ANSWER_S = 300.0


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One request, and who shall answer it."""

    name: str
    inbound: Inbound
    signals: Signals
    old: Target
    new: Target
    prompt_tokens: int = 0
    """As reported once, or estimated."""
    output_tokens: int = _USUAL_OUTPUT_TOKENS


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One answer."""

    failed: str = ""
    faults: tuple[str, ...] = ()
    """Of the checks that need no model, each a sentence."""
    stop_reason: str = ""
    calls: int = 0
    """Tools called."""
    characters: int = 0
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    first_token_ms: float | None = None
    """None when the request asks for no stream: then nothing comes before the whole."""
    duration_ms: float = 0.0
    value: float | None = None
    """The judge's score; None without one."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    old: Side
    new: Side
    preferred: Literal["", "old", "new", "tie"] = ""
    judge_cost_usd: float = 0.0


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What it will cost, before anything is spent."""

    requests: int
    old_usd: float = 0.0
    new_usd: float = 0.0
    judge_usd: float = 0.0
    unpriced: tuple[str, ...] = ()
    """Targets whose price is not known: what they cost is not in it."""

    @property
    def usd(self) -> float:
        return self.old_usd + self.new_usd + self.judge_usd


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial needs of the house."""

    asking: Asking
    judging: Judging
    rates_of: RatesOf


def estimate(samples: Sequence[Sample], judge: JudgeSettings | None, rates_of: RatesOf) -> Estimate:
    judge_target = judge.targets[0] if judge else None
    unpriced = {str(t) for sample in samples for t in (sample.old, sample.new) if rates_of(t) is None}
    if judge_target is not None and rates_of(judge_target) is None:
        unpriced.add(str(judge_target))
    questions = len(samples) * _JUDGE_QUESTIONS
    return Estimate(
        requests=len(samples),
        old_usd=sum(_usd(sample.old, sample.prompt_tokens, sample.output_tokens, rates_of) for sample in samples),
        new_usd=sum(_usd(sample.new, sample.prompt_tokens, sample.output_tokens, rates_of) for sample in samples),
        judge_usd=questions * _usd(judge_target, _JUDGE_PROMPT_TOKENS, _JUDGE_OUTPUT_TOKENS, rates_of)
        if judge_target
        else 0.0,
        unpriced=tuple(sorted(unpriced)),
    )


def within(
    samples: Sequence[Sample], judge: JudgeSettings | None, rates_of: RatesOf, budget_usd: float
) -> list[Sample]:
    """As many of the first as the budget allows, by the estimate."""
    kept: list[Sample] = []
    spent = 0.0
    for sample in samples:
        spent += estimate([sample], judge, rates_of).usd
        if spent > budget_usd:
            break
        kept.append(sample)
    return kept


async def run(
    samples: Sequence[Sample],
    bench: Bench,
    judge: JudgeSettings | None,
    purpose: Purpose,
    budget_usd: float,
    done: Callable[[Trial], None],
) -> None:
    """One after the other; each is told when it is done, so that whoever stops it keeps what there is."""
    spent = 0.0
    for sample in samples:
        if spent + estimate([sample], judge, bench.rates_of).usd > budget_usd:
            return
        trial = await _tried(sample, bench, judge, purpose)
        spent += (trial.old.cost_usd or 0.0) + (trial.new.cost_usd or 0.0) + trial.judge_cost_usd
        done(trial)


async def _tried(sample: Sample, bench: Bench, judge: JudgeSettings | None, purpose: Purpose) -> Trial:
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_answer(sample, at, bench, purpose)) for at in (sample.old, sample.new)]
    old, new = (task.result() for task in asked)
    chat = _chat(sample.inbound)
    trial = Trial(name=sample.name, old=_side(old, sample, chat), new=_side(new, sample, chat))
    if judge is None or chat is None or old.failed or new.failed:
        return trial
    about = About(request_id=sample.inbound.id, namespace=sample.signals.namespace, category=sample.signals.category)
    scores = [await bench.judging.score(judge, about, chat, answer.reply) for answer in (old, new)]
    compared = await bench.judging.compare(judge, about, chat, old.reply, new.reply)
    costs = [score.cost_usd for score in scores if score] + [compared.cost_usd]
    preferred: Literal["", "old", "new", "tie"] = "tie"
    if compared.preferred != "tie":
        preferred = "old" if compared.preferred == "served" else "new" if compared.preferred == "other" else ""
    return msgspec.structs.replace(
        trial,
        old=msgspec.structs.replace(trial.old, value=scores[0].value if scores[0] else None),
        new=msgspec.structs.replace(trial.new, value=scores[1].value if scores[1] else None),
        preferred=preferred,
        judge_cost_usd=sum(cost for cost in costs if cost is not None),
    )


async def _answer(sample: Sample, target: Target, bench: Bench, purpose: Purpose) -> Answer:
    errand = Errand(
        purpose=purpose,
        target=target,
        parent=sample.inbound.id,
        namespace=sample.signals.namespace,
        timeout_s=_ANSWER_S,
    )
    return await bench.asking.once_more(errand, sample.inbound, sample.signals)


def _side(answer: Answer, sample: Sample, chat: ChatRequest | None) -> Side:
    reply, usage = answer.reply, answer.usage
    found = faults(check_reply(chat, reply)) if chat is not None and not reply.failed else ()
    return Side(
        failed=reply.failed,
        faults=tuple(f"{finding.check}: {finding.because}" for finding in found),
        stop_reason=reply.stop_reason,
        calls=len(reply.calls),
        characters=_characters(reply),
        prompt_tokens=usage.prompt_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        cost_usd=answer.cost_usd,
        first_token_ms=answer.first_event_ms if sample.signals.stream else None,
        duration_ms=answer.duration_ms,
    )


def _characters(reply: Reply) -> int:
    return len(reply.text) + sum(len(call.json) for call in reply.calls)


def _chat(inbound: Inbound) -> ChatRequest | None:
    try:
        return CLIENT_SIDES[inbound.dialect].decode_request(inbound.body)
    except RouterError:
        return None


def _usd(target: Target, prompt_tokens: int, output_tokens: int, rates_of: RatesOf) -> float:
    rates = rates_of(target)
    cost = rates.cost_usd(Usage(input_tokens=prompt_tokens, output_tokens=output_tokens)) if rates else None
    return cost or 0.0
