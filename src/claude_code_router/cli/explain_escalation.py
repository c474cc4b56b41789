"""`ccr explain --escalation`: whether it pays, by the owner's prices and records; and what would have to be true."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import time
from collections.abc import Iterator

import msgspec

from claude_code_router.cli.improving import Study
from claude_code_router.cli.records import NoRecordsYet, opened
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.config.settings import Config
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.escalation import EscalationSettings
from claude_code_router.core.usage import Usage
from claude_code_router.quality.break_even import Chances, Costs, Finding, Joint, finding, joint, needed_accuracy
from claude_code_router.quality.break_even_table import CHANCES, K
from claude_code_router.quality.judge import epoch_of
from claude_code_router.quality.judge_error import JudgeError, measured
from claude_code_router.routing.declared import Tier
from claude_code_router.store import escalation, period
from claude_code_router.store.db import Database
from claude_code_router.store.kpis import judged_twice

_DAYS = 30
_USUAL = Usage(input_tokens=1_500, cache_read_tokens=50_000, output_tokens=600)
"""A step of a coding agent, where the records know none."""
_SEED = 7
"""The same records give the same interval."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Of the records."""

    seen: Joint = Joint()
    error: JudgeError | None = None
    """Of the judge that holds replies, or would."""
    error_of_pairs: JudgeError | None = None
    judge_usd: float | None = None
    usage: Usage = _USUAL
    requests: int = 0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """From one tier to the next."""

    light: str
    strong: str
    seen: Joint
    costs: Costs | None
    found: Finding


def text(home: Home, namespace: str = "") -> str:
    """Raises BadRequest for a config without tiers, or a namespace that is not there."""
    config = load(home.config, os.environ)
    if namespace and namespace not in config.namespaces:
        raise BadRequest(f"There is no namespace {namespace!r}.", hint=", ".join(config.namespaces) or "There is none.")
    lane = config.namespaces[namespace].config if namespace else config
    tiers = sorted(lane.table.tiers.values(), key=lambda tier: tier.rank)
    if len(tiers) < 2:
        raise BadRequest("Escalation goes from one tier to the next, and `Tiers` has less than two.")
    study = Study(home, lane, ())
    steps = [_step(home, study, lane, pair, namespace) for pair in itertools.pairwise(tiers)]
    return "\n\n".join(["\n".join(_lines(step)) for step in steps] + [_ABOUT])


def doubts(home: Home, study: Study, namespace: str = "") -> tuple[str, ...]:
    """Of the tiers whose replies are held now: where that does not pay, and where nobody can tell."""
    lane = study.config.namespaces.get(namespace)
    config = lane.config if lane else study.config
    settings = config.table.escalation
    if settings is None or settings.hold is None:
        return ()
    tiers = sorted(config.table.tiers.values(), key=lambda tier: tier.rank)
    wanted = settings.hold.which.tiers
    held = [pair for pair in itertools.pairwise(tiers) if not wanted or pair[0].name in wanted]
    steps = [_step(home, study, config, pair, namespace) for pair in held]
    return tuple(
        f"Escalation.hold from {step.light} to {step.strong}: {step.found.because}"
        for step in steps
        if step.found.pays is not True
    )


def _step(home: Home, study: Study, config: Config, pair: tuple[Tier, Tier], namespace: str) -> Step:
    light, strong = pair
    known = _measured(home, config, (light.name, strong.name), namespace)
    costs = _costs(study, pair, known)
    return Step(
        light=light.name,
        strong=strong.name,
        seen=known.seen,
        costs=costs,
        found=finding(known.seen, known.error, costs, random.Random(_SEED), of_pairs=known.error_of_pairs),
    )


def _measured(home: Home, config: Config, tiers: tuple[str, str], namespace: str) -> Measured:
    """Nothing where there are no records yet."""
    light, strong = tiers
    settings = config.table.escalation or EscalationSettings()
    look = settings.hold or settings.next_turn
    threshold = look.check.accept_from if look else 0.6
    quality = config.settings.quality
    scoring = quality.judge.targets if quality and quality.judge else ()
    judges = (look.check.judge if look else ()) or scoring
    now = time.time()
    span = period.Period(since=now - _DAYS * 86_400, namespace=namespace)
    try:
        records = opened(home)
    except NoRecordsYet:
        return Measured()
    with contextlib.closing(records) as database:
        usage, requests = escalation.usual_request(database, span, light)
        seen = joint(period.pairs(database, span), light, strong, threshold)
        errors = _errors(database, now, threshold)
        return Measured(
            seen=seen,
            error=errors.get(epoch_of(str(judges[0])) if judges else seen.epoch),
            error_of_pairs=errors.get(seen.epoch),
            judge_usd=escalation.judge_usd(database, span, str(judges[0]) if judges else ""),
            usage=usage if requests else _USUAL,
            requests=requests,
        )


def _errors(database: Database, now: float, threshold: float) -> dict[str, JudgeError]:
    """Of each judge, by its epoch."""
    by_epoch: dict[str, list[tuple[float, float]]] = {}
    for epoch, person, judge in judged_twice(database, now):
        by_epoch.setdefault(epoch, []).append((person, judge))
    found = {epoch: measured(values, threshold) for epoch, values in by_epoch.items()}
    return {epoch: error for epoch, error in found.items() if error is not None}


def _costs(study: Study, pair: tuple[Tier, Tier], known: Measured) -> Costs | None:
    """Of a usual request, with its cache warm where it is; an escalated one finds none."""
    light, strong = (study.rates_of(tier.targets[0]) for tier in pair)
    if light is None or strong is None:
        return None
    usage = known.usage
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    cold = msgspec.structs.replace(usage, cache_read_tokens=0, cache_write_tokens=cached, cache_write_1h_tokens=0)
    usd, strong_usd, cold_usd = light.cost_usd(usage), strong.cost_usd(usage), strong.cost_usd(cold)
    if usd is None or not strong_usd or cold_usd is None:
        return None
    judge = known.judge_usd / strong_usd if known.judge_usd is not None else K
    return Costs(r=usd / strong_usd, k=judge, again=max(1.0, cold_usd / strong_usd))


def _lines(step: Step) -> Iterator[str]:
    yield f"from {step.light} to {step.strong}"
    costs, seen = step.costs, step.seen
    if costs is not None:
        yield (
            f"  costs     a reply of {step.light} {costs.r:.2f}, a judgement {costs.k:.2f}, an escalated reply "
            f"{costs.again:.2f} (its cache is cold); 1 is a reply of {step.strong}"
        )
    chances = step.found.chances
    if chances is not None:
        yield (
            f"  measured  {step.light} is good {chances.p:.0%} of the time; {step.strong} {chances.s1:.0%} where it is, "
            f"{chances.s0:.0%} where it is not ({seen.n:.0f} pairs, last {_DAYS} days)"
        )
        yield f"            {_corrected(step)}"
    yield f"  verdict   {step.found.because}"
    if costs is not None:
        yield "  needed    accuracy of the judge, if nothing was measured, by how often the lighter tier is good:"
        yield "            " + "  ".join(f"p={p:g}: {_accuracy(p, costs)}" for p in CHANCES)
        if step.found.needed is not None:
            yield f"            as measured: {step.found.needed:.0%}"


def _corrected(step: Step) -> str:
    as_judged = step.seen.chances
    if step.found.uncorrected:
        return f"not corrected for the judge's errors: {step.found.uncorrected}"
    said = f"{as_judged.p:.0%}, {as_judged.s1:.0%} and {as_judged.s0:.0%}"
    return f"corrected for the judge's errors, by what people say of the same replies; as judged: {said}"


def _accuracy(p: float, costs: Costs) -> str:
    needed = needed_accuracy(Chances(p), costs)
    return "never" if needed is None else f"{needed:.0%}"


_ABOUT = """\
"Pays" means: more good replies than a random mix of the two tiers gives for the same money. How it is counted:
docs/escalation.md."""
