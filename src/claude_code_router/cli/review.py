"""`ccr review`."""

from __future__ import annotations

import contextlib
import getpass
import importlib.util
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated

import msgspec
import typer

from claude_code_router.cli.records import moment, opened
from claude_code_router.cli.terminal import say
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.core.errors import ConfigError, RouterError
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.record import Record
from claude_code_router.core.reply import Reply
from claude_code_router.core.score import Score
from claude_code_router.delivery.client_side import CLIENT_SIDES
from claude_code_router.delivery.read_reply import read_reply
from claude_code_router.quality.evidence import Section, asked_sections, reply_section
from claude_code_router.quality.judge_error import measured
from claude_code_router.quality.judging import score_id
from claude_code_router.quality.pair_judge import SLIGHTLY, Agreement, Better, agreement, better
from claude_code_router.quality.settings import QualitySettings
from claude_code_router.server.http import dialect_of
from claude_code_router.store import queries
from claude_code_router.store.db import Database
from claude_code_router.store.kpis import judged_twice
from claude_code_router.store.row import flatten
from claude_code_router.store.scores import Candidate, compared_by_people, judged, judges, reviewed, unreviewed

_CANDIDATES = 500
"""Of the newest; among them the lot decides."""
ENOUGH = 200
"""Reviewed replies after which a judge's error is known to a few points."""

_ONE: Mapping[str, str] = {"g": "good", "b": "bad", "s": "skip", "q": "quit"}
_TWO: Mapping[str, str] = {
    "1": "only the first is good",
    "2": "only the second is good",
    "g": "both are good, alike",
    "3": "both are good, the first is better",
    "4": "both are good, the second is better",
    "b": "both are bad, alike",
    "5": "both are bad, the first is better",
    "6": "both are bad, the second is better",
    "s": "skip",
    "q": "quit",
}
_VALUES: Mapping[str, tuple[float, float]] = {
    "g": (1.0, 1.0),
    "b": (0.0, 0.0),
    "1": (1.0, 0.0),
    "2": (0.0, 1.0),
    "3": (1.0, 1.0 - SLIGHTLY),
    "4": (1.0 - SLIGHTLY, 1.0),
    "5": (SLIGHTLY, 0.0),
    "6": (0.0, SLIGHTLY),
}
"""Of one key, what the first and the second reply are worth; of a single reply the first counts."""

Ask = Callable[[Mapping[str, str]], str]
"""Shows the keys and gives the one that was chosen."""


def command(
    namespace: Annotated[str | None, typer.Option(help="One namespace's requests; all when not said.")] = None,
    since: Annotated[str, typer.Option(help="Only from here on: 2h, 7d, or an ISO date or time.")] = "",
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Stop after so many.")] = 20,
    person: Annotated[str, typer.Option("--as", help="Who judges; your user name when not said.")] = "",
) -> None:
    """Judge recorded replies yourself, so that a judge model can be measured by you.

    Needs kept bodies (`RECORD_BODIES`). Pairs come first, then what a judge has scored, in random order; what the judge said
    is shown after your answer. Without a terminal the keys are read from standard input, one a line.
    """
    home = Home()
    with contextlib.closing(opened(home)) as database:
        found = unreviewed(database, namespace, moment(since, time.time()), _CANDIDATES)
        ask = _key if sys.stdin.isatty() and importlib.util.find_spec("termios") else _line
        review = Review(database, person or _user(), ask, random.Random())
        done = review.through(found, number)
        if not found:
            say("Nothing to review: no recorded reply has kept bodies and no review yet. `RECORD_BODIES` keeps them.")
        for line in summary(database, done, _threshold(home)):
            say(line)


class Review:
    def __init__(self, database: Database, person: str, ask: Ask, dice: random.Random) -> None:
        self._database = database
        self._person = person
        self._ask = ask
        self._dice = dice

    def through(self, candidates: Sequence[Candidate], number: int) -> int:
        """How many were judged before the person had enough."""
        done = 0
        before = reviewed(self._database)
        for candidate in self._in_order(candidates):
            if done >= number:
                break
            shown = self._read(candidate)
            if shown is None:
                continue
            say(f"\n=== {before + done + 1} (of {ENOUGH} that tell a judge's error) · {shown.head} ===")
            for section in shown.sections:
                say(f"--- {section.title}\n{_printable(section.text)}")
            key = self._ask(_TWO if len(shown.ids) > 1 else _ONE)
            if key == "q":
                break
            if key == "s":
                continue
            self._write(shown.ids, key)
            self._tell(shown.ids)
            done += 1
        return done

    def _in_order(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        mixed = list(candidates)
        self._dice.shuffle(mixed)
        return sorted(mixed, key=lambda one: (not one.other_id, not one.scored))

    def _read(self, candidate: Candidate) -> _Shown | None:
        """None when its bodies cannot be read any more: they were cut, or redaction has broken them."""
        found = queries.by_id(self._database, candidate.id)
        if found is None or (read := _conversation(found.record)) is None:
            return None
        inbound, reply = read
        row = found.row
        words = (row["category"] or "no category", row["scenario"] or "", candidate.id)
        try:
            sections = asked_sections(CLIENT_SIDES[inbound.dialect].decode_request(inbound.body))
        except RouterError:
            return None
        if not candidate.other_id:
            shown = (*sections, reply_section("the reply", reply))
            return _Shown((candidate.id,), " · ".join(filter(None, words)), shown)
        other = queries.by_id(self._database, candidate.other_id)
        if other is None or other.record.reply_body is None:
            return None
        replies = [(candidate.id, reply), (candidate.other_id, read_reply(inbound, other.record.reply_body))]
        self._dice.shuffle(replies)  # blind: nobody shall know which one was served
        titled = [reply_section(f"reply {at}", one) for at, (_, one) in enumerate(replies, 1)]
        head = " · ".join(filter(None, ("a pair", *words)))
        return _Shown(tuple(id for id, _ in replies), head, (*sections, *titled))

    def _write(self, ids: Sequence[str], key: str) -> None:
        scores = [
            Score(id=score_id(), request_id=id, at=time.time(), by="person", judge=self._person, value=value)
            for id, value in zip(ids, _VALUES[key], strict=False)
        ]
        self._database.insert([flatten(score, lambda _: None, time.time()) for score in scores])

    def _tell(self, ids: Sequence[str]) -> None:
        """What the judges had said, now that it cannot sway anybody."""
        for at, id in enumerate(ids, 1):
            for score in judged(self._database, id).scores:
                if score["judged_by"] != "person":
                    name = f"reply {at}: " if len(ids) > 1 else ""
                    say(f"    {name}{score['value']:.2f} by {score['judge']}. {_printable(score['reason'] or '')}")


class _Shown(msgspec.Struct, frozen=True):
    ids: tuple[str, ...]
    """Of the replies, in the order in which they are shown."""
    head: str
    sections: tuple[Section, ...]


def summary(database: Database, done: int, threshold: float) -> Iterable[str]:
    """How the judges stand by all that people have said so far."""
    yield f"\n{done} reviewed now, {reviewed(database)} in all."
    names = judges(database)
    by_epoch: dict[str, list[tuple[float, float]]] = {}
    for epoch, person, model in judged_twice(database, math.inf):
        by_epoch.setdefault(epoch, []).append((person, model))
    for epoch, pairs in sorted(by_epoch.items()):
        judge = names[epoch]
        error = measured(pairs, threshold)
        if error is None:
            continue
        low, high = error.sensitivity_interval, error.specificity_interval
        found = f"finds {error.sensitivity:.0%} of {error.bad} bad replies [{low.low:.0%}, {low.high:.0%}]"
        passes = f"lets {error.specificity:.0%} of {error.good} good ones pass [{high.low:.0%}, {high.high:.0%}]"
        yield f"{judge} (epoch {epoch}) {found}, {passes}, at the threshold {threshold:g}."

    if names and not by_epoch:
        yield "Replies that left only because a judge had let them pass do not tell how often it errs."
    for (judge, epoch), agreed in preferred(database).items():
        if agreed.apart or agreed.alike:
            yield f"{judge} (epoch {epoch}), side by side: {_side_by_side(agreed)}."


def preferred(database: Database) -> dict[tuple[str, str], Agreement]:
    """How far each judge of pairs agrees with people, by judge and epoch."""
    seen: dict[tuple[str, str], list[tuple[Better, str]]] = {}
    for row in compared_by_people(database):
        found = seen.setdefault((row["judge"] or "", row["epoch"] or ""), [])
        found.append((better(row["served"], row["other"]), row["preferred"] or ""))
    return {judge: agreement(rows) for judge, rows in seen.items()}


def _side_by_side(found: Agreement) -> str:
    low = found.right_interval
    said = f"right about {found.right} of {found.apart} pairs of which people find one better [{low.low:.0%}, {low.high:.0%}]"
    ties = f", a tie where people see one in {found.ties} of {found.alike}" if found.alike else ""
    return f"{said}, undecided about {found.undecided}{ties}"


def _conversation(record: Record) -> tuple[Inbound, Reply] | None:
    if record.request_body is None or record.reply_body is None:
        return None
    inbound = Inbound(
        id=record.id,
        path=record.path,
        query="",
        headers=(),
        header={},
        body=record.request_body,
        received_at=record.at,
        dialect=dialect_of(record.path),
    )
    reply = read_reply(inbound, record.reply_body)
    return None if reply.failed else (inbound, reply)


def _threshold(home: Home) -> float:
    try:
        quality = load(home.config, os.environ).settings.quality
    except ConfigError:
        quality = None
    return (quality or QualitySettings()).threshold


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "person"


def _printable(text: str) -> str:
    """Safe for a terminal, line by line."""
    return "\n".join("".join(one if one.isprintable() else " " for one in line) for line in text.splitlines())


def _prompt(keys: Mapping[str, str]) -> str:
    return ", ".join(f"[{key}] {meaning}" for key, meaning in keys.items())


def _line(keys: Mapping[str, str]) -> str:
    """From a script; its end is the end."""
    say(_prompt(keys))
    while line := sys.stdin.readline():
        key = line.strip().lower()[:1]
        if key in keys:
            return key
        say(f"{line.strip()!r} is none of: {_prompt(keys)}")
    return "q"


def _key(keys: Mapping[str, str]) -> str:
    """One key from the terminal, without Enter."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)  # before the prompt: it throws away what was typed earlier
        say(_prompt(keys))
        while True:
            key = sys.stdin.read(1).lower()
            if key in keys:
                return key
            if key in ("", "\x04"):
                return "q"
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
