"""The category model that ships, read from the package's own files."""

from __future__ import annotations

from pathlib import Path

from claude_code_router.routing import categories
from claude_code_router.routing.categories import CategoryModel, Labels, read_model


def shipped_labels() -> Labels:
    return Labels(shipped_model())


def shipped_model() -> CategoryModel:
    return read_model(Path(categories.__file__).with_name("category_model.json").read_bytes())
