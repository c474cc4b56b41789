"""What a reply used, in one arithmetic for all dialects."""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts of one reply. `input_tokens` is the *uncached remainder* (Anthropic's convention): the whole prompt is
    input + cache_read + cache_write. All are ≥ 0."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    """All cache writes, whatever their time to live."""
    cache_write_1h_tokens: int = 0
    """The part of `cache_write_tokens` that was written for an hour."""
    output_tokens: int = 0
    """Includes reasoning."""
    reasoning_tokens: int = 0
    web_searches: int = 0

    @property
    def prompt_tokens(self) -> int:
        """The whole prompt, cached or not."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens
