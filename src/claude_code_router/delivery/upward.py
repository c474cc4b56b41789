"""Upward fallbacks: steps to a target that is dearer than the planned one. They are counted and capped. No clock in here."""

from __future__ import annotations

import msgspec

_HOUR_S, _DAY_S = 3600.0, 86_400.0


class UpwardCaps(msgspec.Struct, frozen=True, kw_only=True):
    """The owner's `upwardFallback`, for each namespace."""

    max_per_hour: int = 100
    max_per_day: int = 500
    max_usd_per_hour: float = 10.0
    max_usd_per_day: float = 50.0


class UpwardStep(msgspec.Struct):
    """One step that was taken."""

    at_s: float
    usd: float
    """Expected, until `settle` has put what it really cost."""


class UpwardLedger:
    """The steps of the last day, by namespace. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._steps: dict[str, list[UpwardStep]] = {}

    def refusal(self, namespace: str, usd: float, caps: UpwardCaps, now_s: float) -> str:
        """Why one more step of this expected cost may not be taken; empty when it may."""
        day = [step for step in self._steps.get(namespace, ()) if now_s - step.at_s < _DAY_S]
        hour = [step for step in day if now_s - step.at_s < _HOUR_S]
        for steps, word, most, most_usd in (
            (hour, "hour", caps.max_per_hour, caps.max_usd_per_hour),
            (day, "day", caps.max_per_day, caps.max_usd_per_day),
        ):
            if len(steps) >= most:
                return f"{len(steps)} of {most} upward fallbacks an {word}".replace("an day", "a day")
            spent = sum(step.usd for step in steps)
            if spent + usd > most_usd:
                return f"${spent:.2f} of ${most_usd:.2f} for upward fallbacks an {word}".replace("an day", "a day")
        return ""

    def seed(self, namespace: str, age_s: float, usd: float, now_s: float) -> None:
        """A step that was taken before this process began, as the records say."""
        self._steps.setdefault(namespace, []).append(UpwardStep(now_s - age_s, usd))

    def take(self, namespace: str, usd: float, now_s: float) -> UpwardStep:
        """Book a step; hand it to `settle` when its cost is known."""
        kept = [step for step in self._steps.get(namespace, ()) if now_s - step.at_s < _DAY_S]
        step = UpwardStep(now_s, usd)
        self._steps[namespace] = [*kept, step]
        return step

    @staticmethod
    def settle(step: UpwardStep, usd: float) -> None:
        step.usd = usd
