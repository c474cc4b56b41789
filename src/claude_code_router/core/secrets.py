"""The owner's configured secrets, and taking them out of what others have worded: upstreams like to repeat a wrong key."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from claude_code_router.core.failure import Failure

MIN_LENGTH = 8
"""A shorter value is a placeholder such as `ollama`, and would tear words apart."""
STRUCK = "[redacted]"


class Secrets:
    """Immutable: threads may share it. What holds no secret comes back as the very same object."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = frozenset(value for value in values if len(value) >= MIN_LENGTH)
        forms = {form for value in self._values for form in _forms(value)}
        # The longest first: one key may be the beginning of another.
        self._forms = tuple(sorted((form.encode("utf-8", "replace") for form in forms), key=len, reverse=True))

    def __or__(self, other: Secrets) -> Secrets:
        return self if other._values <= self._values else Secrets(self._values | other._values)

    def struck(self, body: bytes) -> bytes:
        """JSON stays JSON."""
        for form in self._forms:
            if form in body:
                body = body.replace(form, STRUCK.encode())
        return body

    def struck_text(self, text: str) -> str:
        raw = text.encode("utf-8", "surrogatepass")
        struck = self.struck(raw)
        return text if struck is raw else struck.decode("utf-8", "surrogatepass")

    def struck_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        return [(name, self.struck(value)) for name, value in headers]

    def struck_failure(self, failure: Failure) -> Failure:
        message, error_type = self.struck_text(failure.message), self.struck_text(failure.error_type)
        if message is failure.message and error_type is failure.error_type:
            return failure
        return msgspec.structs.replace(failure, message=message, error_type=error_type)


NO_SECRETS = Secrets()


def _forms(value: str) -> set[str]:
    """As it stands in text, in JSON of several makers, and in a URL."""
    in_json = json.dumps(value)[1:-1]
    slashed = in_json.replace("/", "\\/")  # PHP
    unmarked = in_json.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")  # Go
    plain = json.dumps(value, ensure_ascii=False)[1:-1]
    return {value, in_json, slashed, unmarked, plain, quote(value, safe="")}
