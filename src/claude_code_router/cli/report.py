"""`ccr report`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from claude_code_router.catalog.prices import PriceTable, Rates, load_prices, owner_rates
from claude_code_router.cli.records import NoRecordsYet, moment, opened
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.target import Target
from claude_code_router.improve.report.figures import Report
from claude_code_router.improve.report.gather import report
from claude_code_router.improve.report.html import as_html
from claude_code_router.improve.report.page import page
from claude_code_router.improve.report.text import as_markdown, as_terminal
from claude_code_router.improve.report.tiers import all_tiers
from claude_code_router.quality.misses import MissSettings
from claude_code_router.store.kpis import Span

_UNNAMED = "-"


class Format(StrEnum):
    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


class By(StrEnum):
    CATEGORY = "category"
    RULE = "rule"
    TIER = "tier"
    NAMESPACE = "namespace"


def command(
    since: Annotated[str, typer.Option(help="From here on: 7d, 24h, or an ISO date or time.")] = "7d",
    until: Annotated[str, typer.Option(help="Up to here, in the same forms; now when not said.")] = "",
    namespace: Annotated[str, typer.Option(help="One namespace; `-` for what is in none.")] = "",
    by: Annotated[By, typer.Option(help="What the misses are split by.")] = By.CATEGORY,
    format: Annotated[Format, typer.Option(help="How it is written.")] = Format.TERMINAL,
    output: Annotated[Path | None, typer.Option(help="A file to write it to, for this user only.")] = None,
) -> None:
    """Report how well routing goes: misses, cost, speed, quality and trouble, against the period before.

    A week when nothing is said. Figures stand with their 95 % intervals; docs/misses.md defines them, docs/reports.md explains
    the page.
    """
    now = time.time()
    start, end = moment(since, now), moment(until, now) or now
    if start is None or start >= end:
        raise typer.BadParameter("the period ends before it begins.")
    home = Home()
    config = load(home.config, os.environ)
    wanted = None if not namespace else "" if namespace == _UNNAMED else namespace
    span = Span(since=start, until=end, namespace=wanted)
    try:
        found = _report(home, config, span, by.value)
    except NoRecordsYet as none:
        complain(str(none))
        return
    _put(_written(found, format), output)


def _report(home: Home, config: Config, span: Span, by: str) -> Report:
    named = config.namespaces.get(span.namespace or "")
    lane = named.config if named else config
    alerts = lane.settings.alerts or config.settings.alerts
    with contextlib.closing(opened(home)) as database:
        prices = asyncio.run(_prices(home.cache, config))

        def rates_of(target: Target) -> Rates | None:
            provider = config.providers.get(target.provider)
            return prices.rates(target.provider, provider.url if provider else "", target.model)

        return report(
            database,
            span,
            tiers=all_tiers(config, span.namespace),
            rates_of=rates_of,
            settings=_settings(lane, config),
            heavy_band=alerts.bands.get("heavy_share") if alerts else None,
            by=by,
        )


def _settings(lane: Config, config: Config) -> MissSettings:
    """A namespace's own where it has some."""
    quality, alerts = lane.settings.quality, lane.settings.alerts or config.settings.alerts
    plain = MissSettings()
    return MissSettings(
        threshold=quality.threshold if quality else plain.threshold,
        task_value_usd=alerts.task_value_usd if alerts else plain.task_value_usd,
    )


def _written(found: Report, format: Format) -> str:
    match format:
        case Format.JSON:
            return msgspec.json.format(msgspec.json.encode(found)).decode()
        case Format.HTML:
            return as_html(page(found))
        case Format.MARKDOWN:
            return as_markdown(page(found))
        case Format.TERMINAL:
            return as_terminal(page(found))


def _put(text: str, output: Path | None) -> None:
    if output is None:
        say(text)
        return
    # A report tells what a team works on: nobody else's business.
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as opened_file:
            os.fchmod(file, 0o600)
            opened_file.write(text + "\n")
    except OSError as error:
        raise BadRequest(f"The report cannot be written to {output}: {error.strerror}.") from None
    say(f"The report is at {output}.")


async def _prices(cache: Path, config: Config) -> PriceTable:
    wanted = [(p.name, p.url, model) for p in config.providers.values() for model in p.models]
    table = await load_prices(cache, wanted)
    for provider in config.providers.values():
        table = table.with_rates(owner_rates(provider.name, provider.prices))
    return table
