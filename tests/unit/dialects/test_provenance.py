"""Signatures of our own."""

from __future__ import annotations

import pytest

from claude_code_router.dialects.provenance import MARK, mint, opened


@pytest.mark.parametrize("payload", ["", "x", '{"a":"é"}', "long " * 1000])
def test_a_minted_signature_opens(payload: str) -> None:
    """What was minted comes back, and wears the mark."""
    signature = mint("text", payload)
    assert signature.startswith(MARK)
    assert opened(signature) == ("text", payload)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "EqQBCkYIBRgCKkA=",
        "ccr1",
        "ccr1~~~~~~~~~~~~~~~~~~~~.",
        "ccr1~~~~~~~~~~~~~~~~~~~~..abc",
        "ccr1~~~~~~~~~~~~~~~~~~~~.text.!!",
        "ccr1~~~~~~~~~~~~~~~~~~~~.text.abcd",
        mint("t", "x" * 99)[:-6],
    ],
)
def test_other_and_damaged_signatures_do_not_open(signature: str) -> None:
    """Nobody else's signature is taken for ours, and a damaged one is nobody's."""
    assert opened(signature) is None


def test_a_bomb_does_not_open() -> None:
    """A payload that inflates beyond all use is refused: it comes from outside."""
    assert opened(mint("text", "0" * (9 * 1024 * 1024))) is None
