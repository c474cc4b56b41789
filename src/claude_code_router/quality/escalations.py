"""All that escalation remembers and does, in one place: who looks at replies, what it has cost, which sessions are in
trouble."""

from __future__ import annotations

from collections.abc import Callable

from claude_code_router.core.score import Pair, Score
from claude_code_router.quality.afterwards import Afterwards
from claude_code_router.quality.inspector import Ledger, ReplyInspector
from claude_code_router.quality.judging import Judging
from claude_code_router.quality.troubles import Troubles


class Escalations:
    """One per process. `put` takes what belongs on the records; `now` is Unix seconds."""

    def __init__(self, judging: Judging, put: Callable[[Score | Pair], None], now: Callable[[], float]) -> None:
        self.ledger = Ledger(now)
        self.troubles = Troubles()
        self.inspector = ReplyInspector(judging, put, self.ledger, now)
        self.afterwards = Afterwards(self.inspector, self.troubles, put)
