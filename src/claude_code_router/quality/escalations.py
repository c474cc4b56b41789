"""All that escalation remembers and does, in one place: who looks at replies, what it has cost, which sessions are in
trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from claude_code_router.core.score import Pair, Score
from claude_code_router.core.secrets import Secrets
from claude_code_router.delivery.ask import Asking
from claude_code_router.quality.afterwards import Afterwards
from claude_code_router.quality.escalated_pairs import EscalatedPairs
from claude_code_router.quality.inspector import Ledger, ReplyInspector
from claude_code_router.quality.judging import Judging
from claude_code_router.quality.troubles import Troubles
from claude_code_router.routing.escalation import RULE


class Escalations:
    """One per process. `put` takes what belongs on the records; `now` is Unix seconds."""

    def __init__(
        self,
        asking: Asking,
        secrets: Callable[[], Secrets],
        put: Callable[[Score | Pair], None],
        now: Callable[[], float],
    ) -> None:
        self.ledger = Ledger(now)
        self.troubles = Troubles()
        # Every question counts, also one whose answer is no judgement.
        judging = Judging(asking.on_account_of(RULE, self.ledger.spent), secrets, now)
        self.inspector = ReplyInspector(judging, put, now)
        # What comparing costs is Quality's: it mends no reply.
        self._pairs = EscalatedPairs(Judging(asking, secrets, now), put)
        self.afterwards = Afterwards(self.inspector, self.troubles, put, self._pairs.add)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.afterwards.run())
            group.create_task(self._pairs.run())
