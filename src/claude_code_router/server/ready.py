"""`GET /health/ready`: can requests be served now? For load balancers, monitors, and `ccr status`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import msgspec

from claude_code_router.config.settings import Config
from claude_code_router.core.readiness import Load, Readiness, Resting, Spent
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.health import Scope
from claude_code_router.providers.provider import Provider, fingerprint
from claude_code_router.server.auth import NotAuthorised, check
from claude_code_router.server.http import Call
from claude_code_router.server.services import Services


async def ready(call: Call, services: Services) -> None:
    """200 or 503. Names of providers and models are for those who may ask the router; probes get a yes or no."""
    config = services.snapshot.current
    found = readiness(config, services.gate, services.clock())
    shown = Readiness(ready=found.ready)
    with contextlib.suppress(NotAuthorised):
        check(call.header, config.settings.api_key)
        shown = found
    await call.answer(200 if found.ready else 503, msgspec.json.encode(shown))


def readiness(config: Config, gate: Gate, now_s: float) -> Readiness:
    """`now_s`: monotonic, as the gate's."""
    because = _why_not(config, gate)
    return Readiness(
        ready=not because,
        because=because,
        resting=tuple(
            Resting(
                what=_spelled(scope, config.providers),
                state=breaker.state(now_s),
                for_s=round(max(0.0, breaker.until_s - now_s), 1),
                because=breaker.because,
            )
            for scope, breaker in gate.health.breakers.items()
        ),
        limits=tuple(
            Load(
                what=ledger.name,
                requests=requests,
                requests_per_min=ledger.limits.requests_per_min,
                tokens=tokens,
                tokens_per_min=ledger.limits.tokens_per_min,
                running=running,
                concurrency=ledger.limits.concurrency,
            )
            for ledger, (requests, tokens, running) in gate.usage()
        ),
        budgets=tuple(
            Spent(what=str(standing), level=standing.level, resets_at=standing.resets_at)
            for standing in gate.standings(config.settings.budget, config.providers)
        ),
    )


def _why_not(config: Config, gate: Gate) -> str:
    target = config.table.scenarios.get("default")
    if target is None:
        return "There is no default route: the config names no providers."
    targets = [target, *config.table.fallback.get("default", ())]
    known = [target for target in targets if target.provider in config.providers]
    if not known:
        return f"The default route names no provider that is configured: {target}."
    for standing in gate.standings(config.settings.budget, {}):
        if standing.level == "stop":
            return f"The budget is spent: {standing}."
    if all(gate.rests(target, config.providers[target.provider]) for target in known):
        return f"Every target of the default route rests after failures: {', '.join(map(str, known))}."
    return ""


def _spelled(scope: Scope, providers: Mapping[str, Provider]) -> str:
    kind, provider, *rest = scope
    if kind == "provider":
        return f"provider {provider}"
    if kind == "target":
        return f"{provider},{rest[1]}"
    model = f" for {rest[1]}" if len(rest) > 1 else ""
    pool = providers[provider].credentials if provider in providers else ()
    name = next((credential.name for credential in pool if fingerprint(credential.key) == rest[0]), "")
    return f"key {name} of {provider}{model}" if name else f"the key of {provider}{model}"
