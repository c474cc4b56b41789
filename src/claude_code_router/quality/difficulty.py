"""Asks a judge model how hard a turn is: once a turn, within a time, within a day's budget, and never when it keeps failing.
Of equal questions at once only one is sent."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec

from claude_code_router.core.rating import Rating
from claude_code_router.core.record import Purpose
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.delivery.ask import Asking, Errand
from claude_code_router.plugins.breaker import Breaker
from claude_code_router.routing.difficulty import VERSION, DifficultySettings, Question, question, read_answer

Value = TypeVar("Value")

_TURNS_REMEMBERED = 4_096
_MAX_TOKENS = 200


class DifficultyJudge:
    """One per process; namespaces share nothing in it. `cleaned` strikes secrets out of what a judge is shown."""

    def __init__(
        self,
        asking: Asking,
        cleaned: Callable[[str], str],
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._asking = asking
        self._cleaned = cleaned
        self._clock = clock
        self._now = now
        self._scores: _Latest[float] = _Latest()
        self._turns: _Latest[Rating] = _Latest()
        self._breakers: dict[tuple[str, Target], Breaker] = {}
        self._under_way: dict[str, asyncio.Future[Rating | None]] = {}
        """By what is asked. None comes of it when the request that asked has gone without an answer."""

    def of_turn(self, signals: Signals) -> Rating | None:
        """What the turn was rated when it began: its tool results carry the same words."""
        known = self._turns.get(_turn(signals))
        return known and msgspec.structs.replace(known, from_memory=True, question="", duration_ms=0.0, cost_usd=None)

    async def rate(self, signals: Signals, settings: DifficultySettings, parent: str) -> Rating:
        """Never raises for what goes wrong with the judge. `parent`: the request's id, for the question's own row."""
        asked = question(self._cleaned(signals.last_user_text), signals.tokens)
        key = f"{signals.namespace}\0{settings.judge}\0{asked.key}"
        ends_at_s = _loop_s() + settings.timeout_s
        rating = await self._of_others(key, settings, ends_at_s)
        if rating is None:
            rating = Rating(judge=str(settings.judge), prompt=VERSION)
            known = self._scores.get(key)
            if known is not None:
                rating = msgspec.structs.replace(rating, score=known, from_memory=True)
            elif why := self._why_not(signals, settings):
                rating = msgspec.structs.replace(rating, why=why)
            else:
                left = msgspec.structs.replace(settings, timeout_s=max(round(ends_at_s - _loop_s(), 2), 0.01))
                rating = await self._for_all(key, self._ask(rating, asked, signals, left, parent))
                if rating.score is not None:
                    self._scores.keep(key, rating.score, settings.remembered)
        self._turns.keep(_turn(signals), rating, _TURNS_REMEMBERED)
        return rating

    async def _of_others(self, key: str, settings: DifficultySettings, ends_at_s: float) -> Rating | None:
        """What comes of the same question of another request, within this one's own time. None: nobody asks, or who asked is
        gone."""
        began_s = _loop_s()
        while (answer := self._under_way.get(key)) is not None:
            done, _ = await asyncio.wait((answer,), timeout=max(ends_at_s - _loop_s(), 0.0))
            waited_ms = (_loop_s() - began_s) * 1000
            if not done:
                why = _why(f"There was no answer within {settings.timeout_s:g} s.", settings)
                return Rating(
                    judge=str(settings.judge), prompt=VERSION, why=why, from_memory=True, duration_ms=waited_ms
                )
            found = answer.result()
            if found is not None:
                return msgspec.structs.replace(
                    found, from_memory=True, question="", duration_ms=waited_ms, cost_usd=None
                )
        return None

    async def _for_all(self, key: str, asking: Awaitable[Rating]) -> Rating:
        """Equal questions wait for this one's answer meanwhile."""
        answer = self._under_way[key] = asyncio.get_running_loop().create_future()
        rating = None
        try:
            rating = await asking
            return rating
        finally:
            del self._under_way[key]
            answer.set_result(rating)

    def _why_not(self, signals: Signals, settings: DifficultySettings) -> str:
        if not self._asking.allowance.allows(
            Purpose.DIFFICULTY, signals.namespace, settings.daily_budget_usd, self._now()
        ):
            return f"the judge's budget of ${settings.daily_budget_usd:g} for today is spent"
        opens_in_s = self._breaker(signals.namespace, settings.judge).opens_in_s(self._clock())
        return f"{settings.judge} keeps failing, and is left alone for {opens_in_s:.0f} s" if opens_in_s else ""

    async def _ask(
        self, rating: Rating, asked: Question, signals: Signals, settings: DifficultySettings, parent: str
    ) -> Rating:
        breaker, reported = self._breaker(signals.namespace, settings.judge), False
        errand = Errand(
            purpose=Purpose.DIFFICULTY,
            target=settings.judge,
            parent=parent,
            namespace=signals.namespace,
            timeout_s=settings.timeout_s,
        )
        try:
            answer = await self._asking.question(errand, asked.system, asked.user, max_tokens=_MAX_TOKENS)
            score = None if answer.failed else read_answer(answer.text)
            reported = True
        finally:
            if not reported:
                breaker.abandoned()
        if score is None:
            breaker.failed(self._clock())
        else:
            breaker.succeeded()
        return msgspec.structs.replace(
            rating,
            score=score,
            why="" if score is not None else _why(answer.failed, settings),
            question=answer.id,
            duration_ms=answer.duration_ms,
            cost_usd=answer.cost_usd,
        )

    def _breaker(self, namespace: str, judge: Target) -> Breaker:
        return self._breakers.setdefault((namespace, judge), Breaker())


def _loop_s() -> float:
    return asyncio.get_running_loop().time()


def _why(failed: str, settings: DifficultySettings) -> str:
    if not failed:
        return f"{settings.judge} did not answer with a number"
    return f"{settings.judge} gave no answer: {failed[:200].rstrip('.')}"


def _turn(signals: Signals) -> str:
    return "\0".join((signals.namespace, signals.session, signals.agent_id, signals.prompt_hash))


class _Latest(Generic[Value]):
    """By key; the least recently used go first."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Value] = OrderedDict()

    def get(self, key: str) -> Value | None:
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key]

    def keep(self, key: str, value: Value, most: int) -> None:
        self._held[key] = value
        self._held.move_to_end(key)
        while len(self._held) > most:
            self._held.popitem(last=False)
