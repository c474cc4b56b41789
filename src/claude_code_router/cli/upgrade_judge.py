"""`ccr upgrade-check OLD NEW --judge-changes`: when the judge is what changes. Kept replies are judged anew by both, and the
threshold is moved so that as many of them are good as before."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time

import msgspec
import typer

from claude_code_router.cli.changing import apply
from claude_code_router.cli.improving import percent, usd
from claude_code_router.cli.records import NoRecordsYet, moment, opened
from claude_code_router.cli.terminal import complain, say
from claude_code_router.config.home import Home
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.delivery.client_side import CLIENT_SIDES
from claude_code_router.delivery.read_reply import read_reply
from claude_code_router.improve.kept import inbound_of
from claude_code_router.improve.shift import Shift, accepted, matched_threshold, shifted
from claude_code_router.quality.judging import About
from claude_code_router.quality.settings import JudgeSettings
from claude_code_router.store import period as records
from claude_code_router.store.period import Period

_PROMPT_TOKENS, _OUTPUT_TOKENS = 2_000, 200
_SETTLED_FROM = 50
"""With fewer answers a matched threshold is still some points off (docs/upgrade-check.md)."""

Reply = tuple[str, str, bytes, bytes]
"""Id, path, request and reply."""


class Rejudged(msgspec.Struct, frozen=True, kw_only=True):
    pairs: list[tuple[float, float]]
    """Old and new judge's score of one reply."""
    threshold: float
    matched: float
    shift: Shift | None


def run(
    home: Home,
    config: Config,
    judges: tuple[Target, Target],
    since: str,
    count: int,
    budget_usd: float,
    *,
    dry: bool,
    yes: bool,
    apply_it: bool,
) -> None:
    """Raises BadRequest when no replies are kept."""
    kept = _kept(home, None if since == "all" else moment(since, time.time()))[:count]
    if not kept:
        raise BadRequest(
            "No replies are kept.", hint='Set "RECORD_BODIES": true; replies are kept, redacted, from then on.'
        )
    pairs: list[tuple[float, float]] = []
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_judge_all(home, config, judges, kept, budget_usd, pairs, dry=dry, yes=yes))
    if dry or not pairs:
        return
    threshold = config.settings.quality.threshold if config.settings.quality else 0.7
    matched = matched_threshold([old for old, _ in pairs], [new for _, new in pairs], threshold)
    found = Rejudged(pairs=pairs, threshold=threshold, matched=matched, shift=shifted(pairs))
    _tell(judges, found)
    if apply_it:
        apply(home.config, {"Quality.judge": [str(judges[1])], "Quality.threshold": matched}, yes=yes)


def _tell(judges: tuple[Target, Target], found: Rejudged) -> None:
    old, new = [was for was, _ in found.pairs], [now for _, now in found.pairs]
    say(f"{len(found.pairs)} replies judged by both.")
    if found.shift is not None:
        moved = found.shift.difference
        say(f"scores {moved.value:+.3f} [{moved.low:+.3f}, {moved.high:+.3f}], p = {found.shift.p:.3f}")
    share, kept = accepted(old, found.threshold), accepted(new, found.threshold)
    say(f"good from {found.threshold:g} on: {percent(share)} by {judges[0]}, {percent(kept)} by {judges[1]}")
    say(f"threshold that keeps the share: {found.matched:g} ({percent(accepted(new, found.matched))})")
    if len(found.pairs) < _SETTLED_FROM:
        say(
            f"With fewer than {_SETTLED_FROM} replies it may still be some points off: --count and --budget-usd take more."
        )
    say("The new judge's scores begin a new epoch. Measure its error anew with `ccr review`.")


async def _judge_all(
    home: Home,
    config: Config,
    judges: tuple[Target, Target],
    kept: list[Reply],
    budget_usd: float,
    pairs: list[tuple[float, float]],
    *,
    dry: bool,
    yes: bool,
) -> None:
    from claude_code_router.assemble import workshop

    async with workshop(home, config, os.environ) as bench:
        one = Usage(input_tokens=_PROMPT_TOKENS, output_tokens=_OUTPUT_TOKENS)
        each = sum((rates.cost_usd(one) or 0.0) for judge in judges if (rates := bench.rates_of(judge)) is not None)
        most = min(len(kept), int(budget_usd / each)) if each else len(kept)
        say(f"{most} of {len(kept)} kept replies, judged by both: about {usd(most * each)}.")
        if dry or not (yes or await asyncio.to_thread(typer.confirm, "Spend it?", default=False, err=True)):
            return
        spent = 0.0
        for number, (id, path, request, reply) in enumerate(kept[:most], start=1):
            if spent + each > budget_usd:
                complain(f"the budget is spent: {usd(spent)} for {number - 1} replies.")
                return
            inbound = inbound_of(request, path, id=id)
            chat, answer = CLIENT_SIDES[inbound.dialect].decode_request(request), read_reply(inbound, reply)
            settings = [JudgeSettings(targets=(judge,)) for judge in judges]
            scores = [await bench.judging.score(one, About(request_id=id), chat, answer) for one in settings]
            spent += sum(score.cost_usd or 0.0 for score in scores if score is not None)
            if scores[0] is not None and scores[1] is not None:
                pairs.append((scores[0].value, scores[1].value))
            sys.stderr.write(f"{number} of {most}\n")


def _kept(home: Home, since: float | None) -> list[Reply]:
    try:
        database = opened(home)
    except NoRecordsYet as none:
        complain(str(none))
        return []
    with contextlib.closing(database):
        rows = records.kept(database, Period(since=since))
        drawn = random.Random(0).sample([row["id"] for row in rows], min(len(rows), 500))
        return records.whole_bodies(database, drawn)
