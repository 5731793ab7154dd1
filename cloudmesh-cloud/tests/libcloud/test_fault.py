"""Whatever a cloud answers becomes one harmless line without secrets."""

import json

from hypothesis import given
from hypothesis import strategies as st
from libcloud.common.exceptions import BaseHTTPError

from cloudmesh.cloud import errors
from cloudmesh.cloud.providers.libcloud import error_details
from cloudmesh.cloud.providers.libcloud.errors import CallContext, translate

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
    call = CallContext("acme", "boot vm1", "api.acme.example", secrets=(SECRET,))
    ours = translate(BaseHTTPError(status, message), call)
    assert isinstance(ours, errors.CloudError | errors.CredentialsError)
    told = str(ours)
    assert "acme" in told and SECRET not in told and len(told) < 600
    assert told.isprintable() or not any(ord(letter) < 32 for letter in told)


@given(text=st.text(max_size=60))
def test_retry_after_is_a_number_or_nothing(text):
    seconds = error_details.retry_after({"Retry-After": text})
    assert seconds is None or seconds >= 0


@given(headers=st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=3))
def test_other_headers_say_nothing(headers):
    kept = {key: value for key, value in headers.items() if key.lower() != "retry-after"}
    assert error_details.retry_after(kept) is None
