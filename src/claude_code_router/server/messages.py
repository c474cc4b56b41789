"""A request for a model's answer, in any client's dialect, and the token count: through the house, top to bottom
(docs/walk.md)."""

from __future__ import annotations

import logging

import msgspec

from claude_code_router.config.settings import Config
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Decision, NoRoute
from claude_code_router.core.errors import LoopDetected, RouterError
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import Outcome, Purpose, Record
from claude_code_router.core.signals import Signals
from claude_code_router.delivery.count import count_upstream
from claude_code_router.delivery.deliver import Delivery, Means
from claude_code_router.delivery.limits import Ticket
from claude_code_router.delivery.network import HOP_HEADER, has_passed
from claude_code_router.delivery.sight import eyes_for
from claude_code_router.plugins.installed import transformed
from claude_code_router.routing.declared import tier_of
from claude_code_router.routing.engine import decide_beside, decide_in_session
from claude_code_router.routing.signals import Reading, read_signals
from claude_code_router.routing.table import RoutingTable
from claude_code_router.server.errors import answer_error
from claude_code_router.server.escalating import count_money, reserved
from claude_code_router.server.facts import look_up
from claude_code_router.server.http import Call, ClientGone
from claude_code_router.server.learning import learn
from claude_code_router.server.presence import while_present
from claude_code_router.server.reply_copy import ReplyCopy
from claude_code_router.server.services import Services

log = logging.getLogger("ccr.messages")

PURPOSE_HEADER = "x-ccr-purpose"
"""`test`: the request is answered as any other and does not count as the owner's traffic."""


_TRACEPARENT_BYTES = 256
"""Today's has 55; a later version may append to it."""
_COUNTED = {"gemini": "totalTokens"}
"""What the count is called, where it is not Anthropic's word."""


async def messages(call: Call, services: Services) -> None:
    """Facts, decision, delivery, record: in this order, and the record is never waited for."""
    walk = _Walk(call, services)
    try:
        await walk.read()
        decision = await walk.decide()
        walk.reserve(decision)
        walk.copy.arrange(decision, walk.known, walk.table)
        walk.delivery = Delivery(walk.inbound, walk.known, decision, means(walk.config, services), walk.copy.sink)
        await while_present(walk.delivery, walk.carry_out(walk.delivery, decision), call.gone)
        walk.learn()
        walk.copy.look_back(walk.delivery, walk.inbound, decision, walk.known, walk.table)
    except RouterError as error:
        walk.refused = error
        if not call.started:
            await answer_error(call, error)
    except ClientGone:
        raise  # nobody is left to answer; the record says so
    except Exception:
        walk.refused = RouterError("The router has a bug; its log says more.")
        raise
    finally:
        walk.settle()
        record = walk.record()
        services.recorder.put(record)
        walk.copy.hand_over(record, walk.inbound)


async def count_tokens(call: Call, services: Services) -> None:
    """The upstream's own count where the target has one; else our estimate. Not a model call: no record."""
    walk = _Walk(call, services)
    await walk.read()
    decision = await walk.decide(ask=False)
    counted = await count_upstream(walk.inbound, walk.known, decision.route.first, means(walk.config, services))
    tokens = walk.known.tokens if counted is None else counted
    await call.answer(200, msgspec.json.encode({_COUNTED.get(call.dialect, "input_tokens"): tokens}))


class _Walk:
    """What is known of one request so far: enough for its Record at any moment."""

    def __init__(self, call: Call, services: Services) -> None:
        whole = services.snapshot.current
        self.config = whole.namespaces[call.namespace].config if call.namespace else whole
        self._call = call
        self._services = services
        self._began = services.clock()
        self.inbound = call.unread(services.now())
        self._purpose = Purpose.TEST if self.inbound.header.get(PURPOSE_HEADER) == Purpose.TEST else Purpose.CLIENT
        self.copy = ReplyCopy(call, self._purpose, self.config, services)
        self._reading: Reading | None = None
        self._decision: Decision | None = None
        self.table: RoutingTable = self.config.table
        """That decides: a session may have one of its own."""
        self._signals: Signals | None = None
        self._shadow: Decision | str | None = None
        self.delivery: Delivery | None = None
        self.refused: RouterError | None = None
        self._ticket: Ticket | None = None
        self._reserved_usd = 0.0

    async def read(self) -> None:
        if has_passed(self.inbound.header.get(HOP_HEADER, ""), self._services.instance):
            raise LoopDetected(
                "This request has been through this router already.",
                hint="A provider's `api_base_url` leads back here.",
            )
        self.inbound = await self._call.read(self.inbound)

    @property
    def known(self) -> Signals:
        assert self._signals is not None
        return self._signals

    async def decide(self, *, ask: bool = True) -> Decision:
        """Not `ask`: no judge is asked for its sake."""
        services = self._services
        self._signals = self._facts(self.inbound)
        facts = await look_up(self.inbound, self._signals, self.config, services, self._facts, ask=ask)
        self.inbound, signals, table = facts.inbound, facts.signals, facts.table
        self._signals = signals
        signals, decision = decide_in_session(signals, table, services.rates_of, services.rules)
        self._signals, self._decision, self.table = signals, decision, table
        if table.shadow is not None:
            self._shadow = decide_beside(signals, table.shadow, services.rules)
        if services.transforms:
            body = transformed(self.inbound.body, decision.route.first, services.transforms)
            self.inbound = msgspec.structs.replace(self.inbound, body=body)
        return decision

    def _facts(self, inbound: Inbound) -> Signals:
        reading = read_signals(inbound, self._services.calibration.last)
        self._reading = reading
        known = self._services.calibration.apply(reading.signals, reading.estimate)
        if self._call.namespace:
            known = msgspec.structs.replace(known, namespace=self._call.namespace, client_key=self._call.client_key)
        return msgspec.structs.replace(known, category=self._services.labels.of(known))

    async def carry_out(self, delivery: Delivery, decision: Decision) -> None:
        """When its turn comes."""
        settings, signals = self.config.settings, self.known
        gate = self._services.gate
        gate.check_namespace(signals.namespace, settings.namespace_budget)
        counted_for = signals.namespace if settings.own_limits else ""
        self._ticket = await gate.admit(counted_for, signals.tokens, settings.limits, settings.budget)
        target, table = decision.route.first, self.config.table
        image, provider = table.scenarios.get("image"), self.config.providers.get(target.provider)
        eyes = eyes_for(target, image, signals, provider, always=table.describe_images)
        if eyes is not None:
            delivery.show(await self._services.sight.shown(self.inbound, signals, eyes))
        await delivery.run()

    def reserve(self, decision: Decision) -> None:
        """With no other request between this and the decision."""
        self._reserved_usd = reserved(decision, self.known, self._services)

    def settle(self) -> None:
        """Its place in the limits is free, its cost is counted."""
        gate, last = self._services.gate, self._last_attempt()
        if self._ticket is not None:
            gate.dismiss(self._ticket, last.usage if last else None)
        namespace = self._call.namespace if self.config.settings.namespace_budget.any else ""
        if self.delivery is not None and self.delivery.inspection is not None:
            count_money(self.delivery, self.known, self._services)
        if self._reserved_usd:
            self._services.escalations.ledger.reserve(self.known.namespace, -self._reserved_usd)
        if not (gate.counts_money or namespace) or self.delivery is None:
            return
        for attempt in self.delivery.attempts:
            usd = self._services.expected_usd(attempt.target, attempt.usage) if attempt.usage else None
            if usd:
                gate.spent(attempt.target.provider, usd, namespace)

    def learn(self) -> None:
        """What this reply reported makes the next request's facts better."""
        last, decision = self._last_attempt(), self._decision
        if last is None or decision is None or self._reading is None:
            return
        learn(last, decision, self.known, self._reading, self._services)

    def record(self) -> Record:
        delivery, refused = self.delivery, self.refused
        reading = self._reading
        outcome, status, error = Outcome.CLIENT_GONE, 499, ""
        if delivery is not None:
            outcome, status, error = delivery.outcome, delivery.status, delivery.error
        if refused is not None:
            outcome, status, error = Outcome.REFUSED, refused.status, str(refused)
        return Record(
            id=self.inbound.id,
            at=self.inbound.received_at,
            path=self.inbound.path,
            outcome=outcome,
            status=status,
            purpose=self._purpose,
            tier=self._tier(),
            signals=self._signals,
            decision=self._decision,
            verdicts=refused.verdicts if isinstance(refused, NoRoute) else (),
            shadow=self._shadow if isinstance(self._shadow, Decision) else None,
            shadow_refused=self._shadow if isinstance(self._shadow, str) else "",
            attempts=tuple(delivery.attempts) if delivery else (),
            first_event_ms=delivery.first_event_ms if delivery else None,
            total_ms=(self._services.clock() - self._began) * 1000,
            error=error,
            traceparent=self.inbound.header.get("traceparent", "")[:_TRACEPARENT_BYTES],
            estimate_raw=reading.estimate.tokens if reading else 0.0,
            request_body=self.inbound.body if self.config.settings.record_bodies else None,
            reply_body=self.copy.for_the_record(),
        )

    def _tier(self) -> str:
        """Of who answered, or failed last."""
        last, tiers = self._last_attempt(), self.config.table.tiers
        tier = tier_of(last.target, tiers) if last and tiers else None
        return tier.name if tier else ""

    def _last_attempt(self) -> Attempt | None:
        return self.delivery.attempts[-1] if self.delivery and self.delivery.attempts else None


def means(config: Config, services: Services) -> Means:
    settings = config.settings
    return Means(
        providers=config.providers,
        transport=services.transport,
        settings=settings.delivery,
        memory=services.memory,
        gate=services.gate,
        inspector=services.escalations.inspector,
        instance=services.instance,
        secrets=services.recorder.secrets,
        expected_usd=services.expected_usd,
        clock=services.clock,
        now=services.now,
    )
