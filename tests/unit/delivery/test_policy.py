"""The failure table: complete, and read off an upstream's status in the order status, then words."""

import pytest

from claude_code_router.core.failure import Failure, FailureKind
from claude_code_router.delivery.policy import FAILURES, client_status, kind_of_error_type, kind_of_status

K = FailureKind


def test_every_kind_has_its_line() -> None:
    """No kind of failure is without a policy."""
    assert set(FAILURES) == set(FailureKind)


@pytest.mark.parametrize("kind", [K.BAD_REQUEST, K.TOO_LARGE])
def test_the_users_own_error_goes_nowhere_else(kind: FailureKind) -> None:
    """What is wrong with the request itself is never replayed on another model."""
    assert FAILURES[kind].next_target == "no"
    assert FAILURES[kind].again_here == 0


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "tools.0: Extra inputs are not permitted", K.BAD_REQUEST),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", K.CONTEXT_OVERFLOW),
        (400, "This model's maximum context length is 8192 tokens", K.CONTEXT_OVERFLOW),
        (422, "unprocessable", K.BAD_REQUEST),
        (401, "", K.AUTH),
        (402, "", K.BILLING),
        (403, "", K.AUTH),
        (404, "", K.NOT_FOUND),
        (408, "", K.SERVER),
        (413, "", K.TOO_LARGE),
        (418, "", K.BAD_REQUEST),
        (429, "maximum context length", K.RATE_LIMIT),
        (429, "You exceeded your current quota, please check your plan", K.BILLING),
        (500, "", K.SERVER),
        (503, "", K.SERVER),
        (529, "", K.OVERLOADED),
    ],
)
def test_kind_of_status(status: int, message: str, kind: FailureKind) -> None:
    """The status decides; words only tell 400s apart."""
    assert kind_of_status(status, message) == kind


@pytest.mark.parametrize(
    ("error_type", "kind"),
    [
        ("overloaded_error", K.OVERLOADED),
        ("rate_limit_error", K.RATE_LIMIT),
        ("api_error", K.ERROR_EVENT),
        ("", K.ERROR_EVENT),
    ],
)
def test_kind_of_error_type(error_type: str, kind: FailureKind) -> None:
    """An error inside a 200 is known by its type."""
    assert kind_of_error_type(error_type) == kind


@pytest.mark.parametrize(("status", "seen"), [(None, 503), (418, 418), (200, 503), (529, 529)])
def test_the_client_sees_the_upstreams_own_error_status(status: int | None, seen: int) -> None:
    """An upstream's error status is passed on; a failure without one gets the table's."""
    failure = Failure(kind=K.CONNECT, fault="network", message="x", status=status)
    assert client_status(failure) == seen
