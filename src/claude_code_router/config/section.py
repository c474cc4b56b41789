"""What every object of the config file is: the base of `config.schema` and of the sections that have files of their own."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """An object of the file. `null` and `""` count as not said, as in the npm tool, whose web interface writes empty
    strings for everything left blank."""

    other_keys: ClassVar[Any] = None
    """The type of what stands under keys that are no fields; None: such keys are unknown, kept and warned about."""
