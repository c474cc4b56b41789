"""When the router calls itself ready, and what it says."""

from claude_code_router.config.settings import Config, Settings
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.limits import Budget, Limits
from claude_code_router.core.target import Target
from claude_code_router.delivery.gate import Admission, Gate
from claude_code_router.providers.provider import Credential, Provider
from claude_code_router.routing.table import RoutingTable
from claude_code_router.server.ready import readiness

A, B = Target("a", "m"), Target("b", "m")
PROVIDERS = {
    "a": Provider(name="a", url="http://a", key="sk-secret-a", limits=Limits(requests_per_min=5)),
    "b": Provider(
        name="b",
        url="http://b",
        key="sk-secret-b",
        credentials=tuple(Credential(name=name, key=f"sk-secret-{name}") for name in ("one", "two")),
    ),
}


def config(*fallback: Target, default: Target | None = A, budget: Budget | None = None) -> Config:
    table = RoutingTable(scenarios={"default": default} if default else {}, fallback={"default": fallback})
    return Config(settings=Settings(budget=budget or Budget()), providers=PROVIDERS, table=table, hash="h")


def gate() -> Gate:
    return Gate(lambda: 100.0, lambda: 1_800_000_000.0)


async def fail(gate: Gate, target: Target, kind: FailureKind) -> None:
    admission = await gate.enter(target, PROVIDERS[target.provider], "s", 1, last=True)
    assert isinstance(admission, Admission)
    gate.leave(admission, Failure(kind=kind, fault="upstream", message="no"), None)


def test_no_providers_is_not_ready() -> None:
    """Nobody could be asked."""
    assert "no default route" in readiness(config(default=None), gate(), 100.0).because
    assert "Target" not in readiness(config(default=Target("gone", "m")), gate(), 100.0).because
    assert not readiness(config(default=Target("gone", "m")), gate(), 100.0).ready


async def test_ready_as_long_as_one_target_is_well() -> None:
    """A fallback that is well is enough; when all rest, their names are said."""
    here = gate()
    assert readiness(config(B), here, 100.0).ready
    await fail(here, A, FailureKind.CONNECT)
    assert readiness(config(B), here, 100.0).ready
    assert "a,m" in readiness(config(), here, 100.0).because


async def test_what_rests_is_named_and_no_key_is() -> None:
    """Providers, targets and keys, each by its own name."""
    here = gate()
    await fail(here, A, FailureKind.CONNECT)
    await fail(here, A, FailureKind.NOT_FOUND)
    await fail(here, A, FailureKind.AUTH)
    await fail(here, B, FailureKind.RATE_LIMIT)
    found = readiness(config(B), here, 100.0)
    whats = [resting.what for resting in found.resting]
    assert whats[:3] == ["provider a", "a,m", "the key of a"]
    assert whats[3] in ("key one of b for m", "key two of b for m")
    assert {resting.state for resting in found.resting} == {"open"}
    assert "secret" not in str(found)


async def test_limits_and_budgets_are_shown() -> None:
    """What is used of them; a spent budget of all is not ready."""
    here = gate()
    await here.enter(A, PROVIDERS["a"], "s", 7, last=True)
    here.spent("a", 2.0)
    found = readiness(config(budget=Budget(day_usd=2.0)), here, 100.0)
    (load,) = found.limits
    assert (load.what, load.requests, load.requests_per_min, load.tokens, load.running) == ("provider a", 1, 5, 7, 1)
    assert not found.ready
    assert "$2.00 of $2.00 today" in found.because
    assert found.budgets[0].level == "stop"
