"""The gate on a clock of its own: who is asked, with which key, and who waits."""

import asyncio

import msgspec
import pytest

from claude_code_router.core.errors import LimitReached, Refused
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.limits import Budget, Limits
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.gate import Admission, Gate
from claude_code_router.delivery.policy import FAILURES
from claude_code_router.providers.provider import Credential, Provider

K = FailureKind
A, B = Target("a", "m"), Target("b", "m")
PROVIDERS = {name: Provider(name=name, url=f"http://{name}", key=f"sk-{name}") for name in "ab"}
POOL = Provider(
    name="p", url="http://p", key="sk-1", credentials=tuple(Credential(name=n, key=f"sk-{n}") for n in ("one", "two"))
)


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    return Gate(clock, clock)


def failure(kind: FailureKind, *, status: int | None = None, retry_after_s: float | None = None) -> Failure:
    return Failure(kind=kind, fault="upstream", message="no", status=status, retry_after_s=retry_after_s)


async def fail(
    gate: Gate, provider: Provider, kind: FailureKind, *, model: str = "m", status: int | None = None
) -> None:
    admission = await enter(gate, provider, model=model)
    gate.leave(admission, failure(kind, status=status), None)


async def enter(gate: Gate, provider: Provider, session: str = "s", *, model: str = "m", tokens: int = 10) -> Admission:
    admission = await gate.enter(Target(provider.name, model), provider, session, tokens, last=True)
    assert isinstance(admission, Admission)
    return admission


async def test_what_is_well_keeps_its_place(gate: Gate) -> None:
    """Nothing has failed: the Route is the very same object, and the attempt has the provider as configured."""
    route = Route((A, B))
    assert gate.ordered(route, PROVIDERS) == (route, ())
    assert gate.ordered(route, PROVIDERS)[0] is route
    assert (await enter(gate, PROVIDERS["a"])).provider is PROVIDERS["a"]


@pytest.mark.parametrize("kind", [kind for kind, line in FAILURES.items() if line.cools])
async def test_what_rests_goes_behind(gate: Gate, clock: Clock, kind: FailureKind) -> None:
    """Every kind that cools something: the next request asks the other target first, and says why; later it is as before."""
    for _ in range(3):
        await fail(gate, PROVIDERS["a"], kind)
    route, passed = gate.ordered(Route((A, B)), PROVIDERS)
    assert route == Route((B, A))
    ((target, why),) = passed
    assert (target, why.kind) == (A, K.RESTING)
    assert kind.value in why.message
    clock.at += 3601
    assert gate.ordered(Route((A, B)), PROVIDERS) == (Route((A, B)), ())


async def test_nobody_is_left_without_a_target(gate: Gate) -> None:
    """All rest: the one that is well first is asked first, and none is taken out."""
    await fail(gate, PROVIDERS["a"], K.AUTH)
    await fail(gate, PROVIDERS["b"], K.CONNECT)
    assert gate.ordered(Route((A, B)), PROVIDERS)[0] == Route((B, A))
    assert gate.ordered(Route((A,)), PROVIDERS) == (Route((A,)), ())


async def test_half_open_only_one_asks(gate: Gate, clock: Clock) -> None:
    """The first request after the rest probes, others go elsewhere meanwhile; its success closes the breaker."""
    await fail(gate, PROVIDERS["a"], K.CONNECT)
    clock.at += 11
    assert gate.ordered(Route((A, B)), PROVIDERS)[0] == Route((A, B))
    probe = await enter(gate, PROVIDERS["a"])
    assert gate.ordered(Route((A, B)), PROVIDERS)[0] == Route((B, A))
    gate.leave(probe, None, None)
    assert gate.ordered(Route((A, B)), PROVIDERS)[0] == Route((A, B))
    assert not gate.health


async def test_a_bad_request_is_a_sign_of_life(gate: Gate, clock: Clock) -> None:
    """An upstream that refuses the request's own mistake is well."""
    await fail(gate, PROVIDERS["a"], K.CONNECT)
    clock.at += 11
    await fail(gate, PROVIDERS["a"], K.BAD_REQUEST, status=400)
    assert not gate.health


async def test_a_rate_limit_is_the_models(gate: Gate) -> None:
    """The account's other models go on; a refused key is refused for all of them."""
    await fail(gate, PROVIDERS["a"], K.RATE_LIMIT, status=429)
    other = Target("a", "other")
    assert gate.ordered(Route((other, B)), PROVIDERS)[1] == ()
    await fail(gate, PROVIDERS["a"], K.AUTH, status=401)
    assert gate.ordered(Route((other, B)), PROVIDERS)[0] == Route((B, other))


async def test_a_cancelled_attempt_says_nothing(gate: Gate, clock: Clock) -> None:
    """A client that leaves neither closes a breaker nor keeps its probe."""
    await fail(gate, PROVIDERS["a"], K.CONNECT)
    clock.at += 11
    gate.leave(await enter(gate, PROVIDERS["a"]), None, None, ended=False)
    assert gate.health
    assert gate.ordered(Route((A, B)), PROVIDERS)[0] == Route((A, B))


@pytest.mark.parametrize(("kind", "status"), [(K.AUTH, 401), (K.BILLING, 402), (K.RATE_LIMIT, 429), (K.AUTH, 403)])
async def test_a_session_moves_when_its_key_rests_and_stays_there(
    gate: Gate, clock: Clock, kind: FailureKind, status: int
) -> None:
    """The move is said once; when the old key is well again the session does not go back."""
    first = await enter(gate, POOL)
    assert first.provider.key == f"sk-{first.credential}"
    gate.leave(first, failure(kind, status=status), None)
    assert gate.has_other_key(first)
    assert gate.ordered(Route((Target("p", "m"), B)), {**PROVIDERS, "p": POOL})[1] == ()
    second = await enter(gate, POOL)
    assert second.credential != first.credential
    assert second.moved_from == first.credential
    gate.leave(second, None, None)
    clock.at += 3601
    third = await enter(gate, POOL)
    assert (third.credential, third.moved_from) == (second.credential, "")


async def test_counting_tokens_uses_the_sessions_key(gate: Gate) -> None:
    """Not the first of the pool: that one may be used up."""
    first = await enter(gate, POOL)
    assert gate.with_key(POOL, "m", "s").key == first.provider.key
    gate.leave(first, failure(K.BILLING, status=402), None)
    assert gate.with_key(POOL, "m", "s").key != first.provider.key
    assert gate.with_key(PROVIDERS["a"], "m", "s") is PROVIDERS["a"]


async def test_a_pool_rests_when_all_its_keys_do(gate: Gate) -> None:
    """Then the next target is better."""
    for _ in range(2):
        await fail(gate, POOL, K.BILLING, status=402)
    assert gate.ordered(Route((Target("p", "m"), B)), {**PROVIDERS, "p": POOL})[0].first == B


async def test_an_edit_of_the_key_is_a_new_beginning(gate: Gate) -> None:
    """The owner has put a good key in: its provider is asked at once; others keep their rest."""
    await fail(gate, PROVIDERS["a"], K.AUTH, status=401)
    await fail(gate, PROVIDERS["b"], K.AUTH, status=401)
    edited = {**PROVIDERS, "a": msgspec.structs.replace(PROVIDERS["a"], key="sk-new")}
    gate.configure(edited, Budget())
    assert gate.ordered(Route((A, B)), edited)[1] == ()
    assert gate.ordered(Route((B, A)), edited)[0] == Route((A, B))


async def test_who_waits_is_let_in_when_another_leaves(gate: Gate) -> None:
    """Concurrency: a place that is given back goes to the first who waits."""
    narrow = msgspec.structs.replace(PROVIDERS["a"], limits=Limits(concurrency=1))
    first = await enter(gate, narrow)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(enter(gate, narrow))
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.leave(first, None, Usage(input_tokens=1))
    assert waiting.result().ticket is not None


async def test_who_leaves_the_queue_is_not_waited_for(gate: Gate) -> None:
    """A cancelled waiter gives way to the next."""
    narrow = msgspec.structs.replace(PROVIDERS["a"], limits=Limits(concurrency=1))
    first = await enter(gate, narrow)
    async with asyncio.TaskGroup() as group:
        gone, waiting = group.create_task(enter(gate, narrow)), group.create_task(enter(gate, narrow))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        gate.leave(first, None, None)
    assert waiting.result().ticket is not None


async def test_a_full_provider_is_told_as_429(gate: Gate) -> None:
    """With when to come again, as a failure that lets the Route go on."""
    narrow = msgspec.structs.replace(PROVIDERS["a"], limits=Limits(requests_per_min=1))
    await enter(gate, narrow)
    refused = await gate.enter(A, narrow, "s", 10, last=False)
    assert isinstance(refused, Failure)
    assert (refused.kind, refused.status, refused.retry_after_s) == (K.RESTING, 429, 60.0)
    assert "1 requests a minute for provider a" in refused.message


async def test_limits_of_all_requests(gate: Gate) -> None:
    """Beyond them the request is refused with when to come again; each namespace has its own count."""
    limits = Limits(requests_per_min=1)
    ticket = await gate.admit("", 10, limits, Budget())
    assert ticket is not None
    with pytest.raises(LimitReached) as refused:
        await gate.admit("", 10, limits, Budget())
    assert refused.value.retry_after_s == 60.0
    assert await gate.admit("other", 10, limits, Budget()) is not None
    gate.dismiss(ticket, None)


async def test_budgets_stop(gate: Gate) -> None:
    """All requests by the whole budget; one provider's attempts by its own, so that the Route goes on."""
    gate.spent("a", 5.0)
    with pytest.raises(Refused, match=r"\$5.00 of \$5.00 today for all providers"):
        await gate.admit("", 10, Limits(), Budget(day_usd=5.0))
    poor = msgspec.structs.replace(PROVIDERS["a"], budget=Budget(month_usd=4.0))
    stopped = await gate.enter(A, poor, "s", 10, last=True)
    assert isinstance(stopped, Failure)
    assert (stopped.kind, stopped.status) == (K.RESTING, 400)
    assert "this month for provider a" in stopped.message
    assert isinstance(await gate.enter(B, PROVIDERS["b"], "s", 10, last=True), Admission)


async def test_a_budget_goes_on_from_the_records(gate: Gate) -> None:
    """What was spent before the start counts."""
    gate.seed({"day": {"a": 1.0, "b": 2.0}, "month": {"a": 10.0, "b": 20.0}})
    standings = gate.standings(Budget(day_usd=3.5, month_usd=100.0), PROVIDERS)
    assert [(s.spent_usd, s.level) for s in standings] == [(3.0, "warn"), (30.0, "ok")]


async def test_an_edit_takes_nothing_back_that_was_counted(gate: Gate) -> None:
    """The records are read again with each edit of the config, and are a moment behind."""
    gate.spent("a", 5.0, "blue")
    gate.seed({"day": {"a": 4.0}, "month": {"a": 20.0}})
    gate.seed_namespaces({"day": {"blue": 4.0}, "month": {"blue": 20.0}})
    standings = gate.standings(Budget(day_usd=10.0, month_usd=100.0), PROVIDERS)
    assert [s.spent_usd for s in standings] == [5.0, 20.0]
    with pytest.raises(Refused, match=r"\$5.00 of \$5.00 today for namespace blue"):
        gate.check_namespace("blue", Budget(day_usd=5.0))
