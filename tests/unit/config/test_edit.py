"""Edits set what they are asked to set, and every other byte stays."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claude_code_router.config.edit import edit, edited
from claude_code_router.config.json5_file import parse
from claude_code_router.config.load import load
from claude_code_router.config.places import Place, Renamed, spell, value_at
from claude_code_router.core.errors import ConfigError, Misuse

CONFIG = """// mine
{
  Providers: [
    {
      name: 'a', // the first
      "api_base_url": "http://localhost:1/v1/chat/completions",
      api_key: '$A_KEY', /* from the environment */
      models: ['m', "n",],
    }, // end of a
  ],
  "Router": { "default": "a,m" },
  whatever: 0x10,
}
"""


@pytest.mark.parametrize(
    ("before", "place", "value", "after"),
    [
        ("{a: 1}", "a", 2, "{a: 2}"),
        ("{a: 1}", "a", 1, "{a: 1}"),
        ("{a: 'x'}", "a", "x", "{a: 'x'}"),
        ("{a: 1}", "a", True, "{a: true}"),
        ("{a: 1}", "b", 2, '{a: 1, "b": 2}'),
        ("{a: 1,}", "b", 2, '{a: 1, "b": 2,}'),
        ("{a: 1 /* x */}", "b", 2, '{a: 1, "b": 2 /* x */}'),
        ("{}", "a", 1, '{\n  "a": 1\n}'),
        ("{}\n", "a.b", 1, '{\n  "a": {"b": 1}\n}\n'),
        ("{a: {}}", "a.b", 1, '{a: {"b": 1}}'),
        ("{\n  a: {},\n}", "a.b", 1, '{\n  a: {\n    "b": 1\n  },\n}'),
        ("{\n  a: { // c\n  },\n}", "a.b", 1, '{\n  a: {\n    "b": 1 // c\n  },\n}'),
        ("{\n  a: 1\n}", "b", 2, '{\n  a: 1,\n  "b": 2\n}'),
        ("{\n  a: 1,\n}", "b", 2, '{\n  a: 1,\n  "b": 2,\n}'),
        ("{\n\ta: 1 // of a\n}", "b", 2, '{\n\ta: 1, // of a\n\t"b": 2\n}'),
        ("{\n  a: 1, // of a\n  // end\n}", "b", 2, '{\n  a: 1, // of a\n  "b": 2,\n  // end\n}'),
        ("{\n  a: 1\n  , // odd\n}", "b", 2, '{\n  a: 1\n  , // odd\n  "b": 2,\n}'),
        ("{\r\n  a: 1\r\n}\r\n", "b", 2, '{\r\n  a: 1,\r\n  "b": 2\r\n}\r\n'),
        ("{a: [1, 2]}", "a[2]", 3, "{a: [1, 2, 3]}"),
        ("{a: [1, 2]}", "a[0]", "$X", '{a: ["$X", 2]}'),
        ("{a: [\n  1,\n  2\n]}", "a[2]", 3, "{a: [\n  1,\n  2,\n  3\n]}"),
        ("{a: null, }", "a.b", 1, '{a: {"b": 1}, }'),
        ("{a: []}", "a[0].b", 3, '{a: [{"b": 3}]}'),
        ("{a: 1, a: 2}", "a", 3, "{a: 1, a: 3}"),
        ("{a: 1}", 'b["c.d"]', 2, '{a: 1, "b": {"c.d": 2}}'),
        ('\ufeff{"a": 1}', "a", 2, '\ufeff{"a": 2}'),
        ("{a: 1}", "a", "\u2028", '{a: "\\u2028"}'),
        ("{providers: [{name: 'x'}]}", "Providers[0].name", "y", '{providers: [{name: "y"}]}'),
        (
            "{\n  a: 1\n}",
            "b",
            {"c": [{"d": 1}]},
            '{\n  a: 1,\n  "b": {\n    "c": [\n      {\n        "d": 1\n      }\n    ]\n  }\n}',
        ),
    ],
)
def test_texts(before: str, place: str, value: object, after: str) -> None:
    """Values are replaced where they stand; new ones come last, in the manner of the one before."""
    assert edited(before, {place: value}) == after


@pytest.mark.parametrize("place", ["", "a[3]", "a.b", "b[1]", "a[0].x[0]"])
def test_places_that_cannot_be(place: str) -> None:
    """A list has no holes, and a value has no keys."""
    with pytest.raises(Misuse):
        edited("{a: [1]}", {place: 1})


STEADY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # busy machines are slow, not wrong

SPACE = st.sampled_from(["", " ", "\n", "\t", "// c: 1, }\n", "/* , } ] */", "\n  ", " /* a */ // b\n", "\r\n"])
WORD = st.sampled_from(["a", "b1", "Router", "models", "x_y"])
SCALAR = st.sampled_from(
    ["1", "-2.5", "0x1F", "true", "null", "'it\\'s'", '"$KEY"', '"\\u00e9"', "Infinity", "'// no'"]
)


@st.composite
def texts(draw: st.DrawFn, depth: int, kinds: Sequence[str] = ("scalar", "object", "list")) -> str:
    """JSON5 as people write it: any quotes, any space, comments anywhere, trailing commas."""
    kind = draw(st.sampled_from(kinds)) if depth else "scalar"
    if kind == "scalar":
        return draw(SCALAR)
    entries = []
    for key in draw(st.lists(WORD, max_size=3, unique=kind == "object")):
        quote = draw(st.sampled_from(["", "'", '"']))
        head = f"{quote}{key}{quote}{draw(SPACE)}:" if kind == "object" else ""
        entries.append(draw(SPACE) + head + draw(SPACE) + draw(texts(depth - 1)) + draw(SPACE))
    inside = ",".join(entries) or draw(SPACE)
    trailing: bool = draw(st.booleans())
    if entries and trailing:
        inside += "," + draw(SPACE)
    return "{" + inside + "}" if kind == "object" else "[" + inside + "]"


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, Place, object]:
    """A file, a place in it or beside it, and a value."""
    text = draw(SPACE) + draw(texts(3, ["object"])) + draw(SPACE)
    document = parse(text, "f")
    places = [place for place in document.spans if place]
    containers = [place for place in document.spans if isinstance(value_at(document.data, place), dict | list)]
    old: bool = draw(st.booleans())
    if places and old:
        place = draw(st.sampled_from(places))
    else:
        parent = draw(st.sampled_from(containers))
        inside = value_at(document.data, parent)
        place = (*parent, len(inside) if isinstance(inside, list) else "new")
    return text, place, draw(st.sampled_from([1, "v", "$NAME", None, [], {"k": 1}, [{"k": [1, "\u2028"]}]]))


@STEADY
@given(edits())
def test_everything_else_stays(case: tuple[str, Place, object]) -> None:
    """After any edit of any file the value is there, all other values are as before, and so is every byte around it."""
    text, place, value = case
    before = parse(text, "f")
    result = edited(text, {spell(place): value})
    after = parse(result, "f")
    assert value_at(after.data, place) == value
    for other in before.spans:
        if other[: len(place)] != place and place[: len(other)] != other:
            assert value_at(after.data, other) == value_at(before.data, other)
    span = before.spans.get(place)
    if span is None:
        assert without_one_run(result, text), "an insertion takes nothing away"
    elif result != text:
        assert result.startswith(text[: span.start])
        assert result.endswith(text[span.end :])


def without_one_run(longer: str, shorter: str) -> bool:
    """What is left of the longer text without its new parts is the shorter one, in order."""
    rest = iter(longer)
    return all(character in rest for character in shorter)


@STEADY
@given(edits())
def test_setting_again_changes_nothing(case: tuple[str, Place, object]) -> None:
    """The same edit a second time leaves the file as it is."""
    text, place, value = case
    once = edited(text, {spell(place): value})
    assert edited(once, {spell(place): value}) == once


def config_file(tmp_path: Path, text: str = CONFIG) -> Path:
    path = tmp_path / "config.json"
    path.write_bytes(text.encode())
    path.chmod(0o600)
    return path


def test_edit_writes_and_backs_up(tmp_path: Path) -> None:
    """The file has the new values and everything that it had; the backup is the old file."""
    path = config_file(tmp_path)
    backup = edit(path, {"Router.think": "a,n", "Providers[0].models": ["m", "n", "o"], "PORT": 4000}, env={})
    assert backup.read_text() == CONFIG
    assert backup.name.startswith("config.json.") and backup.name.endswith("Z.bak")
    text = path.read_text()
    assert text == CONFIG.replace("['m', \"n\",]", '["m", "n", "o"]').replace(
        '"Router": { "default": "a,m" }', '"Router": { "default": "a,m", "think": "a,n" }'
    ).replace("0x10,\n", '0x10,\n  "PORT": 4000,\n')
    assert load(path, {}).settings.port == 4000
    assert sorted(tmp_path.iterdir()) == sorted([path, backup])


def test_edit_refuses_what_would_not_load(tmp_path: Path) -> None:
    """A config that would be wrong is not written, and says why."""
    path = config_file(tmp_path)
    with pytest.raises(ConfigError, match=r"Router\.default"):
        edit(path, {"PORT": 4000, "Router.default": "nowhere,m"}, env={})
    assert path.read_text() == CONFIG
    assert list(tmp_path.iterdir()) == [path]


def test_edit_without_a_change(tmp_path: Path) -> None:
    """Nothing is written when everything is as asked."""
    path = config_file(tmp_path)
    assert edit(path, {"Router.default": "a,m"}, env={}) == path
    assert list(tmp_path.iterdir()) == [path]


def test_edit_makes_a_file(tmp_path: Path) -> None:
    """A first config may come from an edit; it is its owner's only."""
    path = tmp_path / "new" / "config.json"
    assert edit(path, {"PORT": 4000}, env={}) == path
    assert json.loads(path.read_text()) == {"PORT": 4000}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("before", "after"), [(0o600, 0o600), (0o644, 0o600), (0o400, 0o400)])
def test_modes(tmp_path: Path, before: int, after: int) -> None:
    """Keys stand in the file: its mode is kept or made stricter, and the backup is its owner's only."""
    path = config_file(tmp_path)
    path.chmod(before)
    backup = edit(path, {"PORT": 4000}, env={})
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(backup.stat().st_mode)) == (after, 0o600)


def test_newest_three_backups_are_kept(tmp_path: Path) -> None:
    """As the npm tool does; other files are not touched."""
    path = config_file(tmp_path)
    (tmp_path / "config.json.mine").touch()
    backups = [edit(path, {"PORT": port}, env={}) for port in range(4000, 4006)]
    assert sorted(tmp_path.glob("*.bak")) == sorted(backups[-3:])
    assert (tmp_path / "config.json.mine").exists()


def test_link_stays_a_link(tmp_path: Path) -> None:
    """Who keeps the config elsewhere and links it finds the edit there."""
    target = config_file(tmp_path)
    link = tmp_path / "link.json"
    link.symlink_to(target)
    edit(link, {"PORT": 4000}, env={})
    assert link.is_symlink()
    assert load(target, {}).settings.port == 4000


def test_line_ends_stay(tmp_path: Path) -> None:
    """A file from Windows keeps its line ends."""
    path = config_file(tmp_path, '{\r\n  "PORT": 1,\r\n  "LOG": true\r\n}\r\n')
    edit(path, {"PORT": 2, "HOST": "127.0.0.1"}, env={})
    assert path.read_bytes() == b'{\r\n  "PORT": 2,\r\n  "LOG": true,\r\n  "HOST": "127.0.0.1"\r\n}\r\n'


@pytest.mark.parametrize(
    ("before", "place", "after"),
    [
        ('{"use": {"p,a": 20, "p,b": 80}}', 'use["p,a"]', '{"use": {"p,new": 20, "p,b": 80}}'),
        ("{use: {'p,a': 20, // trial\n 'p,b': 80}}", 'use["p,a"]', "{use: {\"p,new\": 20, // trial\n 'p,b': 80}}"),
        ("{/* x */ a /* y */ : 1}", "a", '{/* x */ "p,new" /* y */ : 1}'),
        ("{a:1}", "a", '{"p,new":1}'),
        ("{a/* y */:1}", "a", '{"p,new"/* y */:1}'),
        ('{"a\\"b": [1]}', '["a\\"b"]', '{"p,new": [1]}'),
        ('[{"a": 1}]', "[0].a", '[{"p,new": 1}]'),
    ],
)
def test_a_key_is_renamed(before: str, place: str, after: str) -> None:
    """What stands there stays, and every comment beside it."""
    assert edited(before, {place: Renamed("p,new")}) == after


@pytest.mark.parametrize("place", ["b", "a[0]"])
def test_no_key_to_rename(place: str) -> None:
    """What is not there, and what is no key, cannot be renamed."""
    with pytest.raises(Misuse):
        edited('{"a": [1]}', {place: Renamed("x")})
