"""`ccr explain`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from claude_code_router.cli.lanes import lane
from claude_code_router.cli.logs import as_object, one_line
from claude_code_router.cli.records import dollars, opened, seconds, tokens
from claude_code_router.cli.terminal import say
from claude_code_router.config.categories import shipped_labels
from claude_code_router.config.home import Home
from claude_code_router.config.learned_models import LearnedModels
from claude_code_router.config.load import load
from claude_code_router.config.overrides import Overrides
from claude_code_router.config.settings import Config
from claude_code_router.core.decision import Decision
from claude_code_router.core.errors import BadRequest, RouterError
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.signals import Signals
from claude_code_router.plugins.consult import consult
from claude_code_router.plugins.custom import CustomRouter
from claude_code_router.plugins.installed import with_installed_rules
from claude_code_router.routing import explain as words
from claude_code_router.routing.engine import decide, decide_beside
from claude_code_router.routing.escalation import planned
from claude_code_router.routing.hearing import WEEKDAYS, Circumstances, hear
from claude_code_router.routing.learned import Spoke
from claude_code_router.routing.signals import read_signals
from claude_code_router.store import queries
from claude_code_router.store.queries import Found
from claude_code_router.store.row import Row


def command(
    request: Annotated[str, typer.Argument(metavar="[ID]", help="A request's id, its beginning, or `last`.")] = "",
    file: Annotated[str, typer.Option("--file", help="Decide about this request body (JSON; - for stdin).")] = "",
    header: Annotated[
        list[str] | None, typer.Option("--header", help="With --file: 'name: value'. Repeatable.")
    ] = None,
    escalation: Annotated[bool, typer.Option("--escalation", help="Tell whether escalation pays.")] = False,
    namespace: Annotated[str, typer.Option("--namespace", help="With --file or --escalation: of this namespace.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell which rule chose a request's model, and why the others passed.

    With an id: from the records, with attempts, tokens and cost. With --file: what the config as it is now would decide;
    nothing is sent anywhere. With --escalation: whether answers of the next tier up are worth their money.
    """
    if escalation:
        if request or file:
            raise typer.BadParameter("--escalation goes with neither a request nor --file.")
        say(_escalation(namespace))
        return
    if bool(request) == bool(file):
        raise typer.BadParameter("Give either a request's id (or `last`) or --file.")
    if header and not file:
        raise typer.BadParameter("--header goes with --file.")
    if namespace and not file:
        raise typer.BadParameter("--namespace goes with --file; a record knows its own.")
    if file:
        headers = _headers(header or [])
        dry = dry_run(Home(), _body(file), headers, namespace)
        say(_dry_json(dry) if as_json else dry_text(dry))
        return
    found = recorded(Home(), request)
    say(msgspec.json.encode(_recorded_json(found)).decode() if as_json else as_text(found))


def _escalation(namespace: str) -> str:
    from claude_code_router.cli.explain_escalation import text  # loads what no other use of this command needs

    return text(Home(), namespace)


class Dry(msgspec.Struct, frozen=True):
    """What would be decided."""

    signals: Signals
    decision: Decision
    shadow: Decision | str | None
    """A text: why the shadow rules would refuse; None without them."""
    spoke: tuple[Spoke, ...] = ()
    """The prompt's words that moved what was learnt most: for who holds the prompt, never on a record."""


def dry_run(home: Home, body: bytes, headers: dict[str, str], namespace: str = "") -> Dry:
    """Raises BadRequest, ConfigError or Refused, each with its sentence."""
    inbound = Inbound(
        id="dry-run",
        path="/v1/messages",
        query="",
        headers=tuple((name.encode(), value.encode()) for name, value in headers.items()),
        header=headers,
        body=body,
        received_at=time.time(),
    )
    config = lane(load(home.config, os.environ), namespace)
    return asyncio.run(_decided(home, config, inbound, namespace))


def dry_text(found: Dry) -> str:
    lines = [words.explain(found.decision, found.signals)]
    if found.shadow is not None:
        lines += ["", words.explain_shadow(found.shadow, found.decision)]
    if found.spoke:
        said = ", ".join(f'"{one_line(one.words)}" {one.towards_heavy:+.2f}' for one in found.spoke)
        lines += ["", f"learned     the words that spoke most, + for the stronger tier: {said}"]
    return "\n".join(lines)


async def _decided(home: Home, config: Config, inbound: Inbound, namespace: str) -> Dry:
    def read(inbound: Inbound) -> Signals:
        signals = msgspec.structs.replace(read_signals(inbound).signals, namespace=namespace)
        return msgspec.structs.replace(signals, category=labels.of(signals))

    labels = shipped_labels()
    signals = read(inbound)
    if (script := config.settings.custom_router) is not None:
        custom = CustomRouter(time.perf_counter, os.environ, script)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(custom.run())
            _, signals = await consult(custom, script, inbound, signals, read)
            running.cancel()
    table = await Overrides(home).table_for(signals.session, config)
    if table.listening is not None:
        now = time.localtime(inbound.received_at)
        around = Circumstances(minute_of_day=now.tm_hour * 60 + now.tm_min, weekday=WEEKDAYS[now.tm_wday])
        signals = hear(signals, inbound.header, table.listening, around)
    spoke: tuple[Spoke, ...] = ()
    if table.learned is not None:
        models = LearnedModels(home.learned)
        models.look([table.learned])
        signals = msgspec.structs.replace(signals, learned=models.score(signals, table))
        spoke = models.spoke_most(signals, table.learned)
    rules = with_installed_rules()
    decision = planned(decide(signals, table, rules), signals, table)
    return Dry(signals, decision, decide_beside(signals, table.shadow, rules) if table.shadow else None, spoke)


def recorded(home: Home, id: str) -> Found:
    """Raises BadRequest when no record, or more than one, has an id that begins so."""
    with contextlib.closing(opened(home)) as database:
        ids = queries.ids(database, id)
        if len(ids) > 1 and id not in ids:
            raise BadRequest(f"{len(ids)} or more requests begin with {id!r}:", hint=", ".join(ids))
        found = queries.by_id(database, id if id in ids else ids[0]) if ids else None
    if found is None:
        raise BadRequest(f"No recorded request has the id {id!r}.", hint="`ccr logs` lists the ids.")
    return found


def as_text(found: Found) -> str:
    row, record = found.row, found.record
    arrived = datetime.fromtimestamp(record.at).astimezone().isoformat(" ", "seconds")
    lines = [f"request {record.id}, {arrived}, {record.path}"]
    if record.decision and record.signals:
        lines += [f"config {record.decision.config_hash}", "", words.explain(record.decision, record.signals)]
    elif record.signals:
        lines += [f"asked for {one_line(record.signals.model)}; no rule gave it a route"]
        lines += ["", *words.verdict_lines(record.verdicts)] if record.verdicts else []
    else:
        lines += ["the request could not be read: no rule was asked"]
    shadow = record.shadow or record.shadow_refused
    if shadow:
        lines += ["", words.explain_shadow(shadow, record.decision)]
    lines += ["", f"outcome   {record.outcome.value.replace('_', ' ')}, status {record.status}, {_times(row)}"]
    if record.error:
        lines.append(f"error     {one_line(record.error)}")
    lines += [f"attempt {attempt['seq'] + 1} {_attempt(attempt)}" for attempt in found.attempts]
    if row["prompt_tokens"] is not None:
        lines.append(f"tokens    {_tokens(row)}")
    lines.append(f"cost      {dollars(row['cost_usd']) if row['cost_usd'] is not None else 'not known'}")
    lines += [f"score     {_score(score)}" for score in found.judged.scores]
    lines += [f"pair      {_pair(pair, record.id)}" for pair in found.judged.pairs]
    return "\n".join(lines)


def _score(score: Row) -> str:
    sure = f", {score['sure']:.0%} sure" if score["sure"] is not None else ""
    reason = f": {one_line(score['reason'])}" if score["reason"] else ""
    cost = f" ({dollars(score['cost_usd'])})" if score["cost_usd"] is not None else ""
    return f"{score['value']:.2f} by {score['judged_by']} {one_line(score['judge'])}{sure}{reason}{cost}"


def _pair(pair: Row, id: str) -> str:
    values = [
        f"{value:.2f}" if value is not None else "not scored" for value in (pair["served_value"], pair["other_value"])
    ]
    by = f", better: {pair['preferred']}" if pair["preferred"] else ""
    where = f"served from {pair['served_tier']} ({values[0]}); {pair['other_tier']} answered too ({values[1]}){by}"
    other = pair["other_id"] if id == pair["request_id"] else f"this is the other answer to {pair['request_id']}"
    chance = "escalated" if pair["escalated"] else f"drawn with probability {pair['probability']:g}"
    return f"{where}; {chance}; {other}"


def _attempt(attempt: Row) -> str:
    parts = [f"{attempt['provider']},{attempt['model']}"]
    if attempt["credential"]:
        parts.append(f"key {attempt['credential']}" + (f" (moved from {m})" if (m := attempt["moved_from"]) else ""))
    if attempt["status"] is not None:
        parts.append(f"status {attempt['status']}")
    if attempt["failure_kind"]:
        parts.append(f"{attempt['failure_kind']} ({attempt['failure_fault']}): {one_line(attempt['failure_message'])}")
    elif attempt["stop_reason"]:
        parts.append(attempt["stop_reason"])
    parts.append(f"from {seconds(attempt['started_ms'])} to {seconds(attempt['ended_ms'])}")
    if attempt["cost_usd"] is not None:
        parts.append(dollars(attempt["cost_usd"]))
    return ", ".join(parts)


def _tokens(row: Row) -> str:
    parts = [
        f"{tokens(row['prompt_tokens'])} in ({tokens(row['cache_read_tokens'])} from a cache, "
        f"{tokens(row['cache_write_tokens'])} written to one)",
        f"{tokens(row['output_tokens'])} out",
    ]
    if row["estimated_tokens"] and row["prompt_tokens"]:
        off = row["estimated_tokens"] / row["prompt_tokens"] - 1
        parts.append(f"estimated {tokens(row['estimated_tokens'])} ({off:+.0%})")
    return ", ".join(parts)


def _times(row: Row) -> str:
    return f"first content after {seconds(row['first_event_ms'])}, all after {seconds(row['total_ms'])}"


def _recorded_json(found: Found) -> dict[str, object]:
    judged = found.judged
    return {**as_object(found.row), "attempts": found.attempts, "scores": judged.scores, "pairs": judged.pairs}


def _dry_json(found: Dry) -> str:
    return msgspec.json.encode(found).decode()


def _body(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise RouterError(f"{file} cannot be read: {error.strerror}.") from None


def _headers(given: list[str]) -> dict[str, str]:
    headers = {}
    for line in given:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise typer.BadParameter(f"{line!r} is not of the form 'name: value'.")
        headers[name.strip().lower()] = value.strip()
    return headers
