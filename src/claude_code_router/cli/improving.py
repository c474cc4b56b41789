"""What `replay`, `advise` and `upgrade-check` share: the configs, the records, the prices, and figures as people read them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from claude_code_router.catalog.prices import PriceTable, Rates, load_prices, owner_rates
from claude_code_router.cli.terminal import complain
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.config.overrides import Overrides
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import BadRequest, ConfigError
from claude_code_router.core.target import Target
from claude_code_router.improve.again import Lanes, known_of
from claude_code_router.improve.facts_key import Sayings
from claude_code_router.improve.forecast import GOOD_FROM
from claude_code_router.improve.remembered import recalled
from claude_code_router.plugins.installed import with_installed_rules
from claude_code_router.routing.declared import Tier

_BAR = 30


class Study:
    """A config, and what is known of those before it."""

    def __init__(self, home: Home, config: Config, others: Sequence[Config]) -> None:
        self.config = config
        self._home = home
        self._others = others
        self._sayings = Sayings()
        self._known = recalled(home.cache) | known_of([*reversed(others), config])
        self._prices: list[tuple[Config, PriceTable]] = asyncio.run(_priced(home, (config, *others)))

    def rates_of(self, target: Target) -> Rates | None:
        """As of the config; of a target that it does not have, as of the others."""
        for config, prices in self._prices:
            provider = config.providers.get(target.provider)
            found = prices.rates(target.provider, provider.url, target.model) if provider else None
            if found is not None:
                return found
        return None

    @property
    def earlier(self) -> Sequence[Config]:
        """Those that may have decided what is on the records: the one in use and others that are known."""
        return self._others

    @property
    def good_from(self) -> float:
        """The score from which on the owner calls a reply good."""
        quality = self.config.settings.quality
        return quality.threshold if quality else GOOD_FROM

    def tiers(self, namespace: str = "") -> Mapping[str, Tier]:
        """That requests of this namespace are decided by; without one, the file's."""
        lane = self.config.namespaces.get(namespace)
        return (lane.config if lane else self.config).table.tiers

    def lanes(self, config: Config | None = None) -> Lanes:
        """Of another config, which asks for nothing that this one does not ask for; without one, of this."""
        overrides = Overrides(self._home)
        return Lanes(config or self.config, self._known, with_installed_rules(), overrides.look_now, self._sayings)


async def _priced(home: Home, configs: Sequence[Config]) -> list[tuple[Config, PriceTable]]:
    wanted = [(p.name, p.url, model) for config in configs for p in config.providers.values() for model in p.models]
    table = await load_prices(home.cache, list(dict.fromkeys(wanted)))
    if table.error:
        complain(f"costs are not known: {table.error}")
    made = []
    for config in configs:
        own = table
        for provider in config.providers.values():
            own = own.with_rates(owner_rates(provider.name, provider.prices))
        made.append((config, own))
    return made


def study(home: Home, path: Path | None, others: Sequence[Path] = ()) -> Study:
    """Of the config at `path`, by default the one in use. What earlier configs listened for is known of the one in use, of
    its backups, and of `others`. Raises ConfigError for the first; the rest is read where it can be."""
    if path is not None and not path.exists():
        raise BadRequest(f"There is no config at {path}.")
    config = load(path or home.config, os.environ)
    earlier = [home.config, *sorted(home.root.glob("config.json.*.bak"), reverse=True), *others]
    return Study(home, config, list(_readable(earlier)))


def _readable(paths: Sequence[Path]) -> Iterator[Config]:
    for path in paths:
        try:
            if path.exists():
                yield load(path, os.environ)
        except ConfigError:
            continue  # it told nothing when it was in force either


def progress(what: str, total: int) -> Callable[[int], None]:
    """A line on stderr that is written over; nothing where nobody looks."""
    if not sys.stderr.isatty() or total <= 0:
        return lambda _: None

    def show(done: int) -> None:
        full = min(_BAR, done * _BAR // total)
        sys.stderr.write(f"\r{what} [{'#' * full}{' ' * (_BAR - full)}] {done:,} of {total:,}")
        if done >= total:
            sys.stderr.write("\r\033[K")
        sys.stderr.flush()

    return show


def percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def signed_percent(share: float) -> str:
    return f"{share * 100:+.1f} %"


def usd(value: float) -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}${abs(value):,.2f}" if abs(value) >= 10 else f"{sign}${abs(value):,.4f}"


def signed_usd(value: float) -> str:
    return ("+" if value >= 0 else "") + usd(value)
