"""What is remembered between requests: bounded, and forgotten in time."""

from claude_code_router.core.signals import Signals
from claude_code_router.delivery.backoff import RetrySettings
from claude_code_router.delivery.memory import Memory


def asked(number: int = 0) -> Signals:
    return Signals(model="m", session="s", prompt_hash=str(number), turns=3)


def test_a_request_that_was_told_exhausted_is_known_again() -> None:
    """The same question of the same session, within two minutes; any other is new."""
    memory = Memory()
    assert not memory.is_repetition(asked(), 0.0)
    memory.told_exhausted(asked(), 0.0)
    assert memory.is_repetition(asked(), 40.0)
    assert not memory.is_repetition(asked(1), 40.0)
    assert not memory.is_repetition(asked(), 121.0)


def test_only_the_latest_are_kept() -> None:
    """A long outage does not fill the memory."""
    memory = Memory()
    for number in range(600):
        memory.told_exhausted(asked(number), 0.0)
    assert not memory.is_repetition(asked(87), 0.0)
    assert memory.is_repetition(asked(88), 0.0)


def test_each_provider_has_its_own_budget() -> None:
    """Repetitions to one provider are not taken from another's."""
    memory, settings = Memory(), RetrySettings(burst=1.0, ratio=0.0)
    assert not memory.may_repeat("never asked")
    for provider in ("a", "b"):
        memory.requested(provider, 0.0, settings)
    memory.repeated("a")
    assert not memory.may_repeat("a")
    assert memory.may_repeat("b")
