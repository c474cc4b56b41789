"""References to environment variables, as the npm tool resolves them."""

from __future__ import annotations

import pytest

from claude_code_router.config.interpolation import Unset, interpolate

ENV = {"KEY": "v", "OTHER_1": "w", "lower": "x", "EMPTY": "", "NESTED": "$KEY", "a b": "y"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$KEY", "v"),
        ("${KEY}", "v"),
        ("a-$KEY-${OTHER_1}-b", "a-v-w-b"),
        ("$KEY$KEY", "vv"),
        ("$KEYS", "$KEYS"),
        ("$KEY.com", "v.com"),
        ("$KEYlower", "vlower"),
        ("$lower", "$lower"),
        ("${lower}", "x"),
        ("${a b}", "y"),
        ("$EMPTY", "$EMPTY"),
        ("${EMPTY}", "${EMPTY}"),
        ("$UNSET ${UNSET} $KEY", "$UNSET ${UNSET} v"),
        ("$5 $ $$ ${}", "$5 $ $$ ${}"),
        ("$NESTED", "$KEY"),
        ("plain", "plain"),
    ],
)
def test_strings(text: str, result: str) -> None:
    """Upper-case names bare, any name in braces; unset or empty ones stay as they stand; values are not resolved again."""
    assert interpolate(text, ENV)[0] == result


def test_everywhere_but_in_keys() -> None:
    """In every string of the file, at any depth; keys and other types are left alone."""
    data = {"$KEY": ["$KEY", {"a": "$KEY"}, 1, None, True]}
    assert interpolate(data, ENV)[0] == {"$KEY": ["v", {"a": "v"}, 1, None, True]}


def test_unset_references_are_named() -> None:
    """Each with its place, and whether it is the whole value."""
    _, unset = interpolate({"a": ["$NO", "x ${NO_2} $NO"]}, {})
    assert unset == (
        Unset(("a", 0), "NO", whole=True),
        Unset(("a", 1), "NO_2", whole=False),
        Unset(("a", 1), "NO", whole=False),
    )
