"""`ccr models`."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from claude_code_router.catalog.cards import UNKNOWN, ModelCard, card
from claude_code_router.catalog.lifecycle import lifecycle
from claude_code_router.catalog.live import Listed
from claude_code_router.catalog.prices import PriceTable, Rate, load_prices, owner_rates
from claude_code_router.cli.live_models import lists
from claude_code_router.cli.records import aligned
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.config.settings import Config
from claude_code_router.providers.provider import Provider

EXIT_FOUND = 1

_HEAD = ("model", "context", "output", "images", "thinks", "in", "out", "cached", "note")

_RIGHT = (False, True, True, False, False, True, True, True, False)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One configured model."""

    provider: str
    model: str
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    vision: bool | None = None
    reasons: bool | None = None
    usd_in: float | None = None
    """Per million tokens, for short prompts; so the two below."""
    usd_out: float | None = None
    usd_cached: float | None = None
    state: str = "active"
    """active, unknown, unlisted (the provider's own list has no such model), superseded, retiring, retired."""
    retires: date | None = None
    successor: str = ""

    @property
    def note(self) -> str:
        instead = f"; {self.successor} has taken its place" if self.successor else ""
        match self.state:
            case "unknown":
                return "unknown: no limits, careful defaults (say what it can do under `cards`)"
            case "unlisted":
                return f"not in the provider's own list{instead}"
            case "retired" | "retiring":
                return f"{self.state} ({self.retires}){instead}" if self.retires else f"{self.state}{instead}"
            case "superseded":
                return f"superseded{instead}"
            case _ if self.context_tokens is None:
                return "its limits are not known (say them under `cards`, or try --live)"
            case _:
                return ""


def command(
    check: Annotated[
        bool,
        typer.Option("--check", help="Only models with a finding; exit code 1 if one is unknown, unlisted or retired."),
    ] = False,
    live: Annotated[
        bool,
        typer.Option("--live", help="Ask the providers for their own lists (kept for a day), and for today's prices."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """Show what the configured models can do and cost, and which are unknown or retired.

    Without --live nothing leaves this machine; lists that were fetched within the last day are used, and the prices that were
    fetched last. Prices are US dollars per million tokens.
    """
    home = Home()
    config = load(home.config, os.environ)
    found = lists(home.cache / "models", config.providers.values(), now=time.time(), fetch=live)
    for problem in found.problems:
        complain(problem)
    prices = asyncio.run(_prices(home.cache, config, fetch=live))
    if prices.error:
        complain(prices.error)
    lines = list(describe(config.providers, found.by_provider, prices, datetime.now(UTC).date()))
    shown = [line for line in lines if line.state != "active"] if check else lines
    if as_json:
        say(json.dumps(msgspec.to_builtins(shown), indent=2))
    else:
        say(as_text(shown, nothing="All configured models are known and current." if check else _NONE))
    if check and any(line.state in ("unknown", "unlisted", "retired") for line in lines):
        raise typer.Exit(EXIT_FOUND)


_NONE = "No models are configured: list them under `models` of a provider in config.json."


async def _prices(cache: Path, config: Config, *, fetch: bool) -> PriceTable:
    wanted = [(p.name, p.url, model) for p in config.providers.values() for model in p.models]
    table = await load_prices(cache, wanted, fetch=fetch)
    for provider in config.providers.values():
        table = table.with_rates(owner_rates(provider.name, provider.prices))
    return table


def describe(
    providers: Mapping[str, Provider], listed: Mapping[str, tuple[Listed, ...]], prices: PriceTable, today: date
) -> Iterable[Line]:
    for provider in providers.values():
        rows = {row.id.lower(): row for row in listed.get(provider.name, ())}
        for model in provider.models:
            row = rows.get(model.lower())
            # The owner's word counts most, then the provider's own, then ours.
            known = card(model) if row is None else row.card.over(card(model))
            known = provider.cards[model].over(known) if model in provider.cards else known
            yield _line(provider, model, known, row, prices, today, is_listed=not rows or row is not None)


def _line(
    provider: Provider,
    model: str,
    known: ModelCard,
    row: Listed | None,
    prices: PriceTable,
    today: date,
    *,
    is_listed: bool,
) -> Line:
    rates = prices.rates(provider.name, provider.url, model)
    life = lifecycle(model)
    state: str = life.state(today)
    if row is not None and row.retired:
        state = "retired"
    elif state in ("active", "superseded") and not is_listed:
        state = "unlisted"
    elif state == "active" and known == UNKNOWN and rates is None:
        state = "unknown"
    return Line(
        provider=provider.name,
        model=model,
        context_tokens=known.context_tokens,
        max_output_tokens=known.max_output_tokens,
        vision=known.vision,
        reasons=known.reasons,
        usd_in=_base(rates.input if rates else None),
        usd_out=_base(rates.output if rates else None),
        usd_cached=_base(rates.cache_read if rates else None),
        state=state,
        retires=life.retires,
        successor=life.successor,
    )


def as_text(lines: Iterable[Line], *, nothing: str) -> str:
    rows = [
        (
            f"{line.provider},{line.model}",
            _tokens(line.context_tokens),
            _tokens(line.max_output_tokens),
            _yes(line.vision),
            _yes(line.reasons),
            _usd(line.usd_in),
            _usd(line.usd_out),
            _usd(line.usd_cached),
            line.note,
        )
        for line in lines
    ]
    return "\n".join(aligned([_HEAD, *rows], _RIGHT, [0] * len(_HEAD))) if rows else nothing


def _base(rate: Rate | None) -> float | None:
    return None if rate is None else rate.base


def _tokens(count: int | None) -> str:
    if count is None:
        return "?"
    return f"{count / 1_000_000:g}M" if count >= 1_000_000 and count % 100_000 == 0 else f"{round(count / 1000):,}k"


def _yes(value: bool | None) -> str:
    return "?" if value is None else "yes" if value else "no"


def _usd(price: float | None) -> str:
    return "?" if price is None else f"{price:g}"
