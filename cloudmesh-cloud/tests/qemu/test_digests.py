"""Digests in the lists that distributions publish, in each of their forms; and the catalogue."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud.errors import Refused
from cloudmesh.cloud.providers.qemu.catalogue import CATALOGUE, in_catalogue
from cloudmesh.cloud.providers.qemu.digests import checked_digest, find_digest, require_digest, writers
from cloudmesh.plugin.errors import UnknownName, UsageError

ONE, TWO, LONG = "a1" * 32, "b2" * 32, "c3" * 64
NAME = "disk-12.x86_64.qcow2"


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}  {NAME}\n{TWO}  other\n",
        f"{TWO} *other\r\n{ONE} *{NAME}\r\n",
        f"{ONE.upper()}  ./images/{NAME}\n",
        f"SHA256 ({NAME}) = {ONE}\n",
        f"SHA256({NAME})= {ONE}\n",
        f"# {NAME}: 544997376 bytes\nSHA256 ({NAME}) = {ONE}\n",
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# {NAME}: 1 bytes\nSHA256 ({NAME}) = {ONE}\n"
        "-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCAAdFiEE\n-----END PGP SIGNATURE-----\n",
        f"{ONE}\n",
        f"{TWO}  {NAME}.old\n{TWO}  old-{NAME}\n{ONE}  {NAME}\n",
    ],
)
def test_a_digest_is_found_in_each_form_of_list(text: str) -> None:
    assert find_digest(text, NAME) == ONE


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ONE}  other\n",
        f"MD5 ({NAME}) = {'0' * 32}\n",
        f"{'0' * 40}  {NAME}\n",
        f"SHA512 ({NAME}) = {ONE}\n",
        f"{ONE}\n{TWO}\n",
        f"<a href='{NAME}'>{ONE}</a>",
    ],
)
def test_what_is_not_the_digest_of_this_file_is_none(text: str) -> None:
    assert find_digest(text, NAME) == ""


def test_the_strongest_of_several_is_taken() -> None:
    text = f"SHA256 ({NAME}) = {ONE}\nSHA512 ({NAME}) = {LONG}\n"
    assert find_digest(text, NAME) == LONG


def test_the_list_of_one_file_may_name_its_newest_build() -> None:
    text = f"{ONE}  Minimal-VM.x86_64-16.0.0-Cloud-Build19.qcow2\n"
    assert find_digest(text, NAME) == ""
    assert find_digest(text, NAME, alone=True) == ONE
    assert find_digest(text + f"{TWO}  b\n", NAME, alone=True) == ""


names = st.text(
    st.characters(codec="ascii", exclude_categories=["C", "Z"], exclude_characters="/()"), min_size=1
)


@given(st.dictionaries(names, st.binary(), min_size=1), st.booleans(), st.sampled_from(["sha256", "sha512"]))
def test_any_list_tells_the_digest_of_each_of_its_files(
    files: dict[str, bytes], bsd: bool, kind: str
) -> None:
    digests = {name: hashlib.new(kind, content).hexdigest() for name, content in files.items()}
    form = f"{kind.upper()} ({{}}) = {{}}" if bsd else "{1}  {0}"
    text = "\n".join(form.format(name, digest) for name, digest in digests.items())
    for name, digest in digests.items():
        starred = not bsd and name.startswith("*")
        assert find_digest(text, name.lstrip("*") if starred else name) in (digest, *digests.values())
        if not starred and f"*{name}" not in digests:
            assert find_digest(text, name) == digest


@given(st.text(), st.text())
def test_no_text_makes_it_fail(text: str, name: str) -> None:
    assert find_digest(text, name) in ("", *text.lower().replace("(", " ").split())


def test_a_digest_is_taken_as_people_copy_it() -> None:
    assert checked_digest(f" {ONE.upper()}\n") == ONE
    assert checked_digest(f"sha256:{ONE}") == ONE
    assert checked_digest(f"SHA512={LONG}") == LONG
    for wrong in ("", "abc", "0" * 32, "g" * 64, ONE + "0"):
        with pytest.raises(UsageError, match="no SHA-256 digest"):
            checked_digest(wrong)


def test_another_digest_is_refused() -> None:
    hashes = writers(LONG)
    assert set(hashes) == {"sha256", "sha512"}
    require_digest(hashes, "", "it")
    require_digest(hashes, hashlib.sha512().hexdigest(), "it")
    with pytest.raises(Refused, match="it is not what it should be"):
        require_digest(hashes, LONG, "it")


def test_the_catalogue_is_whole() -> None:
    assert len(CATALOGUE) >= 8
    assert [each.name for each in CATALOGUE] == sorted({each.name for each in CATALOGUE})
    for each in CATALOGUE:
        assert urlsplit(each.url).scheme == "https"
        assert each.url.endswith((".qcow2", ".img"))
        assert bool(each.checksums) != bool(each.digest)
        assert urlsplit(each.checksums or each.url).scheme == "https"
        assert urlsplit(each.checksums or each.url).hostname == urlsplit(each.url).hostname
        assert each.user.isalpha()
        assert not each.digest or checked_digest(each.digest) == each.digest
        assert in_catalogue(each.name) is each
    with pytest.raises(UnknownName, match=r"did you mean 'debian-1[23]'"):
        in_catalogue("debian-1")
