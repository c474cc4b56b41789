"""What becomes of an edit, by what its replays have found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from claude_code_router.config.load import load_text
from claude_code_router.config.settings import Config, ReloadGateSettings
from claude_code_router.core.replay_condition import read
from claude_code_router.improve.fail_on import Finding
from claude_code_router.improve.reload_ruling import GatedLane, Looked, decide_alike, lanes, rule

OK = Finding("cost_change>0.1", "ok", 0.02)
BAD = Finding("heavy_share>0.4", "failed", 0.625)
UNKNOWN = Finding("under_routed>0.1", "not known", None)


def looked(*findings: Finding, trouble: str = "", not_known: Any = "accept", namespace: str = "") -> Looked:
    settings = ReloadGateSettings(conditions=(read("heavy_share>0.4"),), not_known=not_known)
    lane = GatedLane(namespace, settings, frozenset({"heavy"}))
    return Looked(lane=lane, findings=findings, requests=1300, told=1234, trouble=trouble)


@pytest.mark.parametrize(
    ("found", "accepted", "judged"),
    [
        ([looked(OK)], True, True),
        ([looked(OK, BAD)], False, True),
        ([looked(OK), looked(BAD, namespace="reviews")], False, True),
        ([looked(BAD, UNKNOWN, not_known="accept")], False, True),
        ([looked(OK, UNKNOWN)], True, False),
        ([looked(OK, UNKNOWN, not_known="refuse")], False, False),
        ([looked(trouble="it took too long")], True, False),
        ([looked(trouble="it took too long", not_known="refuse")], False, False),
        ([looked(OK, not_known="refuse"), looked(UNKNOWN, namespace="reviews")], True, False),
        ([looked(UNKNOWN), looked(trouble="x", not_known="refuse", namespace="reviews")], False, False),
    ],
)
def test_rulings(found: list[Looked], accepted: bool, judged: bool) -> None:
    """A true condition refuses; what cannot be told is as the gate concerned says, and never called judged."""
    ruling = rule(found)
    assert (ruling.accepted, ruling.judged) == (accepted, judged)


def test_what_is_said_of_a_refusal() -> None:
    """Which condition, its figure, what to look at and the way round."""
    said = rule([looked(OK), looked(OK, BAD, namespace="reviews")]).said
    assert "1,234 of 1,300 requests in reviews of the last 2d" in said
    assert "failed      heavy_share>0.4: it is 0.625" in said
    assert "ok          cost_change>0.1: it is 0.02" in said
    assert "ccr replay --since 2d --namespace reviews --fail-on 'heavy_share>0.4'" in said
    assert "ccr restart" in said


def test_what_is_said_when_nothing_can_be_told() -> None:
    """Why not, and what has come of it."""
    open_said = rule([looked(UNKNOWN), looked(trouble="it took too long", namespace="reviews")]).said
    assert "which is in force" in open_said
    assert "the records do not tell under_routed>0.1" in open_said
    assert "in reviews of the last 2d: it took too long" in open_said
    closed_said = rule([looked(trouble="it took too long", not_known="refuse")]).said
    assert '"notKnown": "refuse"' in closed_said
    assert "it took too long" in closed_said and "ccr restart" in closed_said


def config(**more: Any) -> Config:
    provider = {"name": "p", "api_base_url": "http://127.0.0.1:1/v1/messages", "models": ["a", "b"], "api_key": "k"}
    return load_text(
        json.dumps({
            "Providers": [{**provider, **more.pop("provider", {})}],
            "Router": {"default": "p,a"},
            "Tiers": {"light": "p,a", "heavy": "p,b"},
            "Aliases": {"opus": "heavy"},
            "Rules": [{"name": "r", "when": {"any": [{"says": ["design"]}, {"tokens": {"over": 9}}]}, "use": {"heavy": 30}}],
            "Guards": {"ambiguous": "heavy"},
            "Quality": {"judge": "p,b", "threshold": 0.7},
            "Namespaces": {"reviews": {"Router": {"default": "p,b"}}},
            **more,
        }),
        "config.json",
        {},
    )  # fmt: skip


@pytest.mark.parametrize(
    "edit",
    [
        {},
        {"provider": {"api_key": "another"}},
        {"provider": {"headers": {"x": "y"}}},
        {"ReloadGate": {"failOn": ["heavy_share>0.9"]}},
        {"timeouts": {"totalMs": 5000}},
        {"budget": {"day_usd": 5}},
        {"RECORD_BODIES": True},
        {"Shadow": {"Aliases": {"opus": "light"}}},
    ],
)
def test_edits_that_change_no_decision(edit: dict[str, Any]) -> None:
    """A key that is replaced in a hurry, or the gate itself, need no replay."""
    assert decide_alike(config(), config(**edit))


@pytest.mark.parametrize(
    "edit",
    [
        {"Router": {"default": "p,b"}},
        {"Rules": []},
        {"Tiers": {"light": "p,a", "heavy": ["p,b", "p,a"]}},
        {"Guards": None},
        {"Stickiness": False},
        {"Namespaces": {}},
        {"Namespaces": {"reviews": {"Router": {"default": "p,a"}}}},
        {"provider": {"price": {"a": {"input": 1}}}},
        {"provider": {"models": ["a", "b", "c"]}},
        {"provider": {"cards": {"a": {"context": 9000}}}},
        {"Quality": {"judge": "p,b", "threshold": 0.8}},
        {"CUSTOM_ROUTER_PATH": "/tmp/mine.py"},
        {"Difficulty": {"judge": "p,a"}},
    ],
)
def test_edits_that_may_change_one(edit: dict[str, Any]) -> None:
    """Or what it cost, or what was good: a replay must look."""
    assert not decide_alike(config(), config(**edit))


def test_the_gates_in_force_look() -> None:
    """Those of the config before, by the tiers that the edit leaves them: a condition on one that is gone is not put."""
    own = {
        "Tiers": {"small": "p,a", "big": "p,b"}, "Aliases": {}, "Rules": [], "Guards": {},
        "ReloadGate": {"failOn": ["big_share>0.5"], "since": "all"},
    }  # fmt: skip
    gate = {"failOn": ["heavy_share>0.4", "cost_change>10%"]}
    now = config(ReloadGate=gate, Namespaces={"reviews": own, "docs": {}})
    edited = config(Tiers={"light": "p,a", "strong": "p,b"}, Aliases={}, Rules=[], Guards=None)
    found = lanes(now, edited)
    assert [lane.namespace for lane in found] == ["", "reviews"]
    assert [lane.arguments for lane in found] == [
        ("--since", "2d", "--fail-on", "cost_change>10%"),
        ("--since", "all", "--namespace", "reviews"),
    ]
    assert lanes(edited, now) == ()
