"""Size gates: files, functions and nesting stay small, and the list of exceptions only shrinks.

Exit code 1 when a limit is passed, or when an exception is listed that is no longer needed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_WARN, FILE_STOP = 400, 500
FUNCTION_WARN, FUNCTION_STOP = 40, 60
NESTING_STOP = 3

EXCEPTIONS: dict[str, str] = {}
"""`path:what` -> the reason. The build fails when an entry is no longer needed."""

_NESTS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
Finding = tuple[str, str, bool]  # key, message, stops the build


def main() -> int:
    root = Path(__file__).parent.parent
    findings = [
        f for path in sorted((root / "src").rglob("*.py")) for f in _findings(path, str(path.relative_to(root)))
    ]
    stopping = {key for key, _, stops in findings if stops}
    failed = False
    for key, message, stops in findings:
        if stops and key not in EXCEPTIONS:
            failed = True
            print(f"stop: {message}")
        elif not stops:
            print(f"warn: {message}")
    for key in EXCEPTIONS.keys() - stopping:
        failed = True
        print(f"stop: the exception {key!r} is no longer needed: delete it from scripts/gates.py")
    return 1 if failed else 0


def _findings(path: Path, name: str) -> Iterator[Finding]:
    text = path.read_text()
    lines = text.count("\n")
    if lines > FILE_WARN:
        yield f"{name}:file", f"{name}: {lines} lines (warn {FILE_WARN}, stop {FILE_STOP})", lines > FILE_STOP
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _function(node, name)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Iterator[Finding]:
    size = (node.end_lineno or node.lineno) - node.lineno + 1
    where = f"{name}:{node.lineno} {node.name}"
    if size > FUNCTION_WARN:
        yield (
            f"{name}:{node.name}",
            f"{where}: {size} lines (warn {FUNCTION_WARN}, stop {FUNCTION_STOP})",
            size > FUNCTION_STOP,
        )
    depth = _depth(node.body)
    if depth > NESTING_STOP:
        yield f"{name}:{node.name}:nesting", f"{where}: nested {depth} deep (stop {NESTING_STOP})", True


def _depth(body: list[ast.stmt]) -> int:
    return max((_statement_depth(statement) for statement in body), default=0)


def _statement_depth(statement: ast.stmt) -> int:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or not isinstance(
        statement, _NESTS
    ):
        return 0
    if isinstance(statement, ast.Match):
        return 1 + max((_depth(case.body) for case in statement.cases), default=0)
    inner = _depth(statement.body)
    orelse = getattr(statement, "orelse", [])
    # `elif` is a sibling, not a child.
    if isinstance(statement, ast.If) and len(orelse) == 1 and isinstance(orelse[0], ast.If):
        return max(1 + inner, _statement_depth(orelse[0]))
    handlers = [_depth(handler.body) for handler in getattr(statement, "handlers", [])]
    rest = _depth(orelse), _depth(getattr(statement, "finalbody", []))
    return 1 + max(inner, *handlers, *rest)


if __name__ == "__main__":
    sys.exit(main())
