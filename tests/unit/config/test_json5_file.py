"""The text of a config becomes data with places, or one problem that says where it breaks."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_code_router.config.json5_file import parse
from claude_code_router.core.errors import ConfigError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("{}", {}),
        ('\ufeff{"a": 1}', {"a": 1}),
        ("\ufeff{a: 1}", {"a": 1}),
        ("{a: 'it\\'s', $b_1: \"x\", ünï: 2}", {"a": "it's", "$b_1": "x", "ünï": 2}),
        ("{a: [1, 2, ], b: {},}", {"a": [1, 2], "b": {}}),
        ("// one\n{/* two */ a: 1 // three\n} // four", {"a": 1}),
        ("{a: 0x1F, b: +1, c: -.5, d: 5., e: 1e3}", {"a": 31, "b": 1, "c": -0.5, "d": 5.0, "e": 1000.0}),
        ("{a: Infinity, b: -Infinity}", {"a": float("inf"), "b": float("-inf")}),
        ("{a: 'one\\\ntwo'}", {"a": "onetwo"}),
        ("{a: '\\x41\\u00e9\\ud83d\\ude00', b: '\\ud83d'}", {"a": "Aé😀", "b": "�"}),
        (r"{a: 'C:\\users\\x', '\\u0041': '\\\\n'}", {"a": r"C:\users\x", r"\u0041": "\\\\n"}),
        ("{a: 'b\u2028c', b: '\\n\\t\\v\\0\\q'}", {"a": "b\u2028c", "b": "\n\t\v\0q"}),
        ("{\u0061b: 1}", {"ab": 1}),
        (
            '// one\n{/* two */ "a": 1, // "b": 2,\n "c": "// no /* no */ ,}", } // four',
            {"a": 1, "c": "// no /* no */ ,}"},
        ),
        ('{"a": [1, 2, ], "b": {"c": 1 /* , */ , // x\n },}', {"a": [1, 2], "b": {"c": 1}}),
        ("{a: 1, a: 2}", {"a": 2}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"https://x": "a // b /* c */"}', {"https://x": "a // b /* c */"}),
        ("{a: true, b: null}\r\n", {"a": True, "b": None}),
    ],
)
def test_forms(text: str, data: object) -> None:
    """JSON5 as the npm tool reads it, with a byte order mark or not."""
    assert parse(text, "f").data == data


@pytest.mark.parametrize(
    ("text", "line", "found", "expected"),
    [
        ("{\n  a: 1\n  b: 2\n}", 3, "a word without quotes", "`,` or `}`"),
        ('{\n  "a": 1\n  "b": 2\n}', 3, "a string", "`,` or `}`"),
        ('{\r\n  "a": 1\r\n  "b": 2\r\n}', 3, "a string", "`,` or `}`"),
        ('{\n  "a" 1\n}', 2, "a number", "`:`"),
        ("{\n  a: 1,\n", 2, "the end of the file", "`}` or a key"),
        ("{\n  a: [1, 2\n\n\n", 2, "the end of the file", "`,` or `]`"),
        ("{\n  a: 'x\n  b: 2\n}", 2, "a string without its closing quote", "its closing quote on the same line"),
        (
            "{\n  a: 'x\n  y'\n}",
            2,
            "a string that runs over the end of its line",
            "its closing quote on the same line",
        ),
        (
            "{\n  a: @\n}",
            2,
            "the character '@'",
            "JSON (comments, trailing commas, single quotes and unquoted keys are fine)",
        ),
        ("{\n  a: [1,,2]\n}", 2, "two commas in a row", "one"),
        ("", 1, "an empty file", "an object: {…}"),
        ("\n\n", 1, "an empty file", "an object: {…}"),
    ],
)
def test_syntax_errors(text: str, line: int, found: str, expected: str) -> None:
    """A broken file is one problem with its line, what stands there and what was expected."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    (problem,) = caught.value.problems
    assert (problem.line, problem.found, problem.expected) == (line, found, expected)


@pytest.mark.parametrize(
    "text",
    [
        "{}}",
        "{a: 01}",
        "{a}",
        "{a:}",
        "[",
        "}",
        "{,}",
        "{a: undefined}",
        "'",
        "[,]",
        '{"a": [1,,]}',
        '{"a": ,}',
        "{} /*",
        '{"a" /, 1}',
        "\x00",
        "{a: .}",
    ],
)
def test_every_broken_text_is_a_config_error(text: str) -> None:
    """No foreign exception comes through the door."""
    with pytest.raises(ConfigError):
        parse(text, "f")


@pytest.mark.parametrize("opener", ["[", "{a:", '{"a":'])
def test_too_deep(opener: str) -> None:
    """A file nested beyond reason is refused, not a crash."""
    with pytest.raises(ConfigError):
        parse(opener * 3_000, "f")


@settings(deadline=None)
@given(VALUES)
def test_json_means_the_same_in_both_readers(value: object) -> None:
    """A key without quotes, which sends the text to the other reader, changes nothing, not even the places."""
    text = json.dumps({"a": value}, indent=1)
    plain = parse(text, "f")
    unquoted = parse(text.replace('"a"', " a ", 1), "f")
    assert unquoted.data == plain.data == {"a": value}
    assert set(unquoted.spans) == set(plain.spans)
    assert all(unquoted.spans[place][:2] == plain.spans[place][:2] for place in plain.spans)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_data_or_a_config_error(text: str) -> None:
    """Whatever stands in the file, the answer is data or ConfigError."""
    try:
        parse(text, "f")
    except ConfigError as error:
        assert len(error.problems) == 1


def test_lines() -> None:
    """A value's line is its key's; a place that does not exist has the line of what is around it."""
    document = parse('{\n  "a": {\n    "b":\n      1,\n    "c.d": [\n      1,\n      2]\n  }\n}', "f")
    lines = {place: document.line(place) for place in [(), ("a",), ("a", "b"), ("a", "c.d", 1), ("a", "x", 3), ("z",)]}
    assert list(lines.values()) == [1, 2, 3, 7, 2, 1]
    assert document.line_of('a["c.d"][0]') == 6
    assert document.line_of("a.c.d[1]") == 7
    assert document.line_of("a.x y.z[0]") == 2
    assert document.line_of("the file") == 1


def test_equal_keys_have_the_last_one_s_place() -> None:
    """The last of equal keys counts, so its place is the one that is shown."""
    for text in ("{a: {b: 1},\n a: {c: 1}}", '{"a": {"b": 1},\n "a": {"c": 1}}'):
        document = parse(text, "f")
        assert document.line(("a",)) == 2
        assert set(document.spans) == {(), ("a",), ("a", "c")}


def test_reading_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """json-five's own loader would write every key to a debug log."""
    with caplog.at_level(logging.DEBUG):
        parse("{api_key: 'sk-secret'}", "f")
    assert "sk-secret" not in caplog.text
