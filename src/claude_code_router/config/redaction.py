"""What may be shown of the owner's values: never a secret, not even in the message that complains about it."""

from __future__ import annotations

import json
import re

from claude_code_router.config.places import Place

_SECRET_KEY = re.compile(
    r"(?i)(api[-_]?key|apikey|secret|token$|password|passwd|credential|authorization|cookie|private[-_]?key|_key$|^keys$|_keys$)"
)
_SECRET_VALUE = re.compile(r"^(Bearer\s+)?(sk|pk|rk|gsk|hf|xai|nvapi|r8|ghp|AIza|eyJ)[-_A-Za-z0-9]{12,}")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_SHOWN_LENGTH = 60


def is_secret(place: Place) -> bool:
    """By the name of the key it stands under, at any height: `headers.Authorization`, `OPENAI_API_KEY`, `APIKEY`."""
    return any(isinstance(step, str) and _SECRET_KEY.search(step) for step in place)


def shown(place: Place, value: object) -> str:
    """A value in a message: what it is, shortened, with anything secret taken out."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if not isinstance(value, str):
        return "a number (not shown)" if is_secret(place) and not isinstance(value, bool) else json.dumps(value)
    if _SECRET_VALUE.match(value) or is_secret(place):
        return '""' if not value else f'"{value[:3]}…" (not shown)' if len(value) >= 12 else '"…" (not shown)'
    text = _USER_INFO.sub("…@", value)
    text = text.split("?", 1)[0] + "?…" if "://" in text and "?" in text else text
    return json.dumps(text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "…", ensure_ascii=False)
