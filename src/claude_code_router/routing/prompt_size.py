"""How much a prompt asks to be kept in mind: what orders prompts where nothing was learnt. Pure.

Words alone take a long text to be looked something up in for a hard one. A situation is told in sentences, about people, with
quantities that hang together; each of the four has the same say.
"""

from __future__ import annotations

import re

READ_CHARACTERS = 1_024
"""Of each end, as people say what they want at the ends of what they paste; more would cost more than it tells."""
USUAL_SIZE = 6.0
"""Half of the public tables' prompts are larger."""
_SENTENCE = re.compile(r"[.!?](?:\s|$)|[\u3002\uff01\uff1f]")
_PEOPLE = re.compile(r"\b(?:i|me|my|we|us|our|you|your|he|him|his|she|her|they|them|their)\b", re.IGNORECASE)
_QUANTITIES = re.compile(
    r"\b(?:total|sum|average|half|twice|double|times|per|percent|rest|remain\w*|left|(?:more|less) than)\b|%",
    re.IGNORECASE,
)
_CUES = (_SENTENCE, _PEOPLE, _QUANTITIES)


def size(text: str) -> float:
    """The geometric mean of how many there are of each, and one."""
    read = ends(text)
    product = 1.0 + len(text.split())
    for cue in _CUES:
        product *= 1 + len(cue.findall(read))
    return float(product ** (1 / (1 + len(_CUES))))


def ends(text: str) -> str:
    """Of a long text the beginning and the end."""
    if len(text) <= 2 * READ_CHARACTERS:
        return text
    return f"{text[:READ_CHARACTERS]}\n{text[-READ_CHARACTERS:]}"
