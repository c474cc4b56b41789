"""Who may be asked now, with which key: breakers, key pools, limits and budgets in one place. Delivery asks here before each
attempt and tells how it ended.

Everything it decides is decided by pure values (`health`, `keys`, `limits`, `budget`); here are the clock, the futures of those
who wait, and the log. Without any of it configured and with nothing failing, `enter` and `leave` do next to nothing.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from claude_code_router.core.errors import LimitReached, Refused
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.limits import Budget, Limits
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.budget import Period, Spending, Standing
from claude_code_router.delivery.health import ALIVE, Health, Scope
from claude_code_router.delivery.keys import Homes, choose
from claude_code_router.delivery.limits import Ledger, Limiter, Ticket, retry_after_s
from claude_code_router.delivery.policy import FAILURES
from claude_code_router.providers.provider import Credential, Provider, fingerprint

log = logging.getLogger("ccr.health")

_IMPATIENT_S = 2.0
"""How long a request queues at a provider's limit when its Route goes on: longer than a short burst, shorter than a person
notices; a switch costs the prompt cache."""


class Admission:
    """One attempt that may be made."""

    __slots__ = ("began_s", "credential", "model", "moved_from", "provider", "ticket")

    def __init__(self, provider: Provider, model: str, began_s: float) -> None:
        self.provider = provider
        """With the key to use."""
        self.model = model
        self.began_s = began_s
        self.credential = ""
        """The key's name, when the provider has several."""
        self.moved_from = ""
        """The name of the key that the session had to leave for it."""
        self.ticket: Ticket | None = None


class Gate:
    """One per process."""

    def __init__(self, clock: Callable[[], float], now: Callable[[], float]) -> None:
        """`clock`: monotonic seconds, `now`: Unix seconds."""
        self.health = Health()
        self.spending = Spending()
        self._clock = clock
        self._now = now
        self._homes = Homes()
        self._limiter = Limiter()
        self._ledgers: dict[tuple[str, ...], Ledger] = {}
        self._waiting: dict[Ticket, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._warned: set[tuple[str, str, float]] = set()
        self.counts_money = False
        """Somewhere in the config stands a budget."""

    # --- whole requests ---

    async def admit(self, namespace: str, tokens: int, limits: Limits, budget: Budget) -> Ticket | None:
        """What holds for every request of a namespace. Raises Refused beyond a budget, LimitReached when its turn does not
        come in time. Hand the ticket to `dismiss`."""
        if budget.any:
            self._check_budget("", budget)
        if not limits.any:
            return None
        ledger = self._ledger(("namespace", namespace), _called("namespace", namespace), limits)
        ticket = await self._turn([ledger], tokens, limits.queue_s)
        if ticket.refusal is not None:
            raise LimitReached(
                f"This router's limit is reached: {ticket.refusal.because}.",
                hint="It is `limits` in config.json.",
                retry_after_s=retry_after_s(ticket.refusal),
            )
        return ticket

    def dismiss(self, ticket: Ticket, usage: Usage | None) -> None:
        self._end(ticket, usage)

    def check_namespace(self, namespace: str, budget: Budget) -> None:
        """Raises Refused when a namespace has spent its own budget."""
        if budget.any:
            self._check_budget(_scope_of(namespace), budget)

    def spent(self, provider: str, usd: float, namespace: str = "") -> None:
        """`namespace`: one that has a budget; else empty."""
        now = self._now()
        self.spending.add(provider, usd, now)
        if namespace:
            self.spending.add_to(_scope_of(namespace), usd, now)

    def seed(self, by_provider: Mapping[Period, Mapping[str, float]]) -> None:
        """What the records say was spent: in this day, and in this month. Nothing that was counted here is taken back."""
        now = self._now()
        for period, spent in by_provider.items():
            self.spending.recall("", period, sum(spent.values()), now)
            for provider, usd in spent.items():
                self.spending.recall(provider, period, usd, now)

    def seed_namespaces(self, by_namespace: Mapping[Period, Mapping[str, float]]) -> None:
        """The same of those namespaces that have budgets of their own."""
        now = self._now()
        for period, spent in by_namespace.items():
            for namespace, usd in spent.items():
                self.spending.recall(_scope_of(namespace), period, usd, now)

    # --- attempts ---

    def ordered(
        self, route: Route, providers: Mapping[str, Provider]
    ) -> tuple[Route, tuple[tuple[Target, Failure], ...]]:
        """The Route with what rests behind what is well, and whom that passes by, with why. Nothing is taken out: when all
        rest, the one that will be well first is asked first."""
        if not self.health:
            return route, ()
        now = self._clock()
        until = {target: self._rests_until_s(target, providers.get(target.provider), now) for target in route}
        order = tuple(sorted(until, key=lambda target: until[target] or 0.0))
        passed = route.targets[: route.targets.index(order[0])]
        failures = tuple(
            (target, self._resting(target, providers[target.provider], (until[target] or now) - now, now))
            for target in passed
            if target.provider in providers
        )
        return Route(order), failures

    async def enter(
        self, target: Target, provider: Provider, session: str, tokens: int, *, last: bool
    ) -> Admission | Failure:
        """Before an attempt: its key, its place in the limits. A Failure (RESTING) when there is none in time. `last`: the
        Route ends here, so that waiting is better than failing."""
        admission = Admission(provider, target.model, self._clock())
        if provider.budget.any and (spent := self._spent(provider)) is not None:
            return spent
        ledgers: list[Ledger] = []
        if provider.limits.any:
            ledgers.append(self._ledger(("provider", provider.name), f"provider {provider.name}", provider.limits))
        if provider.credentials:
            credential = self._choose(admission, provider, session, tokens)
            if credential.limits.any:
                ledgers.append(self._key_ledger(provider, credential))
        if ledgers:
            queue_s = max(ledger.limits.queue_s for ledger in ledgers)
            ticket = await self._turn(ledgers, tokens, queue_s if last else min(queue_s, _IMPATIENT_S))
            if ticket.refusal is not None:
                return Failure(
                    kind=FailureKind.RESTING,
                    fault="owner",
                    status=429,
                    error_type="rate_limit_error",
                    message=f"{target}: the configured limit is reached: {ticket.refusal.because}.",
                    retry_after_s=retry_after_s(ticket.refusal),
                )
            admission.ticket = ticket
        if self.health:
            self.health.begun(_scopes(admission), self._clock())
        return admission

    def leave(self, admission: Admission, failure: Failure | None, usage: Usage | None, *, ended: bool = True) -> None:
        """After an attempt. `ended` False: it was cancelled, and says nothing of the upstream."""
        if admission.ticket is not None:
            self._end(admission.ticket, usage)
        if failure is None and not self.health:
            return
        scopes = _scopes(admission)
        if ended and (failure is None or failure.kind in ALIVE):
            self.health.succeeded(scopes, admission.began_s)
            return
        self.health.abandoned(scopes)
        if failure is not None and FAILURES[failure.kind].cools:
            self._cool(admission, failure)

    def with_key(self, provider: Provider, model: str, session: str) -> Provider:
        """The provider with the session's key, for a request that is no attempt."""
        if not provider.credentials:
            return provider
        admission = Admission(provider, model, self._clock())
        self._choose(admission, provider, session, 0)
        return admission.provider

    def has_other_key(self, admission: Admission) -> bool:
        """Another key of the same provider is well: worth a try before the next target."""
        provider, now = admission.provider, self._clock()
        return any(
            self.health.rests_until_s(_key_scopes(provider, credential.key, admission.model), now) is None
            for credential in provider.credentials
            if credential.name != admission.credential
        )

    def checked(self, provider: Provider, failure: Failure | None) -> None:
        """What an active check has found out about a provider and the key in it."""
        now = self._clock()
        provider_scope, _ = _target_scopes(provider, "")
        key_scope, _ = _key_scopes(provider, provider.key, "")
        if failure is not None:
            scope = key_scope if failure.kind is FailureKind.AUTH else provider_scope
            self.health.failed(scope, failure, now, FAILURES[failure.kind].cool_s)
            return
        self.health.succeeded((provider_scope,), now)
        known = self.health.breakers.get(key_scope)
        if known is not None and known.because == FailureKind.AUTH.value:  # a list is given to empty accounts too
            self.health.succeeded((key_scope,), now)

    # --- what is shown ---

    def rests(self, target: Target, provider: Provider) -> bool:
        return bool(self.health) and self._rests_until_s(target, provider, self._clock()) is not None

    def standings(self, budget: Budget, providers: Mapping[str, Provider]) -> list[Standing]:
        now = self._now()
        shown = list(self.spending.standings("", budget, now))
        for provider in providers.values():
            shown += self.spending.standings(provider.name, provider.budget, now)
        return shown

    def usage(self) -> list[tuple[Ledger, tuple[int, int, int]]]:
        """Every ledger in use with its requests and tokens of the last minute, and how many run now."""
        now = self._clock()
        return [(ledger, ledger.used(now)) for ledger in self._ledgers.values() if ledger.limits.any]

    def configure(self, providers: Mapping[str, Provider], budget: Budget) -> None:
        """A config is in force: what is gone or has another address or key starts anew."""
        self.counts_money = budget.any or any(provider.budget.any for provider in providers.values())
        known: set[Scope] = set()
        for provider in providers.values():
            known |= {("provider", provider.name, provider.url), ("target", provider.name, provider.url)}
            keys = [credential.key for credential in provider.credentials] or [provider.key]
            known |= {("key", provider.name, fingerprint(key)) for key in keys}
        self.health.keep_only(frozenset(known))

    # --- within ---

    def _rests_until_s(self, target: Target, provider: Provider | None, now: float) -> float | None:
        if provider is None:
            return math.inf
        here = self.health.rests_until_s(_target_scopes(provider, target.model), now)
        keys = [credential.key for credential in provider.credentials] or [provider.key]
        by_key = [self.health.rests_until_s(_key_scopes(provider, key, target.model), now) for key in keys]
        key_until = None if None in by_key else min(until for until in by_key if until is not None)
        return max((until for until in (here, key_until) if until is not None), default=None)

    def _resting(self, target: Target, provider: Provider, seconds: float, now: float) -> Failure:
        scopes = [*_target_scopes(provider, target.model), *_key_scopes(provider, provider.key, target.model)]
        because = self.health.because(scopes, now) or "failures of its keys"
        message = f"{target}: left alone for {max(1, round(seconds))} s more after {because}."
        return Failure(kind=FailureKind.RESTING, fault="upstream", message=message)

    def _choose(self, admission: Admission, provider: Provider, session: str, tokens: int) -> Credential:
        now, model = admission.began_s, admission.model

        def rests_until_s(credential: Credential) -> float | None:
            return self.health.rests_until_s(_key_scopes(provider, credential.key, model), now) if self.health else None

        def is_full(credential: Credential) -> bool:
            ledger = self._ledgers.get(("key", provider.name, credential.name))
            return ledger is not None and ledger.block(tokens, now) is not None

        home = self._homes.of(provider.name, session) if session else ""
        choice = choose(session, provider.credentials, home, rests_until_s, is_full)
        credential = choice.credential
        if session:
            self._homes.settle(provider.name, session, credential.name)
        admission.credential, admission.moved_from = credential.name, choice.moved_from
        admission.provider = msgspec.structs.replace(provider, key=credential.key)
        return credential

    def _cool(self, admission: Admission, failure: Failure) -> None:
        provider, line = admission.provider, FAILURES[failure.kind]
        provider_scope, target_scope = _target_scopes(provider, admission.model)
        key_scope, key_with_model = _key_scopes(provider, provider.key, admission.model)
        # Rates are limited for each model, and a 403 may be about one model only; the rest of the account is well.
        of_model = failure.kind is FailureKind.RATE_LIMIT or failure.status == 403
        key_scope = key_with_model if of_model else key_scope
        scope = {"provider": provider_scope, "target": target_scope, "key": key_scope}[line.cools]
        now = self._clock()
        was = self.health.rests_until_s((scope,), now)
        self.health.failed(scope, failure, now, line.cool_s)
        until = self.health.rests_until_s((scope,), now)
        if was is None and until is not None:
            whose = f" (key {admission.credential})" if line.cools == "key" and admission.credential else ""
            what = f"{provider.name},{admission.model}"
            log.warning("%s%s is left alone for %.0f s after %s", what, whose, until - now, failure.kind.value)

    def _check_budget(self, scope: str, budget: Budget) -> None:
        for standing in self.spending.standings(scope, budget, self._now()):
            if standing.level == "stop":
                raise Refused(f"The budget is spent: {_until(standing)}.", hint="It is `budget` in config.json.")
            self._warn(standing)

    def _spent(self, provider: Provider) -> Failure | None:
        for standing in self.spending.standings(provider.name, provider.budget, self._now()):
            if standing.level == "stop":
                return Failure(
                    kind=FailureKind.RESTING,
                    fault="owner",
                    status=400,
                    error_type="policy_blocked",
                    message=f"The budget is spent: {_until(standing)}. It is the provider's `budget` in config.json.",
                )
            self._warn(standing)
        return None

    def _warn(self, standing: Standing) -> None:
        key = (standing.scope, standing.period, standing.resets_at)
        if standing.level == "warn" and key not in self._warned:
            self._warned.add(key)
            log.warning("budget: %s", standing)

    def _key_ledger(self, provider: Provider, credential: Credential) -> Ledger:
        name = f"key {credential.name} of provider {provider.name}"
        return self._ledger(("key", provider.name, credential.name), name, credential.limits)

    def _ledger(self, key: tuple[str, ...], name: str, limits: Limits) -> Ledger:
        ledger = self._ledgers.get(key)
        if ledger is None:
            ledger = self._ledgers[key] = Ledger(name, limits)
        ledger.limits = limits  # an edited config counts on
        return ledger

    # --- waiting ---

    async def _turn(self, ledgers: Sequence[Ledger], tokens: int, queue_s: float) -> Ticket:
        ticket = self._limiter.ask(ledgers, tokens, self._clock(), queue_s)
        if ticket.decided:
            return ticket
        future = self._waiting[ticket] = asyncio.get_running_loop().create_future()
        self._arm()
        try:
            await future
        except asyncio.CancelledError:
            self._waiting.pop(ticket, None)
            self._end(ticket, None)
            raise
        return ticket

    def _end(self, ticket: Ticket, usage: Usage | None) -> None:
        used = None if usage is None else usage.input_tokens + usage.cache_write_tokens + usage.output_tokens
        self._limiter.end(ticket, used, self._clock())
        if self._waiting:
            self._pump()

    def _pump(self) -> None:
        for ticket in self._limiter.pump(self._clock()):
            future = self._waiting.pop(ticket, None)
            if future is not None and not future.done():
                future.set_result(None)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        at = self._limiter.next_s(now)
        if at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.001, at - now), self._pump)


def _scope_of(namespace: str) -> str:
    """Of a namespace's spending; no provider's name can be it."""
    return f"namespace\0{namespace}"


def _target_scopes(provider: Provider, model: str) -> tuple[Scope, Scope]:
    return ("provider", provider.name, provider.url), ("target", provider.name, provider.url, model)


def _key_scopes(provider: Provider, key: str, model: str) -> tuple[Scope, Scope]:
    print_of_key = fingerprint(key)
    return ("key", provider.name, print_of_key), ("key", provider.name, print_of_key, model)


def _scopes(admission: Admission) -> tuple[Scope, ...]:
    provider, model = admission.provider, admission.model
    return (*_target_scopes(provider, model), *_key_scopes(provider, provider.key, model))


def _called(kind: str, name: str) -> str:
    return f"{kind} {name}" if name else "this router"


def _until(standing: Standing) -> str:
    return f"{standing} (a new {standing.period} begins at {_local(standing.resets_at)})"


def _local(unix_s: float) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M")
