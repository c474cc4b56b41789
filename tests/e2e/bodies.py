"""Request bodies: the smallest good one, and endlessly odd ones that are still good JSON."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

HELLO: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "hello"}],
}


def hello(**fields: Any) -> dict[str, Any]:
    return {**HELLO, **fields}


class Odd(NamedTuple):
    """A body in three pieces around the model's value."""

    before: bytes
    model: bytes
    after: bytes

    @property
    def body(self) -> bytes:
        return self.before + self.model + self.after

    def with_model(self, model: str) -> bytes:
        return self.before + json.dumps(model).encode() + self.after


SPACE = st.text(alphabet=" \t\r\n", max_size=3)
# Keys that mean something to the router are left out, or the odd body would be another request.
KNOWN = ("model", "messages", "system", "tools", "metadata", "stream", "thinking", "output_config", "max_tokens",
         "stop_sequences", "tool_choice", "temperature", "top_p", "top_k")  # fmt: skip
CHARACTERS = st.characters(exclude_categories=["Cs"])
KEYS = st.text(CHARACTERS, max_size=8).filter(lambda key: key not in KNOWN)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARACTERS, max_size=20)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
MODELS = st.sampled_from(["claude-sonnet-5-5", "claude-opus-5-5", "none at all", "größe", 'quo"ted', "tab\t"])


@st.composite
def _token(draw: st.DrawFn, value: Any) -> str:
    """One JSON value, its strings now raw, now escaped, with white space wherever JSON allows it."""
    match value:
        case dict():
            pairs = [(draw(_token(key)), draw(_token(inner))) for key, inner in value.items()]
            inside = ",".join(
                f"{draw(SPACE)}{key}{draw(SPACE)}:{draw(SPACE)}{token}{draw(SPACE)}" for key, token in pairs
            )
            return f"{{{inside or draw(SPACE)}}}"
        case list():
            inside = ",".join(f"{draw(SPACE)}{draw(_token(inner))}{draw(SPACE)}" for inner in value)
            return f"[{inside or draw(SPACE)}]"
        case str():
            return draw(_string(value))
        case _:
            return json.dumps(value)


@st.composite
def _string(draw: st.DrawFn, value: str) -> str:
    plain = json.dumps(value, ensure_ascii=draw(st.booleans()))
    return plain.replace("/", "\\/") if draw(st.booleans()) else plain


@st.composite
def odd_bodies(draw: st.DrawFn) -> Odd:
    """Top-level keys in any order, unknown ones among them, some of whose values have a `model` of their own."""
    text = draw(st.text(CHARACTERS, max_size=30))
    messages = [{"role": "user", "content": [{"type": "text", "text": text, "model": "inner"}]}]
    fields: list[tuple[str, Any]] = [
        ("messages", messages),
        ("max_tokens", 64),
        *draw(st.dictionaries(KEYS, VALUES, max_size=4)).items(),
    ]
    fields.append(("extra_body", {"model": "not this one", "deep": [{"model": "nor this"}]}))
    fields.append(("model", None))
    before, after = "", ""
    model = draw(_string(draw(MODELS)))
    for position, (key, value) in enumerate(draw(st.permutations(fields))):
        comma = "," if position else "{"
        head = f"{comma}{draw(SPACE)}{draw(_string(key))}{draw(SPACE)}:{draw(SPACE)}"
        if key == "model":
            before, after = before + after + head, ""
            after += draw(SPACE)
        else:
            after += head + draw(_token(value)) + draw(SPACE)
    return Odd((draw(SPACE) + before).encode(), model.encode(), (after + "}" + draw(SPACE)).encode())
