"""Rules and transforms of installed Python packages. They run in the server's own thread, as any rule of ours does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from claude_code_router.core.decision import Choose, Pass, Refuse, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.core.target import Target
from claude_code_router.plugins.python_script import edited
from claude_code_router.plugins.question import ScriptFailed
from claude_code_router.providers.installed import Found, load_installed
from claude_code_router.routing.engine import CLASSIC_RULES, Rule
from claude_code_router.routing.rules.custom import custom
from claude_code_router.routing.table import RoutingTable

log = logging.getLogger("ccr.plugins")

Transform = Callable[[bytes, Target], bytes]
"""The request's body and where it goes first -> the body that goes on; the very same object when nothing changes."""


def with_installed_rules(rules: Sequence[Rule] = CLASSIC_RULES, path: Sequence[str] | None = None) -> tuple[Rule, ...]:
    """Those of packages stand behind the owner's own script and before everything else."""
    own = [_guarded(found) for found in load_installed("claude_code_router.rules", path)]
    front = [rule for rule in rules if rule is custom]
    return (*front, *own, *(rule for rule in rules if rule is not custom))


def installed_transforms(path: Sequence[str] | None = None) -> tuple[Transform, ...]:
    return tuple(_over_bytes(found) for found in load_installed("claude_code_router.transforms", path))


def transformed(body: bytes, target: Target, transforms: Sequence[Transform]) -> bytes:
    for transform in transforms:
        body = transform(body, target)
    return body


def _guarded(found: Found) -> Rule:
    """A stranger's rule that fails has no say, and the explanation says so."""

    def rule(signals: Signals, table: RoutingTable) -> Verdict:
        try:
            verdict = found.value(signals, table)
        except Exception as error:  # noqa: BLE001 (whatever it raises: the other rules decide)
            log.warning("%s: its rule %r failed: %s: %s", found.distribution, found.name, type(error).__name__, error)
            return Pass(found.name, f"the rule of {found.distribution} failed: {type(error).__name__}")
        if isinstance(verdict, Choose | Pass | Refuse):
            return msgspec.structs.replace(verdict, rule=found.name)
        return Pass(found.name, f"the rule of {found.distribution} answered {type(verdict).__name__}, no verdict")

    return rule


def _over_bytes(found: Found) -> Transform:
    """`transform(body: dict, target) -> dict | None`: edits in place, or answers with another dict."""

    def transform(body: bytes, target: Target) -> bytes:
        try:
            data: dict[str, Any] = msgspec.json.decode(body)
            answer = found.value(data, target)
            return edited(data if answer is None else answer, body) or body
        except ScriptFailed as failed:
            log.warning("%s: its transform %r: %s", found.distribution, found.name, failed)
        except Exception as error:  # noqa: BLE001 (whatever it raises: the request goes on as it was)
            log.warning(
                "%s: its transform %r failed: %s: %s", found.distribution, found.name, type(error).__name__, error
            )
        return body

    return transform
