"""The frame of the command line."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from claude_code_router import __version__
from claude_code_router.cli.main import ALIASES, COMMANDS, GROUPS, overview, run, unknown


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_table_says_what_the_docstring_says(name: str) -> None:
    """The one-line help is the first line of the command's docstring, so neither can drift."""
    docstring = import_module(f"claude_code_router.cli.{COMMANDS[name].module}").command.__doc__
    assert docstring is not None
    assert docstring.strip().splitlines()[0].strip() == COMMANDS[name].summary


def imported(*arguments: str) -> set[str]:
    """The modules in memory after `ccr <arguments>`."""
    code = (
        "import sys; from claude_code_router.cli import main; sys.argv = ['ccr', *sys.argv[1:]]; main();"
        "sys.stderr.write('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines())


@pytest.mark.parametrize("word", ["version", "-v", "--version"])
def test_version_imports_nothing(word: str) -> None:
    """A status line may ask for it several times a second."""
    modules = imported(word)
    assert {name for name in modules if name.startswith("claude_code_router")} == {
        "claude_code_router",
        "claude_code_router.cli",
    }


def test_help_imports_no_command() -> None:
    """The listing is a table."""
    modules = imported("help")
    commands = {f"claude_code_router.cli.{command.module}" for command in COMMANDS.values()}
    assert not (commands | {"typer", "pydantic"}) & modules


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`ccr help version` and `ccr version` come from the same place."""
    done = subprocess.run(
        [sys.executable, "-m", "claude_code_router.cli", "version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"claude-code-router version: {__version__}\n"
    with pytest.raises(SystemExit, match="0"):
        run(["version"])
    assert capsys.readouterr().out == done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["help"], 0, "Usage: ccr <command>"),
        (["-h"], 0, "Usage: ccr <command>"),
        ([], 1, "Usage: ccr <command>"),
        (["help", "code"], 0, "ccr code [arguments of claude ...]"),
        (["nonsense"], 1, "Usage: ccr <command>"),
        (["help", "nonsense"], 1, "Usage: ccr <command>"),
    ],
)
def test_help(arguments: list[str], code: int, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help is there wherever somebody is lost; only being lost is an error."""
    assert run(arguments) == code
    assert expected in capsys.readouterr().out


@pytest.mark.parametrize("name", ["start", "env", "status"])
def test_help_of_one_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`ccr help x` is `ccr x --help`, for another name too."""
    with pytest.raises(SystemExit, match="0"):
        run(["help", name])
    assert f"ccr {ALIASES.get(name, name)}" in capsys.readouterr().out


@pytest.mark.parametrize(("typed", "meant"), [("strat", "start"), ("stauts", "status"), ("acitvate", "activate")])
def test_a_typing_error_gets_a_suggestion(typed: str, meant: str) -> None:
    """Did you mean …?"""
    assert f"`ccr {meant}`" in unknown(typed)


def test_every_command_is_listed() -> None:
    """The overview has one line for each, under a heading for every group."""
    listed = [line.split()[0] for line in overview().splitlines() if line.startswith("  ")]
    assert listed == list(COMMANDS)
    assert set(GROUPS) <= set(COMMANDS)
    assert [line for line in overview().splitlines() if line in GROUPS.values()] == list(GROUPS.values())


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        (("report", "--format", "xml"), "'xml' is not one of 'terminal', 'markdown', 'html', 'json'."),
        (("report", "--by", "nobody"), "'nobody' is not one of 'category', 'rule', 'tier', 'namespace'."),
        (("replay", "--format", "xml"), "'xml' is not one of 'terminal', 'json', 'junit'."),
        (("stats", "--by", "nobody"), "'nobody' is not one of 'day', 'model', 'scenario', 'namespace'."),
    ],
)
def test_a_wrong_value_is_told_what_would_be_right(
    arguments: tuple[str, ...], right: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(arguments)
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert f"'{arguments[1]}': {right}" in said
