"""No exception of the libraries underneath stays as it is; what a cloud says becomes one harmless line."""

import importlib
import json
import pkgutil
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from libcloud.common.exceptions import BaseHTTPError

from cloudmesh.cloud import errors
from cloudmesh.cloud.providers.libcloud.error_details import retry_after
from cloudmesh.cloud.providers.libcloud.errors import CallContext, translate
from cloudmesh.cloud.providers.libcloud.records import epoch_seconds
from cloudmesh.plugin.errors import CloudError, CredentialsError


def _modules():
    import libcloud.common
    import libcloud.compute

    yield from ("requests.exceptions", "urllib3.exceptions", "socket", "ssl", "libcloud.utils.retry")
    for package in (libcloud.common, libcloud.compute):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield found.name


def library_errors():
    """Every exception class of requests, urllib3 and libcloud's compute side."""
    for name in _modules():
        # But for drivers whose own library is not installed.
        with suppress(ImportError):
            yield from (
                value
                for value in vars(importlib.import_module(name)).values()
                if isinstance(value, type)
                and issubclass(value, Exception)
                and not issubclass(value, Warning)
                and not value.__name__.startswith("_")
                and value.__module__.split(".")[0] in ("libcloud", "requests", "urllib3", "ssl", "socket")
            )


CALL = CallContext("acme", "boot vm1", "api.acme.example")


@pytest.mark.filterwarnings("ignore")
def test_no_error_of_a_library_is_unmapped():
    found = set(library_errors())
    names = {each.__name__ for each in found}
    assert len(found) > 80
    assert {"ReadTimeout", "BaseHTTPError", "MalformedResponseError", "QuotaExceededError"} <= names
    for kind in found:
        # Without __init__: each wants other arguments, and none of them may be relied upon.
        error = kind.__new__(kind)
        ours = translate(error, CALL)
        assert isinstance(ours, CloudError | CredentialsError), kind
        assert "acme" in str(ours), kind


@pytest.mark.parametrize(
    ("module", "name", "kind"),
    [
        ("libcloud.common.types", "InvalidCredsError", errors.CredentialsError),
        ("libcloud.common.types", "ServiceUnavailableError", errors.OutOfService),
        ("libcloud.common.types", "LibcloudError", errors.Refused),
        ("libcloud.common.exceptions", "RateLimitReachedError", errors.RateLimited),
        ("libcloud.common.google", "GoogleAuthError", errors.CredentialsError),
        ("libcloud.common.google", "ResourceNotFoundError", errors.NotFound),
        ("libcloud.common.google", "ResourceExistsError", errors.Conflict),
        ("libcloud.common.google", "QuotaExceededError", errors.QuotaExceeded),
        ("libcloud.common.google", "JsonParseError", errors.BadAnswer),
        ("libcloud.compute.types", "KeyPairDoesNotExistError", errors.NotFound),
        ("requests.exceptions", "ConnectTimeout", errors.CloudTimeout),
        ("requests.exceptions", "ReadTimeout", errors.CloudTimeout),
        ("requests.exceptions", "SSLError", errors.TlsFailure),
        ("requests.exceptions", "ProxyError", errors.Unreachable),
        ("requests.exceptions", "InvalidURL", errors.Unreachable),
        ("requests.exceptions", "InvalidHeader", errors.Unreachable),
        ("requests.exceptions", "ContentDecodingError", errors.BadAnswer),
        ("requests.exceptions", "ChunkedEncodingError", errors.BadAnswer),
    ],
)
def test_errors_that_carry_no_status_become_what_they_mean(module, name, kind):
    found = getattr(importlib.import_module(module), name)
    error = found.__new__(found)
    error.args = ("told in words",)
    error.value = "told in words"
    assert type(translate(error, CALL)) is kind


QUERIES = "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'compute'"
OLDER = "Quota 'Read requests per 100 seconds' exceeded"
CORES = "Quota 'CPUS' exceeded. Limit: 24.0 in region us-central1"


@pytest.mark.parametrize(
    ("reason", "words", "kind"),
    [
        ("rateLimitExceeded", QUERIES, errors.RateLimited),
        ("userRateLimitExceeded", "Quota exceeded", errors.RateLimited),
        ("quotaExceeded", OLDER, errors.RateLimited),
        ("quotaExceeded", CORES, errors.QuotaExceeded),
        ("forbidden", "Required 'compute.instances.stop' permission", errors.Refused),
    ],
)
def test_googles_quota_of_calls_is_no_quota_of_machines(reason, words, kind):
    from libcloud.common.google import GoogleBaseError

    said = {"domain": "usageLimits", "reason": reason, "message": words}
    error = translate(GoogleBaseError(said, 403, reason), CALL)
    assert type(error) is kind
    assert words in str(error) and not error.outcome_unknown


def test_what_is_no_librarys_error_is_left_alone():
    assert translate(KeyError("x"), CALL) is translate(ZeroDivisionError(), CALL) is None
    error = errors.Conflict("as it is")
    assert translate(error, CALL) is error, "our own error stays itself"


def test_what_only_looks_leaves_nothing_open():
    with pytest.raises(errors.CloudTimeout, match="^late; tell them$") as caught, errors.only_looking():
        raise errors.CloudTimeout(f"late; {errors.UNSURE}; tell them", outcome_unknown=True)
    assert not caught.value.outcome_unknown


def test_a_redirection_to_nowhere_is_one_too():
    answer = SimpleNamespace(status_code=302, headers={"location": "http://["}, text="")
    error = translate(BaseHTTPError(302, "Found"), replace(CALL, answer=answer))
    assert type(error) is errors.Refused and "redirects to an invalid address (HTTP 302)" in str(error)


SECRET = "s3cr3t/+ value"
WORDS = st.text(max_size=40) | st.just(SECRET) | st.just(f"password {SECRET} is wrong")
SAID = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@given(said=SAID, status=st.integers(min_value=400, max_value=599), as_text=st.booleans())
def test_any_words_of_any_form(said, status, as_text):
    message = json.dumps(said) if as_text else said
    ours = translate(BaseHTTPError(status, message), replace(CALL, secrets=(SECRET,)))
    assert isinstance(ours, errors.CloudError | errors.CredentialsError)
    told = str(ours)
    assert "acme" in told and SECRET not in told and len(told) < 600
    assert told.isprintable() or not any(ord(letter) < 32 for letter in told)


@given(text=st.text(max_size=60))
@example("\x1f0")
def test_retry_after_is_a_number_or_nothing(text):
    seconds = retry_after({"Retry-After": text})
    assert seconds is None or seconds >= 0


@given(headers=st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=3))
def test_other_headers_say_nothing(headers):
    kept = {key: value for key, value in headers.items() if key.lower() != "retry-after"}
    assert retry_after(kept) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[
            (f"2026-11-24T10:00:00{end}", 1795514400.0)
            for end in ("", "Z", "z", ".0Z", ".0000000Z", "+00:00")
        ],
        *[(f"2026-11-24T12:00:00{end}", 1795514400.0) for end in ("+0200", "+02:00", ".00+0200")],
        *[(f"2026-11-24T10:00:00{end}", 1795514400.25) for end in (".25Z", ".2500Z", ".25000000", ",25Z")],
        *[(odd, 0.0) for odd in (None, "", "yesterday", "2026-13-45T10:00:00Z", "2026-11-24T10:0", 7, {})],
    ],
)
def test_a_time_is_read_on_every_python_and_an_odd_one_is_none(text, seconds):
    assert epoch_seconds(text) == seconds
