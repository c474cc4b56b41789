"""`ccr logs`."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated

import msgspec
import typer

from claude_code_router.cli.records import NoRecordsYet, aligned, dollars, moment, opened, seconds, tokens
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config.home import Home
from claude_code_router.core.record import Outcome, Purpose
from claude_code_router.store import queries
from claude_code_router.store.db import Database
from claude_code_router.store.queries import Filter
from claude_code_router.store.row import Row
from claude_code_router.store.scores import scores_by_request

HEAD = (
    "time", "id", "scenario", "asked -> answered", "status", "first", "total", "in", "cached", "out", "cost", "because",
)  # fmt: skip
_RIGHT = (False, False, False, False, False, True, True, True, True, True, True, False)
_WIDTHS = (14, 12, 11, 40, 3, 6, 6, 6, 6, 5, 8, 0)
_NAME_CHARS = 56
_ID_CHARS = 12
"""`req_` and 8 hex digits: enough for `ccr explain`."""

_POLL_S = 0.5
_OVERLAP_S = 5.0
"""Two routers may write to one database, and the later moment may be committed first."""


def command(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new requests as they end.")] = False,
    number: Annotated[int, typer.Option("--number", "-n", min=0, help="How many of the newest.")] = 20,
    since: Annotated[str, typer.Option(help="Only from here on: 2h, 7d, or an ISO date or time.")] = "",
    model: Annotated[str, typer.Option(help="Part of a model's or a target's name.")] = "",
    scenario: Annotated[str, typer.Option(help="default, background, think, longContext …")] = "",
    namespace: Annotated[str, typer.Option(help="One namespace's requests.")] = "",
    session: Annotated[str, typer.Option(help="How the session's id begins.")] = "",
    purpose: Annotated[
        str,
        typer.Option(help="Requests of clients (`client`), or what the router asked itself: score, shadow …; `all`."),
    ] = Purpose.CLIENT.value,
    outcome: Annotated[Outcome | None, typer.Option(help="How it ended.")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only what failed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show the recorded requests, newest last.

    Works with the router stopped, too. `ccr explain <id>` tells more about one of them. Figures: first = time to the first
    content, in = input tokens, cached = the part of them read from a cache; times since the request arrived.
    """
    now = time.time()
    wanted = Filter(
        since=moment(since, now),
        model=model,
        scenario=scenario,
        namespace=namespace,
        session=session,
        purpose="" if purpose == "all" else purpose,
        outcome=outcome.value if outcome else "",
        errors=errors,
    )
    try:
        database = opened(Home(), make=follow)
    except NoRecordsYet as none:
        complain(str(none))
        return
    with contextlib.closing(database):
        found = queries.rows(database, wanted, number)
        for line in as_lines(_with_scores(database, found) if as_json else found, as_json=as_json, head=True):
            say(line)
        if not found and not as_json:
            complain("no recorded request fits.")
        if follow:
            seen = {row["id"] for row in found}
            for row in followed(database, wanted, seen, now, lambda: time.sleep(_POLL_S)):
                say(as_lines(_with_scores(database, [row]) if as_json else [row], as_json=as_json, head=False)[0])


def _with_scores(database: Database, rows: list[Row]) -> list[Row]:
    """Each with what is known of its quality now; with `-f` that is what came before the row."""
    scores = scores_by_request(database, [row["id"] for row in rows])
    return [{**row, "scores": scores.get(row["id"], [])} for row in rows]


def followed(
    database: Database, wanted: Filter, shown: set[str], since: float, wait: Callable[[], None]
) -> Iterator[Row]:
    """Every row written after `since` that was not shown, for ever. Remembers no more ids than it needs."""
    recent = deque((since, id) for id in shown)
    while True:
        for row in queries.written_since(database, wanted, since - _OVERLAP_S):
            if row["id"] in shown:
                continue
            shown.add(row["id"])
            since = max(since, row["written_at"])
            recent.append((row["written_at"], row["id"]))
            yield row
        while recent and recent[0][0] < since - 2 * _OVERLAP_S:
            shown.discard(recent.popleft()[1])
        wait()


def as_lines(rows: list[Row], *, as_json: bool, head: bool) -> list[str]:
    if as_json:
        return [msgspec.json.encode(as_object(row)).decode() for row in rows]
    if not rows:
        return []
    cells = [HEAD] if head else []
    return aligned([*cells, *(_cells(row) for row in rows)], _RIGHT, _WIDTHS)


def as_object(row: Row) -> dict[str, object]:
    """The row with its JSON columns as JSON, not as text."""
    nested = {name: msgspec.Raw(row[name].encode()) for name in ("signals", "route", "verdicts") if row[name]}
    return {**row, **nested}


def _cells(row: Row) -> tuple[str, ...]:
    return (
        datetime.fromtimestamp(row["at"]).astimezone().strftime("%m-%d %H:%M:%S"),
        row["id"][:_ID_CHARS],
        row["scenario"] or "-",
        _shortened(_names(row)),
        _status(row),
        seconds(row["first_event_ms"]),
        seconds(row["total_ms"]),
        tokens(row["prompt_tokens"]),
        tokens(row["cache_read_tokens"]),
        tokens(row["output_tokens"]),
        dollars(row["cost_usd"]),
        one_line(row["error"] or row["because"] or ""),
    )


def _names(row: Row) -> str:
    answered = f"{row['provider']},{row['model']}" if row["provider"] else row["target"] or "-"
    return f"{one_line(row['asked_model'] or '-')} -> {answered}"


def _shortened(text: str) -> str:
    """The end says more than the middle: `claude-opus… -> openrouter,anthropic/claude-opus-4.6`."""
    if len(text) <= _NAME_CHARS:
        return text
    asked, _, answered = text.partition(" -> ")
    room = max(_NAME_CHARS - len(answered) - 5, 12)
    asked = asked if len(asked) <= room else f"{asked[: room - 1]}…"
    return f"{asked} -> {answered}"


def _status(row: Row) -> str:
    words = [str(row["status"])]
    if row["outcome"] != Outcome.DELIVERED.value:
        words.append(row["outcome"].replace("_", " "))
    if row["attempt_count"] > 1:
        words.append(f"×{row['attempt_count']}")
    return " ".join(words)


def one_line(text: str) -> str:
    """Safe for a terminal: control characters in what a client or an upstream said are shown as spaces."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
