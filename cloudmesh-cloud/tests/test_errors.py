"""Which errors may go well a little later, and after which nobody knows what was done."""

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.errors import is_transient, only_looking

TRANSIENT = {"Unreachable", "OutOfService", "CloudTimeout", "BadAnswer", "RateLimited", "ServerFailure"}
UNSURE = {"BadAnswer", "ServerFailure", "ProviderDefect"}
KINDS = [getattr(errors, name) for name in errors.__all__ if isinstance(getattr(errors, name), type)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_transient_and_unsure_by_its_kind(kind):
    error = kind("it went wrong")
    assert is_transient(error) is (kind.__name__ in TRANSIENT)
    assert error.outcome_unknown is (kind.__name__ in UNSURE)


def test_one_error_may_be_unsure_where_another_of_its_kind_is_not():
    lost, refused = errors.Unreachable("reset", outcome_unknown=True), errors.Unreachable("nobody listens")
    assert (
        lost.outcome_unknown and not refused.outcome_unknown and is_transient(lost) and is_transient(refused)
    )


def test_what_is_no_error_of_a_cloud_is_not_transient():
    assert not is_transient(TimeoutError()) and not is_transient(KeyboardInterrupt())


def test_an_error_of_what_only_looks_leaves_nothing_unsure():
    lost = errors.CloudTimeout("late", outcome_unknown=True)
    with pytest.raises(errors.CloudTimeout) as caught, only_looking():
        raise lost
    assert caught.value is lost and not lost.outcome_unknown
