"""`ccr explain --escalation`, and what `ccr explain --file` says of a held reply, on real files."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from claude_code_router.cli.main import run
from claude_code_router.config.home import Home
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.score import Pair, Score, ScoredBy
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.core.usage import Usage
from claude_code_router.quality.break_even_table import document
from claude_code_router.quality.judge import epoch_of
from claude_code_router.store.db import Database
from claude_code_router.store.location import sqlite_url
from claude_code_router.store.row import Entry, flatten

Call = Callable[..., tuple[int, str, str]]
DOCS = Path(__file__).parents[3] / "docs" / "escalation.md"
PRICE = {
    "mid": {"input": 1.0, "output": 5.0, "cache_read": 0.1, "cache_write": 1.25},
    "heavy": {"input": 5.0, "output": 25.0, "cache_read": 0.5, "cache_write": 6.25},
}
CONFIG: dict[str, Any] = {
    "Providers": [
        {"name": "p", "api_base_url": "http://127.0.0.1:9/v1/messages", "models": [*PRICE], "price": PRICE},
        {"name": "q", "api_base_url": "http://127.0.0.1:9/v1/messages", "models": ["free"]},
    ],
    "Router": {"default": "p,mid"},
    "Tiers": {"mid": "p,mid", "heavy": "p,heavy"},
    "Escalation": {"hold": {"judge": "mid"}},
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = Home()
    found.root.mkdir(parents=True)
    found.config.write_text(json.dumps(CONFIG))
    return found


@pytest.fixture
def ccr(capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            code = run(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def write(home: Home, entries: list[Entry]) -> None:
    database = Database(sqlite_url(home.records))
    database.insert([flatten(one, lambda _: 0.01, time.time()) for one in entries])
    database.close()


def rows(*, good_judge: bool = True) -> list[Entry]:
    """A month in which mid is good 7 times of 10, heavy always, and the judge is nearly always right."""
    dice, at, epoch = random.Random(5), time.time() - 1000, epoch_of("p,mid")
    entries: list[Entry] = []
    for n in range(100):
        mid = 0.9 if n % 10 < 7 else 0.1
        entries.append(
            Pair(
                request_id=f"r{n}",
                other_id=f"o{n}",
                at=at,
                probability=0.1,
                served_tier="mid",
                other_tier="heavy",
                served_target="p,mid",
                other_target="p,heavy",
                served_value=mid,
                other_value=0.9,
                epoch=epoch,
            )
        )
    for n in range(80):
        person, right = float(n % 2), dice.random() < (0.95 if good_judge else 0.5)
        judged = person if right else 1 - person
        both: tuple[tuple[ScoredBy, float], ...] = (("person", person), ("model", judged))
        for by, value in both:
            entries.append(
                Score(
                    id=f"s{by}{n}",
                    request_id=f"r{n}",
                    at=at,
                    by=by,
                    judge="p,mid",
                    epoch=epoch if by == "model" else "",
                    value=value,
                    cost_usd=0.0001 if by == "model" else None,
                )
            )
    usage = Usage(input_tokens=2000, cache_read_tokens=1000, output_tokens=500)
    attempt = Attempt(target=Target("p", "mid"), started_ms=0, ended_ms=1, status=200, usage=usage)
    entries += [
        Record(
            id=id,
            at=at,
            path="/v1/messages",
            outcome=Outcome.DELIVERED,
            status=200,
            tier=tier,
            signals=Signals(model="m"),
            attempts=(attempt,) if tier == "mid" else (),
        )
        for id, tier in [("req_1", "mid"), *((f"r{n}", "heavy") for n in range(80))]
    ]
    return entries


def test_with_enough_records(home: Home, ccr: Call) -> None:
    """Prices at the usual request, what was measured, a verdict with its interval."""
    write(home, rows())
    code, said, _ = ccr("explain", "--escalation")
    assert code == 0
    assert (
        "a reply of mid 0.20, a judgement 0.00, an escalated reply 1.25 (its cache is cold); 1 is a reply of heavy"
        in said
    )
    assert re.search(
        r"mid is good 7\d% of the time; heavy 100% where it is, 100% where it is not \(100 pairs, last 30", said
    )
    assert (
        "corrected for the judge's errors, by what people say of the same replies; as judged: 70%, 100% and 100%"
        in said
    )
    assert "verdict   it pays: " in said


def test_labels_count_for_the_judge_that_they_are_about(home: Home, ccr: Call) -> None:
    """Of another judge than the one that holds replies it is not known how often it errs; the pairs' own is."""
    home.config.write_text(json.dumps({**CONFIG, "Escalation": {"hold": {"judge": "q,free"}}}))
    write(home, rows())
    said = ccr("explain", "--escalation")[1]
    assert "insufficient: 0 good and 0 bad replies" in said
    assert "corrected for the judge's errors" in said


def test_a_judge_that_guesses(home: Home, ccr: Call) -> None:
    """Then it does not pay, and the page says so."""
    write(home, rows(good_judge=False))
    assert (
        "it does not pay" in ccr("explain", "--escalation")[1]
        or "too close to tell" in ccr("explain", "--escalation")[1]
    )


@pytest.mark.parametrize("good_judge", [True, False])
def test_advice_says_when_it_does_not_pay(home: Home, ccr: Call, good_judge: bool) -> None:
    """And nothing when it does."""
    write(home, rows(good_judge=good_judge))
    code, said, _ = ccr("advise", "--since", "all")
    assert code == 0
    assert ("Escalation.hold from mid to heavy: it " in said) == (not good_judge)


def test_without_records(home: Home, ccr: Call) -> None:
    """What is missing, and what would have to be true."""
    assert home.config.exists()
    code, said, _ = ccr("explain", "--escalation")
    assert code == 0
    assert "insufficient: 0 of 30 pairs of the two tiers and 0 good and 0 bad replies" in said
    assert "p=0.5: " in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--escalation", "--namespace", "x"), "no namespace 'x'"),
        (("--escalation", "last"), "goes with neither"),
    ],
)
def test_slips(home: Home, ccr: Call, arguments: tuple[str, ...], said: str) -> None:
    """In one sentence."""
    assert home.config.exists()
    code, _, wrong = ccr("explain", *arguments)
    assert code != 0
    assert said in wrong


def test_one_tier_is_not_enough(home: Home, ccr: Call) -> None:
    """There is nowhere to go."""
    home.config.write_text(json.dumps({key: CONFIG[key] for key in ("Providers", "Router")}))
    assert "less than two" in ccr("explain", "--escalation")[2]


def test_a_dry_run_tells_the_plan(home: Home, ccr: Call, tmp_path: Path) -> None:
    """`--file` says that the reply would be held, by whom it would be judged, and who would answer instead."""
    body = tmp_path / "body.json"
    body.write_bytes(msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}]}))
    said = ccr("explain", "--file", str(body))[1]
    assert home.config.exists()
    assert "the reply of mid is held for at most 120 s and checked, then judged by p,mid (good from 0.6)" in said


def test_the_pages_table_is_current() -> None:
    """Run `python -m claude_code_router.quality.break_even_table docs/escalation.md` when this fails."""
    page = DOCS.read_text(encoding="utf-8")
    assert document(page) == page
