"""What each vendor is sent, and what is made of its reply: a transcript at least for every quirk that its preset states.

A case is `providers/<preset>/<n>_<dialect>_<request>_<model>.json`: which quirks it shows, what goes out for the request of
that name in `providers/asked/` (Claude Code's own shapes, and the hard ones), and the client's stream for the dialect's
stream in `heard/`. After a wanted change `uv run python -m tests.golden.test_providers` writes them anew, as few as show
everything: read the diff.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from tests.contract.test_providers import MODELS

from claude_code_router.core.inbound import Inbound
from claude_code_router.core.target import Target
from claude_code_router.delivery.exchange import exchange_for
from claude_code_router.providers.build import ProviderEntry, build_provider
from claude_code_router.providers.preset import ModelRule, Preset, RelayRule, load_presets
from claude_code_router.providers.provider import Provider, ProviderDialect
from claude_code_router.routing.signals import read_signals

FOLDER = Path(__file__).parent / "providers"
ASKED = sorted((FOLDER / "asked").glob("*.json"))
MORE_MODELS = {
    "azure": ("gpt-4o-search-preview",),
    "groq": ("moonshotai/kimi-k2-instruct", "qwen/qwen3-32b"),
    "mistral": ("codestral-latest",),
    "openai": ("gpt-4o-search-preview",),
    "minimax": ("my-minimax-m2",),
    "moonshot": ("my-kimi-k2-0905",),
    "volcengine": ("my-coder",),
    "zai": ("glm-4.5v", "my-glm-4.5", "my-glm-4.6"),
    "xai": ("grok-3",),
    "dashscope": ("qwen3-vl-plus",),
}
"""Beside the contract tests' models, for rules that none of those fits."""
LATER = "some-later-model"
"""One of which no card knows anything: there only the vendor's word counts."""
TWINS = ("images", "content_parts")
"""Who takes plain strings alone sees nothing either: stated together, they are one quirk."""
HIDDEN = frozenset({"x-api-key", "authorization", "api-key", "x-goog-api-key"})


class Quirk(NamedTuple):
    """One field that a preset states for some of its models."""

    part: str
    """The preset's list that it stands in."""
    at: int
    field: str

    def __str__(self) -> str:
        return f"{self.part}[{self.at}].{self.field}"


class Case(NamedTuple):
    preset: str
    dialect: ProviderDialect
    asked: str
    model: str

    def file(self, number: int) -> Path:
        slug = re.sub(r"[^a-z0-9.]+", "-", self.model.lower())
        return FOLDER / self.preset / f"{number:02}_{self.dialect}_{self.asked}_{slug}.json"


def quirks_of(preset: Preset) -> Iterator[Quirk]:
    for part in ("quirks", "model_rules", "relay", "relay_rules"):
        for at, change in enumerate(getattr(preset, part)):
            stated = change.change if isinstance(change, ModelRule | RelayRule) else change
            twins = all(twin in stated.fields for twin in TWINS)
            for field in stated.fields:
                later = getattr(preset, part)[at + 1 :] if part in ("quirks", "relay") else ()
                if (twins and field == TWINS[1]) or any(field in other.fields for other in later):
                    continue  # a later change of the same preset has the last word
                yield Quirk(part, at, "+".join(TWINS) if twins and field in TWINS else field)


def without(preset: Preset, quirk: Quirk) -> Preset:
    changes = list(getattr(preset, quirk.part))
    change = changes[quirk.at]
    stated = change.change if isinstance(change, ModelRule | RelayRule) else change
    less = msgspec.structs.replace(
        stated, fields={k: v for k, v in stated.fields.items() if k not in quirk.field.split("+")}
    )
    rule = isinstance(change, ModelRule | RelayRule)
    changes[quirk.at] = msgspec.structs.replace(change, change=less) if rule else less
    return msgspec.structs.replace(preset, **{quirk.part: tuple(changes)})


def provider(preset: Preset, dialect: ProviderDialect, model: str) -> Provider:
    entry = ProviderEntry(
        name="p", api_base_url=preset.endpoints[dialect], api_key="k", preset=preset.name, dialect=dialect,
        models=(model,),
    )  # fmt: skip
    built, _ = build_provider(entry, "Providers[0]")
    if dialect == "anthropic":
        return msgspec.structs.replace(built, relay=preset.relay_for(model), relay_of=None)
    quirks = preset.quirks_for(model)
    return msgspec.structs.replace(built, quirks=quirks, model_quirks={model: quirks})


@cache
def heard(dialect: str) -> bytes:
    return (FOLDER / "heard" / f"{dialect}.txt").read_bytes()


def transcript(preset: Preset, case: Case) -> dict[str, Any]:
    body = (FOLDER / "asked" / f"{case.asked}.json").read_bytes()
    inbound = Inbound(
        id="req_1", path="/v1/messages", query="", headers=((b"anthropic-beta", b"effort-2025-11-24"),), header={},
        body=body, received_at=0.0,
    )  # fmt: skip
    signals = msgspec.structs.replace(read_signals(inbound).signals, tokens=77)
    exchange = exchange_for(inbound, signals, Target("p", case.model), provider(preset, case.dialect, case.model))
    sent = exchange.request
    reply = exchange.feed(heard(case.dialect)) + exchange.finish()
    return {
        "url": sent.url,
        "headers": {name: value for name, value in sorted(sent.headers) if name not in HIDDEN},
        "sent": json.loads(sent.body),
        "heard": reply.decode() if case.dialect != "anthropic" else "",
    }


def cases_of(preset: Preset) -> Iterator[Case]:
    models = (*MODELS.get(preset.name, ("claude-opus-5-5",)), *MORE_MODELS.get(preset.name, ()), LATER)
    for dialect in preset.endpoints:
        for path in ASKED:
            for model in dict.fromkeys(models):
                yield Case(preset.name, dialect, path.stem, model)


def shown_by(preset: Preset, case: Case, quirks: list[Quirk]) -> list[Quirk]:
    """Those without which something else would go out or come back."""
    whole = transcript(preset, case)
    return [quirk for quirk in quirks if transcript(without(preset, quirk), case) != whole]


def chosen(preset: Preset) -> Iterator[tuple[Case, list[Quirk]]]:
    """As few cases as show every quirk; the first case that shows most goes first."""
    missing = list(quirks_of(preset))
    shown = {case: shown_by(preset, case, missing) for case in cases_of(preset)} if missing else {}
    while any(found := [case for case in shown if set(shown[case]) & set(missing)]):
        best = max(found, key=lambda case: len(set(shown[case]) & set(missing)))
        yield best, shown[best]
        missing = [quirk for quirk in missing if quirk not in shown[best]]


RECORDED = sorted(path for path in FOLDER.glob("*/*.json") if path.parent.name != "asked")


@pytest.mark.parametrize("path", RECORDED, ids=[f"{path.parent.name}-{path.stem}" for path in RECORDED])
def test_the_transcript_is_as_recorded(path: Path) -> None:
    """The very request goes out, the very stream comes back, and each quirk that it is to show makes the difference."""
    recorded = json.loads(path.read_text())
    preset = load_presets()[path.parent.name]
    case = Case(preset.name, *recorded["case"])
    assert transcript(preset, case) == recorded["transcript"]
    assert [str(quirk) for quirk in shown_by(preset, case, list(quirks_of(preset)))] == recorded["shows"]


@pytest.mark.parametrize("preset", load_presets().values(), ids=lambda preset: preset.name)
def test_every_quirk_has_a_transcript(preset: Preset) -> None:
    """And whoever adds one has to write it: nothing is stated that makes no difference."""
    shown = {
        one for path in RECORDED if path.parent.name == preset.name for one in json.loads(path.read_text())["shows"]
    }
    assert {str(quirk) for quirk in quirks_of(preset)} - shown == set()


def main() -> None:
    for path in RECORDED:
        path.unlink()
    for preset in load_presets().values():
        for number, (case, shows) in enumerate(chosen(preset)):
            file = case.file(number)
            file.parent.mkdir(exist_ok=True)
            content = {"case": case[1:], "shows": [str(one) for one in shows], "transcript": transcript(preset, case)}
            file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
