"""Asking a model how good a reply is: the prompts of `quality.judge`, through `delivery.ask`, as a `Score`.

For whoever needs a judgement now (escalation) or later (the scorer). Bounded in time and money; a judge that is down, slow,
over its budget, or talks nonsense gives None, never an exception: then the reply stands as it is.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from claude_code_router.core.chat import ChatRequest
from claude_code_router.core.record import Purpose
from claude_code_router.core.reply import Reply
from claude_code_router.core.score import Score
from claude_code_router.core.secrets import Secrets
from claude_code_router.core.target import Target
from claude_code_router.delivery.ask import Answer, Asking, Errand
from claude_code_router.quality.checks import Finding, faults
from claude_code_router.quality.judge import (
    Preference,
    agreed,
    compare_prompt,
    epoch_of,
    judge_prompt,
    read_judgement,
    read_preference,
)
from claude_code_router.quality.settings import JudgeSettings
from claude_code_router.store.redact import redact_text


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Which reply is judged."""

    request_id: str
    namespace: str = ""
    session: str = ""
    category: str = ""
    """Chooses the rubric; empty: the general one."""


class Preferred(msgspec.Struct, frozen=True, kw_only=True):
    """Of the served reply with another one, asked in both orders."""

    preferred: Literal["", "served", "other", "tie"] = ""
    """Empty: there was no answer in both orders."""
    cost_usd: float | None = None


class Judging:
    """One per process. `secrets` gives the configured ones of this moment; `now` is Unix seconds."""

    def __init__(self, asking: Asking, secrets: Callable[[], Secrets], now: Callable[[], float]) -> None:
        self._asking = asking
        self._secrets = secrets
        self._now = now

    def may_spend(self, settings: JudgeSettings, namespace: str) -> bool:
        """What runs at the moment is not counted yet."""
        return self._asking.allowance.allows(Purpose.SCORE, namespace, settings.a_day_usd, self._now())

    async def score(self, settings: JudgeSettings, about: About, chat: ChatRequest, reply: Reply) -> Score | None:
        """A score by a model, at most `settings.timeout_s` later; None when there is none. It is not put on the records:
        that is the caller's."""
        secrets, ends_at = self._secrets(), _now() + settings.timeout_s
        prompt = await asyncio.to_thread(judge_prompt, chat, reply, about.category, secrets)
        answers: list[Answer] = []
        for target in settings.targets:
            answer = await self._ask(settings, about, target, ends_at, prompt)
            if answer is None:
                break
            answers.append(answer)
            judgement = None if answer.failed else read_judgement(answer.text)
            if judgement is not None:
                return Score(
                    id=score_id(),
                    request_id=about.request_id,
                    at=self._now(),
                    by="model",
                    judge=str(target),
                    epoch=epoch_of(str(target)),
                    value=judgement.value,
                    sure=judgement.sure,
                    reason=redact_text(judgement.reason, secrets),
                    cost_usd=_cost(answers),
                    duration_ms=sum(answer.duration_ms for answer in answers),
                )
        return None

    async def compare(
        self, settings: JudgeSettings, about: About, chat: ChatRequest, served: Reply, other: Reply
    ) -> Preferred:
        """By the first of the judges alone: both orders have to be seen by the same eyes."""
        secrets, ends_at = self._secrets(), _now() + settings.timeout_s
        answers: list[Answer] = []
        preferences: list[Preference | None] = []
        for first, second in ((served, other), (other, served)):
            prompt = await asyncio.to_thread(compare_prompt, chat, first, second, about.category, secrets)
            answer = await self._ask(settings, about, settings.targets[0], ends_at, prompt)
            answers += [answer] if answer else []
            preferences.append(read_preference(answer.text) if answer and not answer.failed else None)
            if preferences[-1] is None:
                return Preferred(cost_usd=_cost(answers))
        return Preferred(preferred=_WORDS[agreed(*preferences)], cost_usd=_cost(answers))

    async def _ask(
        self, settings: JudgeSettings, about: About, target: Target, ends_at: float, prompt: tuple[str, str]
    ) -> Answer | None:
        """None when time or money has run out."""
        left_s = ends_at - _now()
        if left_s <= 0 or not self.may_spend(settings, about.namespace):
            return None
        errand = Errand(
            purpose=Purpose.SCORE,
            target=target,
            parent=about.request_id,
            namespace=about.namespace,
            tier=settings.tier,
            session=about.session,
            timeout_s=left_s,
        )
        return await self._asking.question(errand, *prompt, max_tokens=settings.max_tokens)


_WORDS: Mapping[Preference | None, Literal["", "served", "other", "tie"]] = {
    "first": "served",
    "second": "other",
    "tie": "tie",
    None: "",
}


def _now() -> float:
    return asyncio.get_running_loop().time()


def _cost(answers: Sequence[Answer]) -> float | None:
    known = [answer.cost_usd for answer in answers if answer.cost_usd is not None]
    return sum(known) if known else None


def scores_of_checks(about: About, findings: Iterable[Finding], at: float) -> tuple[Score, ...]:
    """Each check that failed is a score of 0; one that found nothing proves nothing, and is none. `at`: Unix seconds."""
    return tuple(
        Score(
            id=score_id(),
            request_id=about.request_id,
            at=at,
            by="check",
            judge=finding.check,
            value=0.0,
            reason=finding.because,
        )
        for finding in faults(tuple(findings))
    )


def score_id() -> str:
    return f"scr_{uuid.uuid4().hex[:24]}"
