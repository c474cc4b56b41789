"""`ccr route test`: table, JSON, JUnit and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from claude_code_router.cli.main import run

CONFIG: dict[str, Any] = {
    "Providers": [{"name": "p", "api_base_url": "https://x.com/v1/messages", "api_key": "k", "models": ["a", "b"]}],
    "Router": {"default": "p,a"},
}


def route(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run(["route", *arguments])
    code = ended.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    return path


def test_the_table_is_shown(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a request, then what is odd about the config."""
    assert route("test", "--config", str(config)) == 0
    said = capsys.readouterr().out
    assert "p,a (default)" in said
    assert "taken by nothing but `default`" in said


def test_own_requests_and_reports(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An expectation that is not met fails the run, in the table, in JSON and in JUnit."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    mine, report = tmp_path / "mine.json", tmp_path / "report.xml"
    mine.write_text(json.dumps([body, {"name": "hi & bye", "body": body, "expect": "p,b"}]))
    arguments = ["test", str(mine), "--no-builtin", "--config", str(config), "--junit", str(report), "--json"]
    assert route(*arguments) == 1
    found = json.loads(capsys.readouterr().out)
    assert [len(one["problems"]) for one in found["requests"]] == [0, 1]
    suite = ElementTree.fromstring(report.read_text())
    assert suite.get("failures") == "1"
    assert suite.findall("testcase")[1].get("name") == "hi & bye"


def test_two_configs(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--against` lists what the other config changes."""
    other = tmp_path / "other.json"
    other.write_text(json.dumps(CONFIG | {"Router": {"default": "p,a", "background": "p,b"}}))
    assert route("test", "--config", str(config), "--against", str(other)) == 0
    assert "title: p,a (default) → p,b (background)" in capsys.readouterr().out


def test_equal_refusals_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With how many they are; JSON still has each."""
    path = tmp_path / "config.json"
    path.write_text("{}")
    assert route("test", "--config", str(path)) == 1
    said = capsys.readouterr().out
    assert said.count("Router.default is not set") == 1
    assert "✗ 68 requests are refused: " in said
    assert "and 65 more" in said
    assert route("test", "--config", str(path), "--json") == 1
    assert len(json.loads(capsys.readouterr().out)["requests"]) == 68


def test_a_refusal_of_its_own_is_a_line_of_its_own(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.json"
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    mine.write_text(json.dumps([{"name": "only", "body": body | {"model": "nobody,a"}}, {"name": "hi", "body": body}]))
    route("test", str(mine), "--no-builtin", "--config", str(config))
    said = capsys.readouterr().out
    assert "requests are refused" not in said
    assert "only" in said
    assert "hi" in said


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one sentence, without a traceback."""
    assert run(["route", "test", str(tmp_path / "none.json")]) == 1
    assert "cannot be read" in capsys.readouterr().err
