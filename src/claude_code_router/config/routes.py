"""`Router` and `fallback` become a RoutingTable: names of targets are resolved, and what cannot be is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from claude_code_router.config.check import did_you_mean, problem
from claude_code_router.config.places import Place
from claude_code_router.config.redaction import shown
from claude_code_router.core.errors import Problem
from claude_code_router.core.target import Target
from claude_code_router.routing.table import (
    DEFAULT_LONG_CONTEXT_THRESHOLD_TOKENS,
    DEFAULT_THINK_TRIGGERS,
    SCENARIOS,
    RoutingTable,
    Scenario,
    ThinkTrigger,
)

Models = Mapping[str, tuple[str, ...]]


def routing_table(
    top: Mapping[str, Any], models: Models, config_hash: str
) -> tuple[RoutingTable, list[Problem], list[Problem]]:
    """The table, errors and warnings. `top` is the file's data (or an override's): its types may be wrong, which others
    complain about; here such values are passed over."""
    resolving = Resolving(models)
    router = _section(top, "Router")
    scenarios: dict[Scenario, Target] = {}
    for scenario in SCENARIOS:
        text = router.get(scenario)
        if isinstance(text, str) and text:
            target = resolving.target(text, ("Router", scenario), resolving.errors)
            if target:
                scenarios[scenario] = target
    if "default" not in scenarios and not router.get("default"):
        resolving.first_model(scenarios)
    threshold = _number(router.get("longContextThreshold")) or DEFAULT_LONG_CONTEXT_THRESHOLD_TOKENS
    table = RoutingTable(
        scenarios=scenarios,
        fallback=resolving.fallback(_section(top, "fallback")),
        long_context_threshold_tokens=threshold,
        think_when=_triggers(router.get("thinkWhen")),
        models=models,
        describe_images=top.get("forceUseImageAgent") is True,
        config_hash=config_hash,
    )
    return table, resolving.errors, resolving.warnings


class Resolving:
    def __init__(self, models: Models) -> None:
        self.models = models
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def target(self, text: str, place: Place, complaints: list[Problem]) -> Target | None:
        """`provider,model` at the first comma; else `provider/model` at the first slash. In any case of letters."""
        head, comma, model = (part.strip() for part in text.partition(","))
        if not comma:
            head, _, model = (part.strip() for part in text.partition("/"))
        name = self._provider(head)
        if name is None or not model:
            complaints.append(problem(place, shown(place, text), self._expected(head, model, name)))
            return None
        listed = {known.lower(): known for known in self.models[name]}
        if listed and model.lower() not in listed:
            close = did_you_mean(model, self.models[name])
            hint = f" (did you mean {close}?)" if close else ""
            found = f"the model {model}, which {name} does not list"
            self.warnings.append(problem(place, found, f"one of its models{hint}; it is passed on as it is"))
        return Target(name, model if model in self.models[name] else listed.get(model.lower(), model))

    def _provider(self, head: str) -> str | None:
        if head in self.models:
            return head
        alike = [name for name in self.models if name.lower() == head.lower()]
        return alike[0] if len(alike) == 1 else None

    def _expected(self, head: str, model: str, name: str | None) -> str:
        if name is not None:
            return f'a model after the provider: "{name},…"'
        if not self.models:
            return "a provider in Providers that it can name"
        if not model:
            owner = next((known for known, models in self.models.items() if head in models), None)
            return f'"{owner},{head}"' if owner else '"provider,model"'
        close = did_you_mean(head, self.models)
        names = ", ".join(self.models)
        return f'"{close},{model}" (did you mean the provider {close}?)' if close else f"one of the providers {names}"

    def first_model(self, scenarios: dict[Scenario, Target]) -> None:
        first = next(((name, models[0]) for name, models in self.models.items() if models), None)
        if first is None:
            expected = "a provider with a model; until then every request is refused"
            self.warnings.append(problem(("Providers",), "no provider that lists a model", expected))
            return
        target = Target(*first)
        scenarios["default"] = target
        expected = f'"provider,model"; until then "{target}", the first model of the first provider, is used'
        self.warnings.append(problem(("Router", "default"), "nothing", expected))

    def fallback(self, section: Mapping[str, Any]) -> dict[Scenario, tuple[Target, ...]]:
        """A target that does not exist is left out, as in the npm tool, with a warning."""
        found: dict[Scenario, tuple[Target, ...]] = {}
        for scenario in SCENARIOS:
            texts = section.get(scenario)
            texts = [texts] if isinstance(texts, str) else texts if isinstance(texts, list) else []
            targets = [
                self.target(text, ("fallback", scenario, index), self.warnings)
                for index, text in enumerate(texts)
                if isinstance(text, str) and text
            ]
            if any(targets):
                found[scenario] = tuple(target for target in targets if target)
        return found


def _section(top: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = top.get(name)
    return section if isinstance(section, dict) else {}


def _number(value: object) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return int(value) if isinstance(value, int | float) and value > 0 else 0


def _triggers(value: object) -> frozenset[ThinkTrigger]:
    """An empty list is an answer: nothing counts. What is no word in it is among the schema's errors."""
    if isinstance(value, str) and value:
        value = [value]
    if not isinstance(value, list):
        return DEFAULT_THINK_TRIGGERS
    return cast("frozenset[ThinkTrigger]", frozenset(word for word in value if isinstance(word, str)))
