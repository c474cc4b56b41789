"""`ccr demo`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from claude_code_router.cli.demo_run import Shown, run_demo


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the requests and the sums as JSON.")] = False,
    speed: Annotated[float, typer.Option(help="How many times faster than real models they answer.", min=0.1)] = 5.0,
) -> None:
    """Send typical requests through simulated models and show what routing saves.

    Needs no key and no network, and touches nothing of yours: the router, the models and their home are made for the
    occasion and gone at the end.
    """
    if as_json:
        shown = asyncio.run(run_demo(speed, lambda _: None))
        requests = [msgspec.structs.asdict(one) for one in shown]
        print(json.dumps({"speed": speed, "requests": requests, "sums": sums(shown)}, indent=2, ensure_ascii=False))  # noqa: T201
    else:
        shown = _on_screen(speed)
    if not all(one.delivered for one in shown):
        raise typer.Exit(1)


def sums(shown: list[Shown]) -> dict[str, float]:
    """What all of it took: routed, and with everything on the heavy model."""
    return {
        "total_ms": sum(one.total_ms for one in shown),
        "cost_usd": sum(one.cost_usd for one in shown),
        "heavy_total_ms": sum(one.heavy_total_ms for one in shown),
        "heavy_cost_usd": sum(one.heavy_cost_usd for one in shown),
    }


def _on_screen(speed: float) -> list[Shown]:
    console = Console()
    console.print(
        "Eleven requests as Claude Code sends them, through a router with simulated models: light, mid and heavy. "
        f"They run {speed:g} times faster than real models of their class; their prices are those of such classes.\n"
    )
    console.print(_row("request", "answered by", "first", "total", "cost"), style="bold")

    def show(one: Shown) -> None:
        cost = f"${one.cost_usd:.4f}" if one.delivered else "failed"
        times = f"{one.first_token_ms:.0f} ms", f"{one.total_ms:.0f} ms"
        console.print(_row(one.title, one.target, *times, cost), highlight=False)
        console.print(
            Padding(Text.assemble((one.rule, "cyan"), f": {one.why}", style="dim"), (0, 0, 0, 2), expand=False)
        )

    shown = asyncio.run(run_demo(speed, show))
    console.print(_closing(sums(shown)), highlight=False)
    return shown


def _row(request: str, target: str, first: str, total: str, cost: str) -> Text:
    return Text(f"{request:<20}{target:<30}{first:>9}{total:>9}{cost:>10}")


def _closing(sums: dict[str, float]) -> str:
    cost, heavy_cost = sums["cost_usd"], sums["heavy_cost_usd"]
    time_s, heavy_s = sums["total_ms"] / 1000, sums["heavy_total_ms"] / 1000
    return (
        f"\nrouted               {time_s:5.1f} s   ${cost:.4f}\n"
        f"everything on heavy  {heavy_s:5.1f} s   ${heavy_cost:.4f}\n"
        f"saved                {1 - time_s / heavy_s:7.0%}   {1 - cost / heavy_cost:7.0%}\n\n"
        "`ccr logs` and `ccr explain` tell the same of your own requests."
    )
