"""What a reply costs. The prices are genai-prices', computed once for the configured models in a short-lived child process.

genai-prices takes half a second and 36 MB to load, and 160 µs a price: too much for the server. So a child
(`catalog.price_source`) writes out the rates of the configured models, they are kept as JSON in the cache directory, and the
server only multiplies.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from claude_code_router.core.usage import Usage

PricedModel = tuple[str, str, str]
"""Provider's name in the config, its URL, the model."""

_CHILD_MODULE = "claude_code_router.catalog.price_source"
_CHILD_TIMEOUT_S = 30.0
SOURCE_VARIABLE = "CCR_PRICES_URL"
"""In the environment: where prices are fetched from instead of genai-prices' own place."""
_CACHE_FORMAT = 2
_DAY_S = 86_400
_ANY_MODEL = "*"


class Rate(msgspec.Struct, frozen=True):
    """USD per million tokens. A tier's rate holds for *all* tokens of a request whose prompt is longer than its start."""

    base: float
    tiers: tuple[tuple[int, float], ...] = ()
    """(prompt tokens, rate) in rising order."""

    def for_prompt(self, prompt_tokens: int) -> float:
        rate = self.base
        for start, higher in self.tiers:
            if prompt_tokens > start:
                rate = higher
        return rate


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """None where the maker names no price of its own; then the next broader one holds (see `cost_usd`)."""

    input: Rate | None = None
    output: Rate | None = None
    cache_read: Rate | None = None
    cache_write: Rate | None = None
    cache_write_1h: Rate | None = None
    reasoning: Rate | None = None
    web_search_usd: float = 0.0
    """For one search."""
    request_usd: float = 0.0
    """For one request, whatever its length."""

    def cost_usd(self, usage: Usage) -> float | None:
        """None when a kind of token that was used has no price at all."""
        prompt = usage.prompt_tokens
        hour = min(usage.cache_write_1h_tokens, usage.cache_write_tokens)
        reasoning = usage.reasoning_tokens if self.reasoning is not None else 0
        write = self.cache_write or self.input
        total = 0.0
        for tokens, rate in (
            (usage.input_tokens, self.input),
            (usage.cache_read_tokens, self.cache_read or self.input),
            (usage.cache_write_tokens - hour, write),
            (hour, self.cache_write_1h or write),
            (usage.output_tokens - reasoning, self.output),
            (reasoning, self.reasoning),
        ):
            if tokens <= 0:
                continue
            if rate is None:
                return None
            total += tokens * rate.for_prompt(prompt)
        return total / 1_000_000 + usage.web_searches * self.web_search_usd + self.request_usd


class PricePeriod(msgspec.Struct, frozen=True, kw_only=True):
    """Rates that hold from a day on, or in a daily window (UTC, seconds of the day; may span midnight)."""

    rates: Rates
    from_unix: float | None = None
    window_s: tuple[int, int] | None = None

    def holds(self, at: float, *, windows: bool) -> bool:
        if self.from_unix is not None and at < self.from_unix:
            return False
        if self.window_s is None:
            return True
        start, end = self.window_s
        now = at % _DAY_S
        inside = start <= now < end if start <= end else (now >= start or now < end)
        return windows and inside


class PriceTable:
    """Frozen: `with_rates` answers a new one. Lookups are pure; nothing is fetched."""

    def __init__(
        self,
        prices: Mapping[PricedModel, Sequence[PricePeriod]] | None = None,
        *,
        own: Mapping[tuple[str, str], Rates] | None = None,
        as_of: float = 0.0,
        error: str = "",
    ) -> None:
        self._prices = dict(prices or {})
        self._own = dict(own or {})
        self._as_of = as_of
        self.error = error
        """Why the prices could not be computed; empty when they could."""

    def with_rates(self, rates: Mapping[tuple[str, str], Rates]) -> PriceTable:
        """`rates` by (provider's name, model) win over the computed ones; the model `*` stands for all of a provider's."""
        return PriceTable(self._prices, own={**self._own, **rates}, as_of=self._as_of, error=self.error)

    def rates(self, provider: str, url: str, model: str, at: float | None = None) -> Rates | None:
        """`at` is Unix time, seconds. Without it: the day when the table was made, and the price outside of daily windows."""
        own = self._own.get((provider, model)) or self._own.get((provider, _ANY_MODEL))
        if own is not None:
            return own
        periods = self._prices.get((provider, url, model))
        if not periods:
            return None
        when = self._as_of if at is None else at
        for period in reversed(periods):  # the last that holds wins, as in genai-prices
            if period.holds(when, windows=at is not None):
                return period.rates
        return periods[0].rates

    def cost_usd(self, provider: str, url: str, model: str, usage: Usage, at: float | None = None) -> float | None:
        """None when the price is unknown: that is not free of charge."""
        rates = self.rates(provider, url, model, at)
        return None if rates is None else rates.cost_usd(usage)


def owner_rates(provider: str, prices: Mapping[str, Mapping[str, float]]) -> dict[tuple[str, str], Rates]:
    """The `price` of a provider's entry: model (or `*`) -> USD per million tokens by kind. Unknown kinds are left out."""
    return {
        (provider, model): Rates(
            input=_owner_rate(by_kind, "input"),
            output=_owner_rate(by_kind, "output"),
            cache_read=_owner_rate(by_kind, "cache_read"),
            cache_write=_owner_rate(by_kind, "cache_write"),
            cache_write_1h=_owner_rate(by_kind, "cache_write_1h"),
            reasoning=_owner_rate(by_kind, "reasoning"),
        )
        for model, by_kind in prices.items()
    }


def _owner_rate(by_kind: Mapping[str, float], kind: str) -> Rate | None:
    return Rate(float(by_kind[kind])) if kind in by_kind else None


class _Cached(msgspec.Struct, frozen=True):
    key: str
    prices: list[tuple[str, str, str, list[PricePeriod] | None]]
    """None for a model that has no known price: it is not asked for again until genai-prices changes."""


async def load_prices(cache_dir: Path, models: Sequence[PricedModel], *, fetch: bool = False) -> PriceTable:
    """Never raises: without prices the table says None of everything and why (`error`). A child is started only for models
    that the cache has not got under the installed genai-prices.

    `fetch`: today's published prices are asked for first, and kept until another genai-prices is installed; where they
    cannot be had, `error` says so and the table is the one that is known."""
    bare = {model: (model[0], _bare(model[1]), model[2]) for model in models}
    wanted = list(dict.fromkeys(bare.values()))
    as_of = time.time()
    if not wanted:
        return PriceTable(as_of=as_of)
    key = f"{_CACHE_FORMAT}:genai-prices-{version('genai-prices')}"
    file = cache_dir / "prices.json"
    known = await asyncio.to_thread(_read, file, key)
    error = ""
    if fetch:
        try:
            fresh = await _ask_child(wanted, "--fetch")
            known.update({model: value for model, value in fresh.items() if value is not None})
            await asyncio.to_thread(_write, file, _kept(key, known))
        except (OSError, TimeoutError, ValueError) as failed:
            error = f"today's prices could not be fetched: {failed}"
    missing = [model for model in wanted if model not in known]
    if missing:
        try:
            known.update(await _ask_child(missing))
        except (OSError, TimeoutError, ValueError) as failed:
            error = f"the prices could not be computed: {failed}"
        else:
            error = await asyncio.to_thread(_write, file, _kept(key, known)) or error
    prices = {model: periods for model, kept in bare.items() if (periods := known.get(kept))}
    return PriceTable(prices, as_of=as_of, error=error)


def _bare(url: str) -> str:
    """Without what may be secret in it, user information and query: prices do not depend on them, and the file is kept."""
    scheme, mark, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _read(file: Path, key: str) -> dict[PricedModel, list[PricePeriod] | None]:
    try:
        cached = msgspec.json.decode(file.read_bytes(), type=_Cached)
    except (OSError, msgspec.MsgspecError):
        return {}
    if cached.key != key:
        return {}
    return {(name, url, model): value for name, url, model, value in cached.prices}


def _kept(key: str, known: Mapping[PricedModel, list[PricePeriod] | None]) -> _Cached:
    return _Cached(key, [(*model, value) for model, value in known.items()])


def _write(file: Path, cached: _Cached) -> str:
    """Atomic, and its owner's alone; a cache that cannot be written costs half a second at the next start, and is said."""
    beside = file.with_suffix(".tmp")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)  # one that a crash has left would keep its mode
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as made:
            made.write(msgspec.json.encode(cached))
        beside.replace(file)
    except OSError as failed:
        return f"the price cache could not be written: {failed}"
    return ""


async def _ask_child(models: Sequence[PricedModel], *options: str) -> dict[PricedModel, list[PricePeriod] | None]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", _CHILD_MODULE, *options,  # -P: the directory that we run in may hold a `json.py` of its own
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_CHILD_TIMEOUT_S):
            out, err = await child.communicate(msgspec.json.encode(models))
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        last = err.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        raise ValueError(last[0])
    answers = msgspec.json.decode(out, type=list[list[PricePeriod] | None])
    return dict(zip(models, answers, strict=True))
