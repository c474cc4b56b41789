"""How a command's arguments are read: what is wrong with one is said in our words, without the checking library's own."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

_PREFIX = "Value error, "
"""Of pydantic, with which Typer checks values since 0.29."""


class Command(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(_PREFIX)
            raise
