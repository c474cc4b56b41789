"""The category model that ships, read from the package's own files."""

from __future__ import annotations

from pathlib import Path

from claude_code_router.routing import categories
from claude_code_router.routing.categories import Labels, read_model


def shipped_labels() -> Labels:
    return Labels(read_model(Path(categories.__file__).with_name("category_model.json").read_bytes()))
