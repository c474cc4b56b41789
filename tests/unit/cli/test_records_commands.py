"""`ccr logs`, `ccr stats` and `ccr explain`, as a person calls them, on real files."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from claude_code_router.cli.logs import followed, one_line
from claude_code_router.cli.main import run
from claude_code_router.cli.records import dollars, moment, seconds, tokens
from claude_code_router.config.home import Home
from claude_code_router.core.attempt import Attempt
from claude_code_router.core.decision import Choose, Decision, Pass
from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.core.record import Outcome, Record
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Route, Target
from claude_code_router.core.usage import Usage
from claude_code_router.store.db import Database
from claude_code_router.store.location import sqlite_url
from claude_code_router.store.queries import Filter
from claude_code_router.store.row import flatten

Call = Callable[..., tuple[int, str, str]]
MIDDLE = Target("local", "mid")
CHOICE = Choose("default", Route((MIDDLE,)), "nothing else applies")


def record(id: str, ago_s: float = 60.0, **fields: object) -> Record:
    given: dict[str, object] = {
        "at": time.time() - ago_s,
        "path": "/v1/messages",
        "outcome": Outcome.DELIVERED,
        "status": 200,
        "signals": Signals(model="claude-opus-4-6", tokens=11_000, namespace="n1", session="s1"),
        "decision": Decision(
            route=CHOICE.route,
            rule="default",
            scenario="default",
            because=CHOICE.because,
            verdicts=(Pass("image", "there is no image"), CHOICE),
            config_hash="c0ffee",
        ),
        "attempts": (
            Attempt(
                target=MIDDLE,
                started_ms=1.0,
                ended_ms=900.0,
                status=200,
                usage=Usage(input_tokens=1_000, cache_read_tokens=9_000, output_tokens=50),
                stop_reason="end_turn",
            ),
        ),
        "first_event_ms": 400.0,
        "total_ms": 1_900.0,
    }
    return Record(id=id, **{**given, **fields})  # type: ignore[arg-type]


FAILED = {
    "outcome": Outcome.EXHAUSTED,
    "status": 529,
    "error": "Overloaded\x1b[31m\nred",
    "attempts": (
        Attempt(
            target=MIDDLE,
            started_ms=0.0,
            ended_ms=5.0,
            status=529,
            failure=Failure(kind=FailureKind.OVERLOADED, fault="upstream", message="Overloaded"),
        ),
    ),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HOME", str(tmp_path))
    return Home()


@pytest.fixture
def ccr(home: Home, capsys: pytest.CaptureFixture[str]) -> Call:
    """`code, out, err = ccr("logs", …)`."""

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            code = run(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def recorded(home: Home) -> Home:
    database = Database(sqlite_url(home.records))
    for one in (
        record("req_aa11", 3 * 86_400),
        record(
            "req_aa22", signals=None, decision=None, attempts=(), outcome=Outcome.REFUSED, status=400, error="no JSON"
        ),
        record("req_bb33", 30.0, **FAILED),
        record("req_cc44", 10.0),
    ):
        database.insert([flatten(one, lambda _: 0.0123, time.time())])
    database.close()
    return home


@pytest.mark.parametrize("command", ["logs", "stats"])
def test_no_records_yet(ccr: Call, home: Home, command: str) -> None:
    """A sentence on stderr, no failure, and no file is made by looking."""
    code, out, err = ccr(command)
    assert (code, out) == (0, "")
    assert "no records yet" in err
    assert not home.records.exists()


def test_nothing_to_explain_yet(ccr: Call) -> None:
    """Asking for a request when there is none is a failure, with the reason."""
    code, _, err = ccr("explain", "last")
    assert code == 1
    assert "no records yet" in err


def test_logs(ccr: Call, recorded: Home) -> None:
    """A line for each request, newest last, with what a person wants to know first."""
    code, out, _ = ccr("logs")
    head, *lines = out.splitlines()
    assert code == 0
    assert head.split()[:3] == ["time", "id", "scenario"]
    assert [line.split()[2] for line in lines] == ["req_aa11", "req_aa22", "req_bb33", "req_cc44"]
    for part in (
        "claude-opus-4-6 -> local,mid",
        "200",
        "400ms",
        "1.9s",
        "10.0k",
        "9000",
        "50",
        "$0.0123",
        "nothing else",
    ):
        assert part in lines[3]
    assert "400 refused" in lines[1]
    assert "no JSON" in lines[1]
    assert "529 exhausted" in lines[2]


def test_control_characters_do_not_reach_the_terminal(ccr: Call, recorded: Home) -> None:
    """Whatever an upstream says stays one plain line."""
    _, out, _ = ccr("logs", "--errors")
    assert "\x1b" not in out
    assert len(out.splitlines()) == 3
    assert one_line("a\x1b[2Jb\n c\t") == "a [2Jb c"


def test_logs_as_json(ccr: Call, recorded: Home) -> None:
    """One object a line, nested where the fields are JSON."""
    _, out, _ = ccr("logs", "--json", "-n", "1")
    (row,) = [json.loads(line) for line in out.splitlines()]
    assert row["id"] == "req_cc44"
    assert row["verdicts"][0] == {"type": "pass", "rule": "image", "because": "there is no image"}
    assert row["route"] == [{"provider": "local", "model": "mid"}]
    assert row["signals"]["model"] == "claude-opus-4-6"


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["-n", "1"], ["req_cc44"]),
        (["--since", "1h"], ["req_aa22", "req_bb33", "req_cc44"]),
        (["--since", "2d", "--model", "OPUS"], ["req_bb33", "req_cc44"]),
        (["--errors"], ["req_aa22", "req_bb33"]),
        (["--outcome", "refused"], ["req_aa22"]),
        (["--scenario", "default", "--namespace", "n1", "--session", "s", "-n", "2"], ["req_bb33", "req_cc44"]),
        (["--namespace", "other"], []),
    ],
)
def test_logs_filter(ccr: Call, recorded: Home, options: list[str], ids: list[str]) -> None:
    """The options choose the rows; none is no failure."""
    code, out, _ = ccr("logs", "--json", *options)
    assert code == 0
    assert [json.loads(line)["id"] for line in out.splitlines()] == ids


@pytest.mark.parametrize(
    "arguments",
    [
        ["logs", "--since", "soon"],
        ["logs", "--outcome", "fine"],
        ["stats", "--by", "mood"],
        ["explain"],
        ["explain", "x", "--file", "y"],
        ["explain", "x", "--header", "a: b"],
        ["explain", "x", "--namespace", "red"],
        ["explain", "--file", "-", "--header", "nonsense"],
    ],
)
def test_wrong_usage(ccr: Call, recorded: Home, arguments: list[str]) -> None:
    """Exit code 2, and the reason."""
    code, out, err = ccr(*arguments)
    assert (code, out) == (2, "")
    assert "Error" in err


def test_following(recorded: Home) -> None:
    """New rows come once each, also those that began long ago; what was shown is not shown again."""
    database = Database(sqlite_url(recorded.records))
    now = time.time()
    late = iter([record("req_new", 1.0), record("req_slow", 9_000.0)])

    def wait() -> None:
        database.insert([flatten(next(late), lambda _: None, time.time())])

    shown = {"req_aa11", "req_aa22", "req_bb33", "req_cc44"}
    rows = followed(database, Filter(), shown, now, wait)
    assert [next(rows)["id"], next(rows)["id"]] == ["req_new", "req_slow"]
    database.close()


def test_stats(ccr: Call, recorded: Home) -> None:
    """A line for each group and one for all."""
    code, out, _ = ccr("stats", "--by", "model")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert lines[1][:7] == ["local,mid", "3", "1", "2000", "18.0k", "0", "100"]
    assert lines[2][:3] == ["(none)", "1", "1"]
    assert lines[3][:3] == ["all", "4", "2"]


def test_stats_as_json(ccr: Call, recorded: Home) -> None:
    """The same figures, exact."""
    _, out, _ = ccr("stats", "--json", "--since", "all", "--by", "scenario")
    stats = json.loads(out)
    assert stats["total"]["requests"] == 4
    assert stats["total"]["cost_usd"] == pytest.approx(0.0246)
    assert {group["key"] for group in stats["groups"]} == {"default", ""}


def test_explain_from_the_record(ccr: Call, recorded: Home) -> None:
    """The rule, why the others passed, attempts, tokens against the estimate, cost."""
    code, out, _ = ccr("explain", "last")
    assert code == 0
    for part in (
        "req_cc44",
        "nothing else applies",
        "passed: there is no image",
        "attempt 1 local,mid, status 200, end_turn",
        "10.0k in (9000 from a cache",
        "estimated 11.0k (+10%)",
        "cost      $0.0123",
    ):
        assert part in out


def test_explain_a_failure_and_a_refusal(ccr: Call, recorded: Home) -> None:
    """Whose fault it was, and that no rule was asked about what could not be read."""
    assert "overloaded (upstream): Overloaded" in ccr("explain", "bb")[1]
    assert "could not be read" in ccr("explain", "req_aa2")[1]
    assert "no JSON" in ccr("explain", "req_aa2")[1]


def test_explain_wants_one_request(ccr: Call, recorded: Home) -> None:
    """A beginning that fits several or none is a failure that says what to do."""
    code, _, err = ccr("explain", "aa")
    assert code == 1
    assert "req_aa11" in err and "req_aa22" in err
    code, _, err = ccr("explain", "zz")
    assert code == 1
    assert "ccr logs" in err


def test_explain_as_json(ccr: Call, recorded: Home) -> None:
    """The row with its attempts."""
    row = json.loads(ccr("explain", "cc", "--json")[1])
    assert row["attempts"][0]["stop_reason"] == "end_turn"
    assert row["verdicts"][1]["type"] == "choose"


CONFIG = {
    "Providers": [
        {"name": "local", "api_base_url": "http://127.0.0.1:1/v1/chat/completions", "models": ["mid", "small"]}
    ],
    "Router": {"default": "local,mid", "background": "local,small"},
}
REQUEST = {"model": "claude-3-5-haiku-20241022", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def test_a_dry_run(ccr: Call, home: Home, tmp_path: Path) -> None:
    """What the config as it is now would decide, from a file or from stdin; nothing is recorded."""
    home.root.mkdir()
    home.config.write_text(json.dumps(CONFIG))
    file = tmp_path / "request.json"
    file.write_text(json.dumps(REQUEST))
    code, out, _ = ccr("explain", "--file", str(file))
    assert code == 0
    assert "goes to     local,small" in out

    file.write_text(json.dumps({**REQUEST, "model": "claude-sonnet-4-5"}))
    hint = ["--header", "X-Claude-Code-Request-Class: auxiliary"]
    assert "goes to     local,small" in ccr("explain", "--file", str(file), *hint)[1]

    command = [sys.executable, "-m", "claude_code_router.cli", "explain", "--file", "-", "--json"]
    said = subprocess.run(command, input=file.read_bytes(), capture_output=True, check=True).stdout
    decision = json.loads(said)["decision"]
    assert decision["route"] == {"targets": [{"provider": "local", "model": "mid"}]}
    assert not home.records.exists()


def test_a_dry_run_in_a_namespace_with_a_shadow(ccr: Call, home: Home, tmp_path: Path) -> None:
    """The lane's own rules decide, the shadow's answer stands below; another name is refused."""
    home.root.mkdir()
    rules = [{"name": "of red", "when": {"namespace": "red", "category": "talk"}, "use": "local,small"}]
    shadow = {"Rules": [{"name": "dark", "when": {"kind": "user"}, "refuse": "Not today."}]}
    lanes = {"red": {"Rules": rules, "Shadow": shadow}}
    home.config.write_text(json.dumps({**CONFIG, "Namespaces": lanes}))
    file = tmp_path / "request.json"
    file.write_text(json.dumps({**REQUEST, "model": "claude-sonnet-4-5"}))
    _, out, _ = ccr("explain", "--file", str(file), "--namespace", "red")
    assert "rule of red" in out
    assert "shadow      would have refused: Not today." in out
    assert "goes to     local,mid" in ccr("explain", "--file", str(file))[1]
    code, _, err = ccr("explain", "--file", str(file), "--namespace", "rde")
    assert (code, "red" in err) == (1, True)
    tested = ["route", "test", "--namespace", "red", "--json"]
    hit = {one["rule"] for one in json.loads(ccr(*tested)[1])["requests"]}
    assert "of red" in hit
    assert "of red" not in {one["rule"] for one in json.loads(ccr("route", "test", "--json")[1])["requests"]}


@pytest.mark.parametrize(
    ("body", "said"), [("{", "JSON"), ('{"model": "m"}', "messages"), (json.dumps(REQUEST), "Router")]
)
def test_a_dry_run_that_cannot_be(ccr: Call, home: Home, tmp_path: Path, body: str, said: str) -> None:
    """A body that is no request, or a config without a route: one sentence, exit code 1."""
    file = tmp_path / "request.json"
    file.write_text(body)
    code, out, err = ccr("explain", "--file", str(file))
    assert (code, out) == (1, "")
    assert said in err
    assert ccr("explain", "--file", str(tmp_path / "none"))[0] == 1


def test_a_broken_config_does_not_hide_the_records(ccr: Call, recorded: Home) -> None:
    """What happened can be read while the owner mends the file."""
    recorded.config.write_text("{ broken")
    code, out, _ = ccr("logs")
    assert code == 0
    assert "req_cc44" in out


@pytest.mark.parametrize(
    ("text", "found"),
    [("", None), ("2h", 2_800.0), ("0.5h", 8_200.0), ("1 m", 9_940.0), ("1970-01-01T00:00:05+00:00", 5.0)],
)
def test_moments(text: str, found: float | None) -> None:
    """Spans count back from now; ISO times are themselves."""
    assert moment(text, 10_000.0) == found


def test_figures() -> None:
    """Short enough for a column, exact enough to compare; nothing known is a dash."""
    assert [tokens(n) for n in (None, 0, 9_999, 12_345, 1_234_567)] == ["-", "0", "9999", "12.3k", "1.23M"]
    assert [seconds(ms) for ms in (None, 0.4, 999.0, 1_500.0)] == ["-", "0ms", "999ms", "1.5s"]
    assert [dollars(usd) for usd in (None, 0.0, 0.00123, 12.3)] == ["-", "$0.0000", "$0.0012", "$12.30"]
