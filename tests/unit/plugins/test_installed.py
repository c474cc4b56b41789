"""Packages that bring rules, transforms and providers along: installed for real, as files on the path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from claude_code_router.core.decision import Pass
from claude_code_router.core.errors import Refused
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.plugins.installed import installed_transforms, transformed, with_installed_rules
from claude_code_router.providers.preset import load_presets
from claude_code_router.routing.engine import CLASSIC_RULES, decide
from claude_code_router.routing.table import RoutingTable

TARGET = Target("up", "small")
TABLE = RoutingTable(scenarios={"default": TARGET}, models={"up": ("small", "large")})
Install = Callable[[str, str, str], list[str]]

RULE = """
from claude_code_router.core.decision import Choose, Pass, Refuse
from claude_code_router.core.target import Route, Target

def nights(signals, table):
    if signals.model == "fails":
        raise ValueError("oh no")
    if signals.model == "odd":
        return "up,large"
    if signals.model == "refused":
        return Refuse("nights", "not at night")
    if signals.tokens > 100:
        return Choose("whatever", Route((Target("up", "large"),)), "it is late")
    return Pass("nights", "it is early")
"""
TRANSFORM = """
def brief(body, target):
    if body["model"] == "fails":
        raise ValueError("oh no")
    if body["model"] == "odd":
        return {"x": object()}
    if body["model"] == "new":
        return {"model": "other"}
    if target.model == "small":
        body["system"] = "be brief"
"""
PRESET = """
from claude_code_router.providers.preset import Preset

PRESET = Preset(name="example", title="Example", hosts=("api.example.org",),
                endpoints={"openai_chat": "https://api.example.org/v1/chat/completions"})
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with one module and one entry point on the path; gives the path to look in."""

    def put(module: str, text: str, entry: str) -> list[str]:
        group, _, value = entry.partition(": ")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{value}\n")
        (tmp_path / f"{module}.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        return [str(tmp_path)]

    return put


def test_rule(install: Install) -> None:
    """A package's rule stands behind the owner's script, before our own, and is named by its entry point."""
    path = install("ccr_example_rule", RULE, "claude_code_router.rules: nights = ccr_example_rule:nights")
    rules = with_installed_rules(path=path)
    decision = decide(Signals(model="m", tokens=101), TABLE, rules)
    assert (decision.rule, decision.because, decision.route.first.model) == ("nights", "it is late", "large")
    assert [verdict.rule for verdict in decision.verdicts][:3] == ["custom", "nights", "image"]
    assert decide(Signals(model="m"), TABLE, rules).rule == "default"
    with pytest.raises(Refused, match="not at night"):
        decide(Signals(model="refused"), TABLE, rules)


@pytest.mark.parametrize(("model", "because"), [("fails", "failed: ValueError"), ("odd", "answered str, no verdict")])
def test_rule_that_fails(install: Install, model: str, because: str) -> None:
    """A package's rule that fails has no say, and the explanation names its package."""
    path = install(f"ccr_rule_{model}", RULE, f"claude_code_router.rules: nights = ccr_rule_{model}:nights")
    decision = decide(Signals(model=model), TABLE, with_installed_rules(path=path))
    assert decision.rule == "default"
    assert decision.verdicts[1] == Pass("nights", f"the rule of ccr_rule_{model} {because}")


def test_transform(install: Install) -> None:
    """A package's transform edits the body, knowing where it goes; without an edit the bytes stay."""
    path = install("ccr_example_brief", TRANSFORM, "claude_code_router.transforms: brief = ccr_example_brief:brief")
    transforms = installed_transforms(path)
    assert json.loads(transformed(b'{"model":"m"}', TARGET, transforms)) == {"model": "m", "system": "be brief"}
    assert transformed(b'{"model":"new"}', TARGET, transforms) == b'{"model":"other"}'
    for untouched in (b'{ "model": "m" }', b'{ "model": "fails" }', b'{ "model": "odd" }', b"no json"):
        assert transformed(untouched, Target("up", "large"), transforms) is untouched


def test_provider(install: Install) -> None:
    """A package's preset is one of the presets; it does not replace one of ours."""
    install("ccr_example_provider", PRESET, "claude_code_router.providers: example = ccr_example_provider:PRESET")
    presets = load_presets.__wrapped__()
    assert presets["example"].title == "Example"
    assert set(presets) == {*load_presets(), "example"}


@pytest.mark.parametrize("text", ["import no_such_package", "raise SystemError", "other = 1", "def nights("])
def test_does_not_load(install: Install, caplog: pytest.LogCaptureFixture, text: str) -> None:
    """What does not load is a warning that names its distribution."""
    module = f"ccr_broken_{abs(hash(text))}"
    path = install(module, text, f"claude_code_router.rules: nights = {module}:nights")
    assert with_installed_rules(path=path) == CLASSIC_RULES
    assert module in caplog.text


def test_nothing_installed(tmp_path: Path) -> None:
    """Usually there is nothing, and nothing changes."""
    assert with_installed_rules(path=[str(tmp_path), "", "/nowhere"]) == CLASSIC_RULES
    assert installed_transforms([str(tmp_path)]) == ()
