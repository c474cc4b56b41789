"""The copy of a reply that is kept in memory while it goes to the client: for whose sake, and who gets it when the reply has
left. Of most requests none is kept."""

from __future__ import annotations

import asyncio

from claude_code_router.config.settings import Config
from claude_code_router.core.decision import Decision
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import Purpose, Record
from claude_code_router.core.signals import Signals
from claude_code_router.delivery.client_reply import Sink
from claude_code_router.delivery.deliver import Delivery
from claude_code_router.quality.inspector import Looked
from claude_code_router.quality.sampling import Draw
from claude_code_router.routing.table import RoutingTable
from claude_code_router.server.escalating import Answered, keeps_reply, look_back
from claude_code_router.server.http import Call, KeptReply
from claude_code_router.server.sampling import drawn, hand_over
from claude_code_router.server.services import Services


class ReplyCopy:
    """One per request. `sink` is where the reply goes, from `arrange` on."""

    def __init__(self, call: Call, purpose: Purpose, config: Config, services: Services) -> None:
        self._call = call
        self._clients = purpose == Purpose.CLIENT
        self._config = config
        self._services = services
        self._drawn: Draw | None = None
        self._looked: asyncio.Future[Looked] | None = None
        self.sink: Sink = KeptReply(call) if config.settings.record_bodies else call

    def arrange(self, decision: Decision, signals: Signals, table: RoutingTable) -> None:
        """Whether escalation looks at the reply, and whether it is drawn to be judged."""
        if self._clients:
            self._drawn = drawn(decision, signals, self._config, self._services)
        if self.sink is self._call and (self._drawn is not None or keeps_reply(decision, signals, table)):
            self.sink = KeptReply(self._call)

    def look_back(
        self, delivery: Delivery, inbound: Inbound, decision: Decision, signals: Signals, table: RoutingTable
    ) -> None:
        """Was the reply good? In the background, where the owner asks for it."""
        if not isinstance(self.sink, KeptReply) or not self.sink.whole or not self._clients:
            return
        if keeps_reply(decision, signals, table):
            answered = Answered(
                inbound=inbound,
                signals=signals,
                decision=decision,
                table=table,
                body=self.sink.kept,
                quality=self._config.settings.quality,
            )
            self._looked = look_back(delivery, answered, self._services)

    def hand_over(self, record: Record, inbound: Inbound) -> None:
        """To who judges it, if it was drawn."""
        if self._drawn is not None and isinstance(self.sink, KeptReply):
            body = self.sink.kept if self.sink.whole else None
            hand_over(self._drawn, record, inbound, body, self._looked, self._config, self._services)

    def for_the_record(self) -> bytes | None:
        """Where the owner keeps bodies."""
        if self._config.settings.record_bodies and isinstance(self.sink, KeptReply):
            return self.sink.kept
        return None
