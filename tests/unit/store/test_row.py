"""What of a Record stands in which column."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Pass, Refuse
from claude_code_router.core.record import Record
from claude_code_router.core.score import Pair, Score
from claude_code_router.core.secrets import Secrets
from claude_code_router.store.row import flatten, scrubbed, unflatten
from claude_code_router.store.schema import TABLES

Make = Callable[..., Record]


def free(_: Attempt) -> float | None:
    return None


def test_a_row_has_the_described_columns(make: Make) -> None:
    """All of them, whether or not the request could be read."""
    for record in (make(request_body=b""), make(signals=None, decision=None, attempts=(), request_body=b"")):
        rows = flatten(record, free, 0.0)
        assert list(rows.tables["requests"][0]) == [field.name for field in TABLES["requests"]]
        for attempt in rows.tables["attempts"]:
            assert list(attempt) == [field.name for field in TABLES["attempts"]]
        assert list(rows.tables["bodies"][0]) == [field.name for field in TABLES["bodies"]]


def test_the_figures(make: Make) -> None:
    """The prompt is the sum of its parts, the model is the one that answered, the cost is that of all attempts."""
    row = flatten(make(), lambda attempt: 0.25, 5.0).tables["requests"][0]
    assert row["prompt_tokens"] == 1000
    assert (row["input_tokens"], row["cache_read_tokens"], row["cache_write_tokens"]) == (100, 700, 200)
    assert (row["provider"], row["model"], row["upstream_model"]) == ("local", "qwen", "qwen3")
    assert (row["target"], row["rule"], row["scenario"]) == ("openrouter,anthropic/claude-opus-4.6", "think", "think")
    assert (row["cost_usd"], row["attempt_count"], row["stream"], row["written_at"]) == (0.25, 2, 1, 5.0)


def test_an_unknown_price_is_not_zero(make: Make) -> None:
    """Nobody should read a missing price as free."""
    assert flatten(make(), free, 0.0).tables["requests"][0]["cost_usd"] is None


def test_the_prompt_is_not_kept(make: Make) -> None:
    """Without bodies no text of the conversation reaches the database."""
    assert "a private question" not in repr(flatten(make(), free, 0.0))


def test_a_refusal_keeps_its_verdicts(make: Make) -> None:
    """What the rules said comes back, with the one that refused."""
    verdicts = (Pass("image", "there is no image"), Refuse("explicit", "no such provider", "Add it."))
    record = make(decision=None, verdicts=verdicts, attempts=())
    rows = flatten(record, free, 0.0)
    row = rows.tables["requests"][0]
    assert (row["rule"], row["because"], row["route"]) == ("explicit", "no such provider", None)
    assert unflatten(row, ()).verdicts == verdicts
    assert unflatten(row, ()).decision is None


def test_secrets_in_errors_are_not_kept(make: Make) -> None:
    """Upstreams like to repeat the key that they did not take."""
    rows = flatten(make(error="Incorrect API key provided: sk-proj-0123456789abcdef"), free, 0.0)
    assert "sk-" not in repr(rows)
    assert "Overloaded" in rows.tables["attempts"][0]["failure_message"]


def test_configured_secrets_are_not_kept_whatever_their_shape(make: Make) -> None:
    """In errors and in both bodies, even where a body's long runs are shortened."""
    key = "0123456789abcdefhexkey.QQ"
    bodies = {"request_body": f"{key} ".encode() + b'"' + b"A" * 2000 + b'"', "reply_body": f'"{key}"'.encode()}
    rows = flatten(make(error=f"Incorrect API key provided: {key}", **bodies), free, 0.0, Secrets([key]))
    assert "0123456789abcdef" not in repr(rows)
    assert rows.tables["requests"][0]["error"] == "Incorrect API key provided: [redacted]"


def test_back_again(make: Make) -> None:
    """A row tells the Record it was made of: all but the prompt's text and what redaction took."""
    record = make(request_body=b'{"a": 1}', error="no")
    rows = flatten(record, free, 0.0)
    back = unflatten(
        rows.tables["requests"][0], rows.tables["attempts"], next(iter(rows.tables.get("bodies", ())), None)
    )
    failure = record.attempts[0].failure
    assert record.signals and failure
    told = msgspec.structs.replace(failure, message="Overloaded, key [redacted]")
    assert back == msgspec.structs.replace(
        record,
        signals=msgspec.structs.replace(record.signals, last_user_text=""),
        attempts=(msgspec.structs.replace(record.attempts[0], failure=told), record.attempts[1]),
    )


@pytest.mark.parametrize("text", ['{"kind":"of a later version","model":"m"}', '{"nothing":1}', "{"])
def test_signals_of_another_version_are_left_out(make: Make, text: str) -> None:
    """A record stays readable when facts were renamed between two versions."""
    rows = flatten(make(), free, 0.0)
    assert unflatten({**rows.tables["requests"][0], "signals": text}, rows.tables["attempts"]).signals is None


def test_scrubbing_takes_what_databases_refuse(make: Make) -> None:
    """Half surrogate pairs and NUL bytes go, the rest of the text stays."""
    rows = scrubbed(flatten(make(error="a\ud800b\0c", request_body=b"x\0"), free, 0.0))
    assert rows.tables["requests"][0]["error"] == "a?bc"
    assert rows.tables["bodies"][0]["request"] == "x"


KEY = "sk-ant-api03-abcdefgh12345678"


def test_a_score_and_a_pair_have_the_described_columns() -> None:
    """Their rows stand in tables of their own, and a judge's words go through the net for secrets."""
    score = Score(id="s", request_id="r", at=1.0, by="model", judge="p,m", value=0.5, reason=f"it says {KEY}")
    rows = flatten(score, free, 0.0)
    assert list(rows.tables) == ["scores"]
    [row] = rows.tables["scores"]
    assert set(row) == {field.name for field in TABLES["scores"]}
    assert KEY not in row["reason"]
    pair = Pair(
        request_id="r",
        other_id="o",
        at=1.0,
        probability=0.05,
        served_tier="light",
        other_tier="heavy",
        served_target="p,m",
        other_target="p,n",
    )
    assert [set(row) for row in flatten(pair, free, 0.0).tables["pairs"]] == [{field.name for field in TABLES["pairs"]}]
