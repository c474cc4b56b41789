"""What the assembly itself decides: which config is in force."""

from __future__ import annotations

from pathlib import Path

from claude_code_router.assemble import LiveConfig
from claude_code_router.config.load import load_text


class _Startling(type(Path())):  # type: ignore[misc]
    """A file that makes the loader fail in a way that nobody has thought of."""

    def read_text(self, *_: object, **__: object) -> str:
        raise RuntimeError("nobody has thought of this")


async def test_a_bug_in_reading_an_edit_costs_that_edit_only(tmp_path: Path) -> None:
    """The old config stays, the error says so, and whoever watches lives to see the next edit."""
    first = load_text("{}", "config.json", {})
    live = LiveConfig(_Startling(tmp_path / "config.json"), {}, first)
    await live.reload()
    assert live.current is first
    assert live.error is not None
    assert "bug" in live.error
