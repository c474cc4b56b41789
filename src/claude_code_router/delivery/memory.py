"""What delivery remembers from one request to the next: retry budgets, upward steps, who was told that all is exhausted."""

from __future__ import annotations

from claude_code_router.core.signals import Signals
from claude_code_router.delivery.backoff import RetryBudget, RetrySettings
from claude_code_router.delivery.upward import UpwardLedger

_REPEATED_WITHIN_S = 120.0
"""The client's own pauses reach 40 s."""
_MOST_REMEMBERED = 512

_Asked = tuple[str, str, str, int]


class Memory:
    """One per process. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.upward = UpwardLedger()
        self._budgets: dict[str, RetryBudget] = {}
        self._exhausted: dict[_Asked, float] = {}

    def requested(self, provider: str, now_s: float, settings: RetrySettings) -> None:
        known = self._budgets.get(provider) or RetryBudget(settings.burst, now_s)
        self._budgets[provider] = known.requested(now_s, settings)

    def may_repeat(self, provider: str) -> bool:
        budget = self._budgets.get(provider)
        return budget is not None and budget.allows

    def repeated(self, provider: str) -> None:
        self._budgets[provider] = self._budgets[provider].repeated()

    def told_exhausted(self, signals: Signals, now_s: float) -> None:
        """Its attempts are used up and the client was told so; if it asks again, it does the repeating. Without a session
        equal requests may be many clients'."""
        if not signals.session:
            return
        asked = _asked(signals)
        self._exhausted.pop(asked, None)
        self._exhausted[asked] = now_s
        while len(self._exhausted) > _MOST_REMEMBERED:
            del self._exhausted[next(iter(self._exhausted))]

    def is_repetition(self, signals: Signals, now_s: float) -> bool:
        """The client repeats what it was just told to be exhausted. Today's Claude Code does not say so in a header."""
        if not self._exhausted:
            return False
        at = self._exhausted.get(_asked(signals))
        return at is not None and now_s - at < _REPEATED_WITHIN_S


def _asked(signals: Signals) -> _Asked:
    return signals.session, signals.agent_id, signals.prompt_hash, signals.turns
