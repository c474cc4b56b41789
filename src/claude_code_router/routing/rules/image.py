from __future__ import annotations

from claude_code_router.core.decision import Pass, Verdict
from claude_code_router.core.signals import Signals
from claude_code_router.routing.table import RoutingTable
from claude_code_router.routing.verdict import choose


def image(signals: Signals, table: RoutingTable) -> Verdict:
    """A picture in the current turn goes to a model that sees, even before an explicit choice (as the npm tool)."""
    if signals.images and table.describe_images:
        return Pass("image", "pictures are put into words for the model of the conversation")
    if signals.image_in_last_turn:
        return choose("image", "image", table, "there is an image in the last turn")
    if signals.images:
        return Pass("image", "images are only in earlier turns")
    return Pass("image", "there is no image")
