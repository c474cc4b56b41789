"""The only file that constructs: config → services → app. Everything long-lived is born and buried here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from claude_code_router.catalog.prices import PriceTable, Rates, load_prices, owner_rates
from claude_code_router.config.categories import shipped_labels
from claude_code_router.config.home import Home
from claude_code_router.config.learned_models import LearnedModels, named
from claude_code_router.config.load import load
from claude_code_router.config.overrides import Overrides
from claude_code_router.config.secrets import secrets_of
from claude_code_router.config.settings import Config
from claude_code_router.config.watch import Edits, look, watch
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.allowance import Allowance
from claude_code_router.delivery.ask import Asking
from claude_code_router.delivery.authorising import AuthorisingTransport, Environment
from claude_code_router.delivery.budget import Period, period_start
from claude_code_router.delivery.checks import check_all
from claude_code_router.delivery.deliver import Means
from claude_code_router.delivery.gate import Gate
from claude_code_router.delivery.http2_transport import Http2Transport
from claude_code_router.delivery.memory import Memory
from claude_code_router.delivery.sight import Sight
from claude_code_router.delivery.transport import AiohttpTransport, Transport
from claude_code_router.improve.alerts.watching import Watching
from claude_code_router.improve.live_config import LiveConfig
from claude_code_router.improve.reload_gate import ReloadGate
from claude_code_router.improve.remembered import remember
from claude_code_router.improve.trials import Bench
from claude_code_router.plugins.custom import CustomRouter
from claude_code_router.plugins.installed import installed_transforms, with_installed_rules
from claude_code_router.quality.difficulty import DifficultyJudge
from claude_code_router.quality.escalations import Escalations
from claude_code_router.quality.inspector import Ledger
from claude_code_router.quality.judging import Judging
from claude_code_router.quality.scorer import Scorer
from claude_code_router.routing.sessions import Sessions
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.tokens import Calibration
from claude_code_router.server.app import App
from claude_code_router.server.counters import Counters
from claude_code_router.server.messages import means
from claude_code_router.server.otel import Traces
from claude_code_router.server.serve import serve
from claude_code_router.server.services import Services
from claude_code_router.store.errors import StoreFailed
from claude_code_router.store.location import location, sqlite_path
from claude_code_router.store.recorder import Recorder
from claude_code_router.store.redact import redact_text
from claude_code_router.store.spent import (
    spent_by_namespace,
    spent_on_escalation,
    spent_on_purposes,
    spent_since,
    upward_steps,
)

log = logging.getLogger("ccr")

_LOOK_AT_PRICES_S = 60.0

T = TypeVar("T")


def bound_socket(host: str, port: int) -> socket.socket:
    """Bound and listening, so that a busy port is an error here and now. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(2048)
    except OSError:
        sock.close()
        raise
    sock.set_inheritable(True)
    return sock


class Prices:
    """Costs of attempts; None until the rates are known."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._table = PriceTable()
        self._providers: Mapping[str, str] = {}

    async def learn(self, config: Config, *, fetch: bool = False) -> None:
        self._providers = {provider.name: provider.url for provider in config.providers.values()}
        wanted = [(p.name, p.url, model) for p in config.providers.values() for model in p.models]
        own = {key: rates for p in config.providers.values() for key, rates in owner_rates(p.name, p.prices).items()}
        self._table = self._table.with_rates(own)  # the owner's are known without waiting
        table = self._table = (await load_prices(self._cache, wanted, fetch=fetch)).with_rates(own)
        if table.error:
            log.warning("prices may be missing or old: %s", table.error)

    def of(self, attempt: Attempt) -> float | None:
        return None if attempt.usage is None else self.expected_usd(attempt.target, attempt.usage)

    def expected_usd(self, target: Target, usage: Usage) -> float | None:
        rates = self.rates_of(target)
        return None if rates is None else rates.cost_usd(usage)

    def rates_of(self, target: Target) -> Rates | None:
        return self._table.rates(target.provider, self._providers.get(target.provider, ""), target.model)


async def run_router(
    home: Home,
    sock: socket.socket,
    instance: str,
    *,
    env: Mapping[str, str],
    on_stop: Callable[[Callable[[], None]], None] = lambda _: None,
) -> None:
    """Serve on `sock` until SIGTERM or SIGINT, or until the function given to `on_stop` is called.

    Raises ConfigError when the file is wrong at the start; later wrong edits keep the config in force.
    """
    before = look(home.config)
    first = load(home.config, env)
    edits = Edits()
    live = LiveConfig(home.config, env, first, ReloadGate(home, env, edits))
    prices = Prices(home.cache)
    records = location(first.settings.database_url, home.records)
    recorder = Recorder(records, prices.of, days=first.settings.record_days)
    recorder.keep_secret(secrets_of(first))
    services = _services(home, env, instance, live, prices, recorder)
    gate, custom, transport = services.gate, services.custom, services.transport

    async def reload() -> None:
        await live.reload()
        recorder.keep_secret(secrets_of(live.current))  # before any other await: no request comes between
        await follow(live.current, custom, gate, recorder, prices, records)
        await asyncio.to_thread(remember, home.cache, live.current)
        await _count_questions(live.current, services.asking.allowance, records)
        await _count_escalation(live.current, services.escalations.ledger, records)

    chores = {
        "records": recorder.run(),
        "config watch": watch(home.config, edits.noticed, since=before),
        "reloads": edits.each(reload),
        "custom router": custom.run(),
        "learned models": services.learned.run(lambda: live.current),
        "prices": _keep_prices(live, prices),
        "budgets": _count_money(first, gate, records),
        "upward fallbacks": recall_upward(first, services.memory, records),
        "escalation's budget": _count_escalation(first, services.escalations.ledger, records),
        "escalation": services.escalations.run(),
        "judge's budget": _count_questions(first, services.asking.allowance, records),
        "memory of what rules ask": asyncio.to_thread(remember, home.cache, first),
        "scores": services.scorer.run(),
        "alerts": services.watching.run(),
        "traces": services.traces.run(),
        "health checks": _check_providers(live, transport, gate),
    }
    try:
        async with _beside(chores):
            await serve(App(services), sock, on_stop)
    finally:
        await transport.close()


def _way_out(environment: Environment) -> Transport:
    return AuthorisingTransport(Http2Transport(AiohttpTransport()), environment)


def _services(
    home: Home, env: Mapping[str, str], instance: str, live: LiveConfig, prices: Prices, recorder: Recorder
) -> Services:
    first = live.current
    transport = _way_out(lambda: {**env, **live.current.settings.environment})
    gate = Gate(time.perf_counter, time.time)
    gate.configure(first.providers, first.settings.budget)

    def means_in(namespace: str) -> Means:
        lane = live.current.namespaces.get(namespace)
        return means(lane.config if lane else live.current, services)

    counters = Counters(lambda: live.current, prices.of)
    traces = Traces(lambda: live.current.settings.monitoring.traces, prices.of, random.random)
    recorder.watchers = (counters.put, traces.put)
    asking = Asking(means_in, recorder.put, Allowance())
    learned = LearnedModels(home.learned)
    learned.look(named(first))
    services = Services(
        snapshot=live,
        transport=transport,
        memory=Memory(),
        gate=gate,
        expected_usd=prices.expected_usd,
        recorder=recorder,
        counters=counters,
        traces=traces,
        watching=Watching(
            lambda: live.current,
            transport,
            location(first.settings.database_url, home.records),
            dropped=lambda: recorder.dropped,
            now=time.time,
        ),
        asking=asking,
        sight=Sight(asking),
        escalations=Escalations(asking, lambda: recorder.secrets, recorder.put, time.time),
        judge=DifficultyJudge(asking, lambda text: redact_text(text, recorder.secrets), time.perf_counter, time.time),
        scorer=Scorer(
            asking,
            Judging(asking, lambda: recorder.secrets, time.time),
            recorder.put,
            dice=random.random,
            now=time.time,
        ),
        learned=learned,
        calibration=Calibration(),
        sessions=Sessions(),
        rates_of=prices.rates_of,
        labels=shipped_labels(),
        overrides=Overrides(home),
        custom=CustomRouter(time.perf_counter, env, first.settings.custom_router),
        rules=with_installed_rules(),
        transforms=installed_transforms(),
        instance=instance,
        clock=time.perf_counter,
        now=time.time,
    )
    return services


@contextlib.asynccontextmanager
async def workshop(home: Home, config: Config, env: Mapping[str, str]) -> AsyncIterator[Bench]:
    """Models can be asked without a server: for commands that try something out. What they ask is on the records, marked by
    its purpose, when this ends."""
    prices = Prices(home.cache)
    await prices.learn(config)
    url = location(config.settings.database_url, home.records)
    recorder = Recorder(url, prices.of, days=config.settings.record_days)
    recorder.keep_secret(secrets_of(config))
    transport = _way_out(lambda: {**env, **config.settings.environment})
    gate = Gate(time.perf_counter, time.time)
    gate.configure(config.providers, config.settings.budget)
    memory = Memory()

    def means_in(namespace: str) -> Means:
        lane = config.namespaces.get(namespace)
        chosen = lane.config if lane else config
        return Means(
            providers=chosen.providers,
            transport=transport,
            settings=chosen.settings.delivery,
            memory=memory,
            gate=gate,
            secrets=recorder.secrets,
            expected_usd=prices.expected_usd,
            clock=time.perf_counter,
            now=time.time,
        )

    asking = Asking(means_in, recorder.put, Allowance())
    judging = Judging(asking, lambda: recorder.secrets, time.time)
    await _count_money(config, gate, url)
    try:
        async with _beside({"records": recorder.run()}):
            yield Bench(asking=asking, judging=judging, rates_of=prices.rates_of)
    finally:
        await transport.close()


async def follow(
    config: Config, custom: CustomRouter, gate: Gate, recorder: Recorder, prices: Prices, records: str
) -> None:
    """What goes by the config beside the requests, each on its own: the config is in force already."""
    recorder.days = config.settings.record_days
    with _alone("custom router"):
        custom.use(config.settings.custom_router)
    with _alone("limits"):
        gate.configure(config.providers, config.settings.budget)
    with _alone("budgets"):
        await _count_money(config, gate, records)
    with _alone("prices"):
        await prices.learn(config)


@contextlib.contextmanager
def _alone(what: str) -> Iterator[None]:
    try:
        yield
    except Exception:  # an outermost ring: the other steps must not stay behind the config
        log.exception("bug: the %s may not follow the edited config", what)


async def _check_providers(live: LiveConfig, transport: Transport, gate: Gate) -> None:
    """As often as the config in force says; when it says never, ask it again in a while."""
    while True:
        every_s = live.current.settings.health_check_s
        await asyncio.sleep(every_s or 5.0)
        if every_s:
            await check_all(live.current.providers.values(), transport, gate)


async def _keep_prices(live: LiveConfig, prices: Prices) -> None:
    """Known from the start, and fetched anew as often as the config in force says: never, when it says nothing."""
    await prices.learn(live.current)
    fetched_s = -math.inf
    while True:
        every_s = live.current.settings.update_prices_s
        if every_s and time.monotonic() - fetched_s >= every_s:
            fetched_s = time.monotonic()
            await prices.learn(live.current, fetch=True)
        await asyncio.sleep(_LOOK_AT_PRICES_S)


async def _count_money(config: Config, gate: Gate, records: str) -> None:
    """Budgets go on from what the records say; without a budget nobody reads them."""
    lanes = any(lane.config.settings.namespace_budget.any for lane in config.namespaces.values())
    if not _are_there(records) or not (gate.counts_money or lanes):
        return
    starts: dict[Period, float] = {period: period_start(period, time.time()) for period in ("day", "month")}
    try:
        if gate.counts_money:
            gate.seed(await asyncio.to_thread(spent_since, records, starts))
        if lanes:
            gate.seed_namespaces(await asyncio.to_thread(spent_by_namespace, records, starts))
    except StoreFailed as error:
        log.warning("budgets count from now on, the records cannot be read: %s", error)


async def _count_questions(config: Config, allowance: Allowance, records: str) -> None:
    """What models were asked today for the router's own sake, as the records say. Read only where there is a judge."""
    lanes = (config, *(lane.config for lane in config.namespaces.values()))
    judged = any(lane.settings.quality and lane.settings.quality.spends for lane in lanes)
    if not judged and all(lane.table.difficulty is None for lane in lanes):
        return
    now = time.time()
    spent = await _of_records("the judge's budget counts", records, spent_on_purposes, period_start("day", now))
    if spent is not None:
        allowance.seed(spent, now)


async def _count_escalation(config: Config, ledger: Ledger, records: str) -> None:
    """What escalation has cost today, as the records say. Read only where there is `Escalation`."""
    if all(table.escalation is None for table in _tables(config)):
        return
    start = period_start("day", time.time())
    spent = await _of_records("escalation's budget counts", records, spent_on_escalation, start)
    ledger.recall(spent or {})


async def recall_upward(config: Config, memory: Memory, records: str) -> None:
    """Caps on steps to dearer targets outlive a restart. Read only where there are records, and chains that could go up."""
    chains = any(table.fallback or table.tiers or table.declared for table in _tables(config))
    if not chains:
        return
    now = time.time()
    steps = await _of_records("caps on upward fallbacks count", records, upward_steps, now - 86_400)
    for namespace, at, usd in steps or ():
        memory.upward.seed(namespace, now - at, usd, time.perf_counter())


def _tables(config: Config) -> tuple[RoutingTable, ...]:
    return (config.table, *(lane.config.table for lane in config.namespaces.values()))


def _are_there(records: str) -> bool:
    """Else to read them would make them, in the way of the writer's first row."""
    file = sqlite_path(records)
    return file is None or file.exists()


async def _of_records(what: str, records: str, read: Callable[[str, float], T], since: float) -> T | None:
    """None when there are none yet; likewise, with a warning, when they cannot be read."""
    if not _are_there(records):
        return None
    error = ""
    for pause_s in (0.0, 1.0, 5.0):  # the writer may just be making the tables
        await asyncio.sleep(pause_s)
        try:
            return await asyncio.to_thread(read, records, since)
        except StoreFailed as failed:
            error = str(failed)
    log.warning("%s from now on, the records cannot be read: %s", what, error)
    return None


@contextlib.asynccontextmanager
async def _beside(chores: Mapping[str, Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Run the chores for as long as the body; then cancel them in turn, and let each finish its own end."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_chore(name, work), name=name) for name, work in chores.items()]
        try:
            yield
        finally:
            for task in reversed(tasks):
                task.cancel()


async def _chore(name: str, work: Coroutine[None, None, None]) -> None:
    """What runs beside the requests must never end them: the outermost ring of a background task."""
    try:
        await work
    except Exception:  # logged, and the service goes on without it
        log.exception("the background task %r has stopped", name)
