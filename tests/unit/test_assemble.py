"""What the assembly itself decides: what follows an edit."""

from __future__ import annotations

from pathlib import Path

from claude_code_router.assemble import Prices, follow
from claude_code_router.config.load import load_text
from claude_code_router.delivery.gate import Gate
from claude_code_router.plugins.custom import CustomRouter
from claude_code_router.plugins.settings import CustomRouterSettings
from claude_code_router.store.recorder import Recorder


class _BadRouter(CustomRouter):
    def use(self, settings: CustomRouterSettings | None) -> None:
        raise RuntimeError("nobody has thought of this")


async def test_a_step_that_fails_keeps_no_other_behind(tmp_path: Path) -> None:
    """The config is in force: limits and the days of records follow it, whatever the custom router does."""
    config = load_text('{"RECORD_DAYS": 7, "budget": {"day_usd": 1}}', "config.json", {})
    prices = Prices(tmp_path)
    recorder = Recorder("", prices.of)
    gate = Gate(lambda: 0.0, lambda: 0.0)
    bad = _BadRouter(lambda: 0.0, {})
    await follow(config, bad, gate, recorder, prices, f"sqlite:///{tmp_path / 'records.db'}")
    assert recorder.days == 7
    assert gate.counts_money
