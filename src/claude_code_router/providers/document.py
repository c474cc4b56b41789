"""Writes the tables of docs/providers.md from the code: `python -m claude_code_router.providers.document docs/providers.md`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from claude_code_router.dialects.anthropic_messages.relay_quirks import RelayChange
from claude_code_router.dialects.openai_chat.quirks import QuirkChange
from claude_code_router.providers.preset import Preset, load_presets
from claude_code_router.providers.transformers import load_transformers

_START = "<!-- generated: {name} -->"
_END = "<!-- end of {name} -->"


def render(text: str) -> str:
    """`text` with what stands between each pair of marks written anew."""
    for name, table in _TABLES.items():
        start, end = _START.format(name=name), _END.format(name=name)
        before, found_start, rest = text.partition(start)
        _, found_end, after = rest.partition(end)
        if not (found_start and found_end):
            raise ValueError(f"the marks {start} … {end} are missing")
        text = f"{before}{start}\n\n{table()}\n{end}{after}"
    return text


def transformer_table() -> str:
    rows = [
        (f"`{known.name}`", ", ".join(f"`{option}`" for option in known.options).replace("`*`", "any"), known.does)
        for known in sorted(load_transformers().values(), key=lambda known: known.name.lower())
    ]
    return _table(("Name", "Options", "What we do"), rows)


def preset_table() -> str:
    rows = [
        (
            f"`{preset.name}`",
            preset.title,
            _found_by(preset),
            "<br>".join(f"{dialect}: `{url}`" for dialect, url in preset.endpoints.items()),
        )
        for preset in load_presets().values()
    ]
    return _table(("Preset", "Vendor", "Found by", "Endpoints"), rows)


def _found_by(preset: Preset) -> str:
    found = [f"`{host}`" for host in (*preset.hosts, *filter(None, [preset.host_pattern]))] + [
        f"port {port} on this machine" for port in preset.loopback_ports
    ]
    return ", ".join(found) or f'`"preset": "{preset.name}"`'


def quirk_table() -> str:
    rows = [
        (f"`{preset.name}`", models, _fields(change), change.source)
        for preset in load_presets().values()
        for models, change in _changes(preset)
    ]
    return _table(("Preset", "Models", "What differs", "Known from"), rows)


def _changes(preset: Preset) -> Iterable[tuple[str, QuirkChange]]:
    for change in preset.quirks:
        yield "all", change
    for rule in preset.model_rules:
        yield f"`{rule.models}`", rule.change


def _fields(change: QuirkChange | RelayChange) -> str:
    return "<br>".join(f"`{name}`: {_value(value)}" for name, value in change.fields.items())


def _value(value: object) -> str:
    if callable(value):
        return (value.__doc__ or "").partition("\n")[0]
    if isinstance(value, msgspec.Struct):
        plain = type(value)()
        changed = [name for name in value.__struct_fields__ if getattr(value, name) != getattr(plain, name)]
        return "; ".join(f"{name} {_value(getattr(value, name))}" for name in changed)
    if isinstance(value, frozenset):
        return ", ".join(f"`{key}`" for key in sorted(value))
    return f"`{value}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def relay_table() -> str:
    rows = [
        (f"`{preset.name}`", models, _fields(change), change.source)
        for preset in load_presets().values()
        for models, change in [
            *(("all", change) for change in preset.relay),
            *((f"`{rule.models}`", rule.change) for rule in preset.relay_rules),
        ]
    ]
    return _table(("Preset", "Models", "What its Anthropic endpoint must not receive", "Known from"), rows)


_TABLES: dict[str, Callable[[], str]] = {
    "transformers": transformer_table,
    "presets": preset_table,
    "quirks": quirk_table,
    "relay": relay_table,
}


def main() -> None:
    file = Path(sys.argv[1])
    file.write_text(render(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
