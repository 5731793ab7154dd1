r"""The seed of a new machine: a small CD from which cloud-init learns its name, user, keys and user data.

It is what cloud-init calls NoCloud: an ISO 9660 file system labelled ``cidata`` with the files meta-data,
user-data, vendor-data and, if it is given, network-config. What is ours and what is the user's do not meet:

* The user data is handed on byte for byte: a script, a cloud-config, a multi-part message, anything.
* The host name and the public keys are in the meta-data. cloud-init adds ``ssh_authorized_keys`` of the user
  data to these keys and replaces none of them.
* The login user is in the vendor-data as ``user: {name: ...}``. Of two cloud-configs cloud-init merges the
  vendor's under the user's, so a ``user`` of the user data wins. With ``user`` the default user is made also
  where the user data has ``users:`` without ``default``. Of a ``user`` that is only a name cloud-init
  would take ours, so there is none of ours then. All this was tried with cloud-init 22.4.

The meta-data is one ``key: value`` a line and one ``- "key"`` a public key, so that a guest without
cloud-init can read it with sed.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cloudmesh.cloud.errors import NoCapacity, Refused
from cloudmesh.plugin.files import replace_private

LABEL = "cidata"
_FULL_ERRORS = ("ENOSPC", "EDQUOT", "EFBIG")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9.-]*")
# "user: NAME" at the top of a cloud-config, in place of "user: {name: NAME}".
_ONLY_A_NAME = re.compile(r"^user:[ \t]+[\"']?[A-Za-z_]", re.MULTILINE)
# What YAML takes for something else than a text.
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def write_seed(
    path: Path,
    *,
    instance_id: str,
    hostname: str,
    user: str = "",
    public_keys: Sequence[str] = (),
    userdata: str = "",
    vendordata: str | Mapping[str, Any] = "",
    network: str | Mapping[str, Any] = "",
) -> None:
    """Write the seed of a machine, mode 0600 since user data may hold secrets, in one step.

    Args:
        path: the ISO file; one that is there is replaced.
        instance_id: cloud-init does its work once for each of these.
        hostname: the name that the machine gives itself.
        user: who to sign in as; empty for the default user of the image.
        public_keys: keys in OpenSSH's form that may sign in as this user.
        userdata: the user's own, handed on as it is.
        vendordata: more that we want, as a cloud-config or as its top keys; what is in the user data wins.
        network: the configuration of the network in cloud-init's form, version 1 or 2; empty for DHCP.

    Raises:
        NoCapacity: the file system is full.
        Refused: the file cannot be written.
    """
    files = {
        "meta-data": _meta_data(instance_id, hostname, public_keys),
        "user-data": userdata,
        "vendor-data": _vendor_data("" if _ONLY_A_NAME.search(userdata) else user, vendordata),
    }
    if network:
        files["network-config"] = (
            network if isinstance(network, str) else json.dumps(dict(network), indent=1) + "\n"
        )
    try:
        replace_private(path, _iso(files), sync=False)
    except OSError as error:
        import errno

        if errno.errorcode.get(error.errno or 0) in _FULL_ERRORS:
            raise NoCapacity(f"the file system of {path} is full; free some space, then try again") from error
        raise Refused(f"the seed {path} cannot be written: {error.strerror}") from error


def _meta_data(instance_id: str, hostname: str, public_keys: Sequence[str]) -> str:
    lines = [f"instance-id: {_scalar(instance_id)}", f"local-hostname: {_scalar(hostname)}"]
    if keys := [key.strip() for key in public_keys if key.strip()]:
        lines += ["public-keys:", *(f"- {_quoted(key)}" for key in keys)]
    return "\n".join(lines) + "\n"


def _scalar(text: str) -> str:
    """A text as YAML: bare where it is nothing else, so that simple readers need not unquote it."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else _quoted(text)


def _quoted(text: str) -> str:
    # A text of JSON is one of YAML, unless letters are written as two halves.
    return json.dumps(text, ensure_ascii=False)


def _vendor_data(user: str, more: str | Mapping[str, Any]) -> str:
    """Our own cloud-config; with the text of another one both, as a multi-part message."""
    ours: dict[str, Any] = {}
    if user == "root":
        # Images close root, who then only tells whom to sign in as.
        ours["disable_root"] = False
    elif user:
        ours["user"] = {"name": user}
    if not isinstance(more, str):
        return _cloud_config({**more, **ours})
    if not more.strip():
        return _cloud_config(ours)
    from email.mime.multipart import MIMEMultipart  # few machines have both
    from email.mime.text import MIMEText

    both = MIMEMultipart()
    for each in (more, _cloud_config(ours)):
        both.attach(MIMEText(each, _subtype(each), "us-ascii" if each.isascii() else "utf-8"))
    return both.as_string()


def _subtype(text: str) -> str:
    return "x-shellscript" if text.startswith("#!") else "cloud-config"


def _cloud_config(keys: Mapping[str, Any]) -> str:
    return "#cloud-config\n" + json.dumps(keys, ensure_ascii=False, indent=1) + "\n"


def _iso(files: Mapping[str, str]) -> bytes:
    """An ISO 9660 file system with these files, by their whole names in Joliet and in Rock Ridge."""
    from pycdlib.pycdlib import PyCdlib

    iso = PyCdlib()
    iso.new(interchange_level=3, vol_ident=LABEL, sys_ident="LINUX", joliet=3, rock_ridge="1.09")
    try:
        for name, text in files.items():
            content = text.encode()
            short = re.sub(r"[^A-Z0-9]", "", name.upper())
            iso.add_fp(
                io.BytesIO(content),
                len(content),
                iso_path=f"/{short}.;1",
                rr_name=name,
                joliet_path=f"/{name}",
                file_mode=0o100444,
            )
        made = io.BytesIO()
        iso.write_fp(made)
    finally:
        iso.close()
    return made.getvalue()
