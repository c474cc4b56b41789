"""The only door to genai-prices, opened in a short-lived child process (`python -m claude_code_router.catalog.price_source`):
models as JSON on stdin, their price periods (or null) in the same order on stdout. With `--fetch` the prices are those that
genai-prices publishes today, instead of those that it was released with: the only way in which this opens the network.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec
from genai_prices.data_snapshot import DataSnapshot, find_provider_by_id, get_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.update_prices import DEFAULT_UPDATE_URL, UpdatePrices

from claude_code_router.catalog.prices import SOURCE_VARIABLE, PricedModel, PricePeriod, Rate, Rates


def price_periods(snapshot: DataSnapshot, asked: PricedModel) -> list[PricePeriod] | None:
    """None when the provider or the model is not known there."""
    name, url, model = asked
    provider = _provider(snapshot, name, url)
    found = _model(snapshot, provider, model) if provider else None
    if found is None:
        return None
    prices = found.prices
    conditional = [ConditionalPrice(prices=prices)] if isinstance(prices, ModelPrice) else prices
    return [_period(price) for price in conditional] or None


def _provider(snapshot: DataSnapshot, name: str, url: str) -> Provider | None:
    """By host. A host that is not known may still be a known vendor's by the owner's name for it (a proxy named
    `openrouter`), but what runs on the owner's own machine has no list price."""
    for provider in snapshot.providers:
        if re.match(provider.api_pattern, url):
            return provider
    return None if _is_local(url) else find_provider_by_id(snapshot.providers, name)


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or "localhost"
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))


# Variants that run the same model elsewhere or faster; `:free` and `:online` cost something else.
_VARIANT = re.compile(r":(nitro|floor|exacto|beta|extended|thinking)$|\[[^\]]*\]$")


def _model(snapshot: DataSnapshot, provider: Provider, model: str) -> ModelInfo | None:
    """As named, else without the variant or Claude Code's context mark (`[1m]`)."""
    for name in dict.fromkeys((model, _VARIANT.sub("", model))):
        found = provider.find_model(name, all_providers=snapshot.providers)
        if found is not None:
            return found
    return None


def _period(price: ConditionalPrice) -> PricePeriod:
    rates = _rates(price.prices)
    match price.constraint:
        case StartDateConstraint(start_date=day):
            return PricePeriod(rates=rates, from_unix=datetime.combine(day, time(), UTC).timestamp())
        case TimeOfDateConstraint(start_time=start, end_time=end):
            return PricePeriod(rates=rates, window_s=(_seconds_of_day(start), _seconds_of_day(end)))
        case _:
            return PricePeriod(rates=rates)


def _seconds_of_day(moment: time) -> int:
    """UTC; a time without a zone is meant as UTC there."""
    if moment.tzinfo is not None:
        moment = datetime.combine(datetime(1970, 1, 1, tzinfo=UTC), moment).astimezone(UTC).time()
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _rates(price: ModelPrice) -> Rates:
    named: dict[str, object] = vars(price)
    return Rates(
        input=_rate(named.get("input_mtok")),
        output=_rate(named.get("output_mtok")),
        cache_read=_rate(named.get("cache_read_mtok")),
        cache_write=_rate(named.get("cache_write_mtok")),
        cache_write_1h=_rate(named.get("cache_write_1h_mtok")),
        reasoning=_rate(named.get("output_reasoning_mtok")),
        web_search_usd=_each(named.get("web_searches_kcount")),
        request_usd=_each(named.get("requests_kcount")),
    )


def _rate(price: object) -> Rate | None:
    if isinstance(price, TieredPrices):
        return Rate(float(price.base), tuple((tier.start, float(tier.price)) for tier in price.tiers))
    return Rate(float(price)) if isinstance(price, Decimal) else None


def _each(per_thousand: object) -> float:
    if isinstance(per_thousand, TieredPrices):
        per_thousand = per_thousand.base
    return float(per_thousand) / 1000 if isinstance(per_thousand, Decimal) else 0.0


def fetched() -> DataSnapshot:
    """Raises whatever the network or a changed format brings: the caller goes on with what it has."""
    snapshot = UpdatePrices(url=os.environ.get(SOURCE_VARIABLE) or DEFAULT_UPDATE_URL).fetch()
    if snapshot is None:
        raise ValueError("genai-prices has fetched nothing")
    return snapshot


def main() -> None:
    snapshot = fetched() if "--fetch" in sys.argv[1:] else get_snapshot()
    asked: Sequence[PricedModel] = msgspec.json.decode(sys.stdin.buffer.read(), type=list[PricedModel])
    sys.stdout.buffer.write(msgspec.json.encode([price_periods(snapshot, model) for model in asked]))


if __name__ == "__main__":
    main()
