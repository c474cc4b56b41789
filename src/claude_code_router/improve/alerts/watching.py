"""Looks at the watched figures now and then, off the event loop, and tells by log, webhook and metric."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import msgspec

from claude_code_router.config.settings import Config
from claude_code_router.core.errors import TransportFailed
from claude_code_router.delivery.budget import period_start
from claude_code_router.delivery.transport import Timeouts, Transport, UpstreamRequest
from claude_code_router.improve.alerts.watched import Watched
from claude_code_router.improve.report.tiers import all_tiers
from claude_code_router.quality.alarms import Alarms, Notice, Reading
from claude_code_router.quality.bands import Kpi
from claude_code_router.quality.intervals import Estimate
from claude_code_router.store.errors import StoreFailed

log = logging.getLogger("ccr.alerts")

_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=10.0)
RETRIES_S = (1.0, 5.0, 25.0)
"""Pauses before a webhook is tried again; then it is given up."""
_ASLEEP_S = 5.0
"""How soon an edit of the config is noticed, whatever its pace."""

Read = Callable[[str, Watched, float, float], list[Reading]]


class Watching:
    """One per process. `run` once, as a task."""

    def __init__(
        self,
        config: Callable[[], Config],
        transport: Transport,
        url: str,
        *,
        dropped: Callable[[], int],
        now: Callable[[], float],
        read: Read | None = None,
        retries_s: Sequence[float] = RETRIES_S,
    ) -> None:
        self._config = config
        self._transport = transport
        self._url = url
        self._dropped = dropped
        self._dropped_before = 0
        self._now = now
        self._read = read or _read
        self._retries_s = retries_s
        self._alarms = Alarms()
        self.undelivered = 0
        """Notices that no webhook has taken."""

    @property
    def active(self) -> tuple[tuple[str | None, Kpi], ...]:
        return self._alarms.active

    async def run(self) -> None:
        due: dict[str | None, float] = {}
        while True:
            watched = lanes(self._config())
            await asyncio.sleep(min([_ASLEEP_S, *(one.settings.every_s for one in watched)]))
            now = self._now()
            now_due = {one.namespace for one in watched if now >= due.get(one.namespace, now)}
            if now_due:
                await self.look(now_due)
            due = {
                one.namespace: now + one.settings.every_s if one.namespace in now_due else due[one.namespace]
                for one in watched
            }

    async def look(self, namespaces: Collection[str | None] | None = None) -> None:
        """At these, or at all."""
        config = self._config()
        watched = lanes(config)
        self._alarms.keep((one.namespace, kpi) for one in watched for kpi in one.settings.bands)
        for one in watched:
            if namespaces is not None and one.namespace not in namespaces:
                continue
            try:
                now = self._now()
                found = await asyncio.to_thread(self._read, self._url, one, now, period_start("day", now))
            except StoreFailed as error:
                log.warning("the watched figures cannot be read: %s", error)
                continue
            if one.namespace is None:
                found.append(self._lost())
            for notice in self._alarms.look(found, one.settings):
                await self._tell(notice, one.settings.webhook, config.settings.proxy_url)

    def _lost(self) -> Reading:
        dropped, self._dropped_before = self._dropped() - self._dropped_before, self._dropped()
        value = float(max(0, dropped))
        estimate = Estimate(value=value, low=value, high=value, n=1)
        return Reading(kpi="dropped_records", namespace=None, estimate=estimate, exact=True)

    async def _tell(self, notice: Notice, webhook: str, proxy: str) -> None:
        log.warning("%s", notice.text)
        if webhook and not await self._sent(notice, webhook, proxy):
            self.undelivered += 1

    async def _sent(self, notice: Notice, webhook: str, proxy: str) -> bool:
        at = datetime.fromtimestamp(self._now()).astimezone().isoformat(timespec="seconds")
        request = UpstreamRequest(
            url=webhook,
            headers=(("content-type", "application/json"), ("user-agent", "claude-code-router")),
            body=msgspec.json.encode({**msgspec.structs.asdict(notice), "at": at}),
            proxy=proxy,
        )
        why = ""
        for pause_s in (0.0, *self._retries_s):
            await asyncio.sleep(pause_s)
            try:
                reply = await self._transport.post(request, _TIMEOUTS)
            except TransportFailed as error:
                why = error.kind
                continue
            reply.close()
            if reply.status < 300:
                return True
            why = f"it answered {reply.status}"
            if reply.status not in (408, 429) and reply.status < 500:
                break
        # Never its address: with many services that is the key.
        log.error("the webhook has not taken an alert (%s)", why)
        return False


def lanes(config: Config) -> list[Watched]:
    """All requests together, and each namespace that has alerts of its own."""
    found = []
    for name, one in ((None, config), *((name, lane.config) for name, lane in config.namespaces.items())):
        settings = one.settings.alerts
        if settings is None or not settings.bands:
            continue
        quality = one.settings.quality
        found.append(
            Watched(
                namespace=name,
                settings=settings,
                tiers=all_tiers(config, name),
                threshold=quality.threshold if quality else 0.7,
            )
        )
    return found


def _read(url: str, watched: Watched, now: float, midnight: float) -> list[Reading]:
    # SQLAlchemy takes its time: in the thread, and only where something is watched.
    from claude_code_router.improve.alerts.readings import readings

    return readings(url, watched, now, midnight)
