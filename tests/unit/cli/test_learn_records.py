"""`ccr learn` over the owner's own records."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from claude_code_router.cli.main import run
from claude_code_router.config.home import Home
from claude_code_router.config.learned_file import read
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Choose, Decision
from claude_code_router.core.record import Outcome, Purpose, Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.routing.learned import Turn, facts_of, score
from claude_code_router.store.db import Database
from claude_code_router.store.location import sqlite_url
from claude_code_router.store.row import flatten

WORDS = [f"word{place}" for place in range(40)]
Entry = Record | Score | Pair
NOW = time.time()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = Home(tmp_path / ".claude-code-router")
    found.root.mkdir()
    return found


def written(home: Home, entries: list[Entry]) -> None:
    database = Database(sqlite_url(home.records))
    database.insert([flatten(one, lambda _: 0.01, NOW) for one in entries])
    database.close()


def turn(id: str, text: str, tier: str, value: float, *, bodies: bool, rule: str = "default") -> list[Entry]:
    """A turn of a person's, and a judge's score of its reply."""
    target = Target("p", tier)
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    attempt = Attempt(target=target, started_ms=0, ended_ms=1, status=200, usage=Usage(input_tokens=9, output_tokens=9))
    hard = "prove" in text
    record = Record(
        id=id, at=NOW - 1000, path="/v1/messages", outcome=Outcome.DELIVERED, status=200, tier=tier,
        signals=Signals(model="m", prompt_hash=id, category="reason" if hard else "talk", words=len(text.split())),
        decision=Decision(
            route=Route((target,)), rule=rule, scenario="default", because="b",
            verdicts=(Choose(rule, Route((target,)), "b"),), config_hash="c",
        ),
        attempts=(attempt,), request_body=json.dumps(body).encode() if bodies else None,
    )  # fmt: skip
    return [record, judgement(id, value)]


def judgement(
    id: str, value: float, *, by: Literal["model", "person"] = "model", epoch: str = "now", at: float = NOW
) -> Score:
    return Score(
        id=f"{id} {by} {epoch}",
        request_id=id,
        at=at,
        by=by,
        judge="j",
        epoch=epoch if by == "model" else "",
        value=value,
    )


def month(*, bodies: bool) -> list[Entry]:
    dice = random.Random(4)
    found: list[Entry] = []
    for place in range(1000):
        hard, heavy = dice.random() < 0.4, dice.random() < 0.5
        text = " ".join([*dice.sample(WORDS, 6), *["prove"] * hard])
        value = float(dice.random() < (0.9 if heavy or not hard else 0.2))
        found += turn(f"r{place}", text, "heavy" if heavy else "light", value, bodies=bodies)
    return found


def learn(*options: str) -> int:
    try:
        return run(["learn", *options])
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0


def test_words_where_bodies_are_kept(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """From judged turns, whose words are read from their bodies; what must not be pooled is left out."""
    entries = month(bodies=True)
    for place in range(40):  # these would turn everything round
        entries += turn(f"pinned{place}", "prove it", "heavy", 0.0, bodies=True, rule="explicit")
        test = turn(f"test{place}", "prove it", "heavy", 0.0, bodies=True)
        assert isinstance(test[0], Record)
        entries += [msgspec.structs.replace(test[0], purpose=Purpose.TEST), test[1]]
    entries += [judgement(f"r{place}", 0.5, epoch="before", at=NOW - 500) for place in range(300)]
    written(home, entries)
    assert learn() == 0, capsys.readouterr().out
    assert "Switched on: a prompt's words tell" in capsys.readouterr().out
    kept = read(home.learned)
    assert (kept.model.light, kept.model.heavy, kept.model.method) == ("light", "heavy", "words")
    assert sum(kept.fitted_on.rows.values()) == 1000
    assert dict(kept.fitted_on.models) == {"heavy": ("p,heavy",), "light": ("p,light",)}
    easy = [" ".join(WORDS[place : place + 6]) for place in range(34)]
    assert all(score(Turn(text=f"{text} prove"), kept.model) > 0.5 for text in easy)
    light = [text for text in easy if score(Turn(text=text), kept.model) < 0.5]
    assert len(light) > 0.7 * len(easy), "the safe share of heavy calls lies a little above that of the hard prompts"


def test_facts_where_they_are_not(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Kind and size are on every record: what goes with them is learnt without a word of anybody's."""
    written(home, month(bodies=False))
    assert learn() == 0, capsys.readouterr().out
    assert "what every record has" in capsys.readouterr().out
    model = read(home.learned).model
    assert model.method == "facts"
    hard, easy = (
        facts_of(Signals(model="m", category=category, words=words)) for category, words in (("reason", 7), ("talk", 6))
    )
    assert score(Turn(facts=hard), model) > 0.5 > score(Turn(facts=easy), model)


def test_a_person_is_believed_before_a_judge(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """And pairs give two outcomes for their turn: too few of all of them, here, to switch anything on."""
    entries = [one for place in range(60) for one in turn(f"r{place}", f"word{place}", "light", 0.0, bodies=True)]
    entries += [judgement(f"r{place}", 1.0, by="person", at=NOW - 900) for place in range(60)]
    entries += [
        Pair(
            request_id=f"r{place}", other_id=f"o{place}", at=NOW, probability=0.1, served_tier="light",
            other_tier="heavy", served_target="p,light", other_target="p,heavy", served_value=0.0, other_value=1.0,
            epoch="now",
        )
        for place in range(60)
    ]  # fmt: skip
    written(home, entries)
    assert learn("--json") == 3
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert checks[0]["said"] == "120 rows with a quality: 60 of light, 60 of heavy"
    assert checks[1]["figure"] == 0.0


def test_no_records_yet(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Said in words, and no file is written."""
    assert learn() == 1
    assert "There are no records yet" in capsys.readouterr().err
    assert not home.learned.exists()


def test_options_that_choose_records(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """They go with the records only; what they leave is counted."""
    assert learn("--logs", "x", "--since", "7d") == 2
    written(home, month(bodies=False))
    assert learn("--namespace", "other") == 1
    assert "of two tiers are needed" in capsys.readouterr().err


def test_a_tier_is_not_known_by_the_replies_alone_that_were_let_pass(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where light is held, its poor replies are not served: they are learnt from all the same, and what came instead is not."""
    entries: list[Entry] = []
    for place in range(300):
        escalated = place % 2 == 0
        made = turn(f"r{place}", "prove it", "heavy" if escalated else "light", 1.0, bodies=True)
        if escalated:
            assert isinstance(made[0], Record)
            made = [msgspec.structs.replace(made[0], outcome=Outcome.ESCALATED), made[1]]
            made.append(
                Pair(
                    request_id=f"r{place}", other_id=f"r{place}-short", at=NOW - 1000, probability=1.0, escalated=True,
                    served_tier="heavy", other_tier="light", served_target="p,heavy", other_target="p,light",
                    served_value=1.0, other_value=0.0, judge="j", epoch="now",
                )
            )  # fmt: skip
        entries += made
    for place in range(300):
        entries += turn(f"h{place}", "prove it", "heavy", float(place % 10 < 8), bodies=True)
    written(home, entries)
    learn("--tiers", "light,heavy", "--json")
    said = json.loads(capsys.readouterr().out)
    rows = next(check for check in said["checks"] if check["name"] == "rows")
    assert rows["said"] == "600 rows with a quality: 300 of light, 300 of heavy"
    gap = next(check for check in said["checks"] if check["name"] == "gap")
    assert gap["figure"] == pytest.approx(0.3, abs=0.001)
