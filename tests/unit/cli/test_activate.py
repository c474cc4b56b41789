"""The printed lines, read by a real shell."""

from __future__ import annotations

import subprocess

import pytest

from claude_code_router.cli.activate import Shell, script
from claude_code_router.cli.environment import Changes

AWKWARD = [
    "plain",
    "",
    "two words",
    "$HOME",
    "`id`",
    "$(id)",
    'a"b',
    "a'b",
    "back\\slash",
    "a!b",
    "line\nbreak",
    "ü ✓",
    "*",
]


@pytest.mark.parametrize("value", AWKWARD)
def test_a_shell_reads_back_the_value(value: str) -> None:
    """`eval` gives exactly what was meant, and clears what was to be cleared."""
    lines = script(Changes({"TOKEN": value}, ("OLD",)), Shell.SH)
    done = subprocess.run(
        ["sh", "-c", 'eval "$1"; printf %s "$TOKEN"; printf %s "${OLD-cleared}"', "sh", lines],
        env={"OLD": "x"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == value + "cleared"


@pytest.mark.parametrize(
    ("shell", "expected"),
    [
        (Shell.SH, 'unset OLD\nexport K="a\\$b\'c"'),
        (Shell.FISH, 'set -e OLD\nset -gx K "a\\$b\'c"'),
        (Shell.POWERSHELL, "Remove-Item Env:OLD -ErrorAction SilentlyContinue\n$env:K = 'a$b''c'"),
    ],
)
def test_each_shell_has_its_syntax(shell: Shell, expected: str) -> None:
    """The same changes in the words of each shell."""
    assert script(Changes({"K": "a$b'c"}, ("OLD",)), shell) == expected
