"""`ccr route test`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any
from xml.sax.saxutils import escape, quoteattr

import msgspec
import typer

from claude_code_router.cli.lanes import lane
from claude_code_router.cli.terminal import say
from claude_code_router.config.categories import shipped_labels
from claude_code_router.config.home import Home
from claude_code_router.config.load import load
from claude_code_router.core.errors import BadRequest
from claude_code_router.core.signals import Signals
from claude_code_router.plugins.installed import with_installed_rules
from claude_code_router.routing import bench
from claude_code_router.routing.bench_patterns import PATTERNS


def command(
    action: Annotated[str, typer.Argument(metavar="test", help="The only thing to do so far: test.")],
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILES]", help="Requests of your own (JSON).")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="Another config than the one in use.")] = None,
    against: Annotated[Path | None, typer.Option("--against", help="A second config: show what it changes.")] = None,
    namespace: Annotated[str, typer.Option("--namespace", help="Test the rules of this namespace.")] = "",
    builtin: Annotated[bool, typer.Option("--builtin/--no-builtin", help="The built-in patterns.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit report to this file.")] = None,
) -> None:
    """Try the routing rules on typical requests; nothing is sent anywhere.

    A file holds a request body, or {"name", "body", "headers", "path", "expect"}, or a list of these; `expect` names the
    target, rule or tier (or `refused`) that the request must get. Exit code 1 when one does not, when a request has no
    route, or when a target does not exist.
    """
    if action != "test":
        raise typer.BadParameter(f"There is no `ccr route {action}`; try `ccr route test`.")
    cases = [bench.case_of(pattern) for pattern in PATTERNS] if builtin else []
    cases += [case for file in files or [] for case in read_cases(file)]
    rules = with_installed_rules()
    labels = shipped_labels()

    def known(signals: Signals) -> Signals:
        signals = msgspec.structs.replace(signals, namespace=namespace)
        return msgspec.structs.replace(signals, category=labels.of(signals))

    def tried(path: Path) -> bench.Findings:
        return bench.run(cases, lane(load(path, os.environ), namespace).table, rules, known)

    findings = tried(config or Home().config)
    changed = None
    if against is not None:
        changed = bench.changes(findings, tried(against))
    if junit is not None:
        junit.write_text(as_junit(findings), encoding="utf-8")
    say(
        json.dumps(as_object(findings, changed), ensure_ascii=False)
        if as_json
        else "\n".join(as_lines(findings, changed))
    )
    if findings.failed:
        raise typer.Exit(1)


def read_cases(file: Path) -> Iterator[bench.Case]:
    """Raises BadRequest when the file cannot be read."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRequest(f"{file} cannot be read: {error}.") from None
    for number, entry in enumerate(data if isinstance(data, list) else [data], start=1):
        if not isinstance(entry, dict):
            raise BadRequest(
                f"{file}: entry {number} is no object.", hint='A request body, or {"name": …, "body": {…}}.'
            )
        plain = "body" not in entry
        body, said = (entry, {}) if plain else (entry["body"], entry)
        headers = {str(name).lower(): str(value) for name, value in said.get("headers", {}).items()}
        yield bench.Case(
            name=str(said.get("name") or f"{file.name} {number}"),
            inbound=bench.inbound_of(body, headers, str(said.get("path", "/v1/messages"))),
            expect=str(said.get("expect", "")),
        )


Changes = list[tuple[str, str, str]] | None


def as_lines(findings: bench.Findings, changed: Changes) -> Iterator[str]:
    width = max((len(outcome.name) for outcome in findings.outcomes), default=0)
    equal = _equal_refusals(findings.outcomes)
    for outcome in findings.outcomes:
        if outcome.problems and outcome.refused in equal:
            names = equal[outcome.refused]
            equal[outcome.refused] = ()
            if names:
                yield f"✗ {len(names)} requests are refused: {outcome.refused}"
                yield f"    {_some(names)}"
            continue
        mark = "✗" if outcome.problems else " "
        tokens = f"{outcome.signals.tokens:>8,}" if outcome.signals else " " * 8
        yield f"{mark} {outcome.name:<{width}} {tokens}  {bench.shown(outcome)}"
        yield from (f"    {problem}" for problem in outcome.problems if problem != outcome.refused)
    yield ""
    yield f"{len(findings.outcomes)} requests, {sum(1 for one in findings.outcomes if one.problems)} with problems"
    yield from _listed("rules that decided none of them", findings.never_hit)
    yield from _listed("taken by nothing but `default`", findings.only_default)
    yield from _listed("targets that do not exist", findings.missing)
    if changed is not None:
        yield f"the other config changes {len(changed)}:"
        yield from (f"  {name}: {before} → {after}" for name, before, after in changed)


_NAMED = 3


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return f"{', '.join(names[:_NAMED])}{f' and {more} more (--json names all)' if more > 0 else ''}"


def _equal_refusals(outcomes: Sequence[bench.Outcome]) -> dict[str, Sequence[str]]:
    """By the reason, the names of the requests that should not be refused for it; only where there are several."""
    names: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.decision is None and outcome.problems:
            names.setdefault(outcome.refused, []).append(outcome.name)
    return {reason: some for reason, some in names.items() if len(some) > 1}


def _listed(what: str, names: tuple[str, ...]) -> Iterator[str]:
    if names:
        yield f"{what}: {len(names)}"
        yield from (f"  {name}" for name in names)


def as_object(findings: bench.Findings, changed: Changes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "failed": findings.failed,
        "requests": [
            {
                "name": outcome.name,
                "tokens": outcome.signals.tokens if outcome.signals else None,
                "target": str(outcome.decision.route.first) if outcome.decision else None,
                "route": [str(target) for target in outcome.decision.route] if outcome.decision else [],
                "rule": outcome.decision.rule if outcome.decision else None,
                "because": outcome.decision.because if outcome.decision else outcome.refused,
                "problems": list(outcome.problems),
            }
            for outcome in findings.outcomes
        ],
        "never_hit": list(findings.never_hit),
        "only_default": list(findings.only_default),
        "missing_targets": list(findings.missing),
    }
    if changed is not None:
        found["changes"] = [{"name": name, "before": before, "after": after} for name, before, after in changed]
    return found


def as_junit(findings: bench.Findings) -> str:
    """One test case a request, and one for the config's targets."""
    cases = [(outcome.name, outcome.problems) for outcome in findings.outcomes]
    cases.append(("all targets exist", findings.missing))
    failures = sum(1 for _, problems in cases if problems)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="ccr route test" tests="{len(cases)}" failures="{failures}">',
    ]
    for name, problems in cases:
        lines.append(f'  <testcase classname="ccr.route" name={quoteattr(name)}>')
        lines += [f"    <failure>{escape(problem)}</failure>" for problem in problems]
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>", ""])
