"""Where the requests of a trial come from: kept bodies, files, or a built-in handful."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec

from claude_code_router.cli.records import NoRecordsYet, opened
from claude_code_router.cli.route import read_cases
from claude_code_router.config.categories import shipped_labels
from claude_code_router.config.home import Home
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.inbound import Inbound
from claude_code_router.core.target import Target
from claude_code_router.improve.kept import inbound_of
from claude_code_router.improve.trials import Sample
from claude_code_router.improve.typical import TYPICAL, body_of
from claude_code_router.routing.signals import read_signals
from claude_code_router.store import period as records
from claude_code_router.store.period import Period

_READ_MOST = 200
"""Bodies that are read: more than anybody pays for."""


def built_in(old: Target, new: Target) -> list[Sample]:
    made = [(name, inbound_of(msgspec.json.encode(body_of(name, old.model)), id=f"typical {name}")) for name in TYPICAL]
    return [sample(name, inbound, old, new) for name, inbound in made]


def from_files(files: Sequence[Path], old: Target, new: Target) -> list[Sample]:
    """Raises BadRequest for a file, or a body, that cannot be read."""
    return [sample(case.name, case.inbound, old, new) for file in files for case in read_cases(file)]


def from_records(home: Home, pair: tuple[Target, Target], since: float | None, namespace: str) -> list[Sample]:
    """Requests that the old one has answered, if there are any; else any. Drawn by chance, the same each time, so that they are
    like the period's."""
    old, new = pair
    try:
        database = opened(home)
    except NoRecordsYet:
        return []
    with contextlib.closing(database):
        rows = records.kept(database, Period(since=since, namespace=namespace))
        own = [row for row in rows if (row["provider"], row["model"]) == (old.provider, old.model)] or rows
        drawn = random.Random(0).sample(own, min(len(own), _READ_MOST))
        bodies = records.bodies(database, [row["id"] for row in drawn])
    found: list[Sample] = []
    for row in drawn:
        path, body = bodies[row["id"]]
        with contextlib.suppress(BadRequest):
            one = sample(row["id"], inbound_of(body, path, id=row["id"]), old, new, namespace=row["namespace"] or "")
            tokens = row["prompt_tokens"] or one.prompt_tokens
            output = row["output_tokens"] or one.output_tokens
            found.append(msgspec.structs.replace(one, prompt_tokens=tokens, output_tokens=output))
    return found


def sample(name: str, inbound: Inbound, old: Target, new: Target, *, namespace: str = "") -> Sample:
    signals = read_signals(inbound).signals
    signals = msgspec.structs.replace(signals, category=shipped_labels().of(signals), namespace=namespace)
    return Sample(name=name, inbound=inbound, signals=signals, old=old, new=new, prompt_tokens=signals.tokens)
