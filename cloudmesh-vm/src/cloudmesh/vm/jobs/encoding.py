"""What a job is to do on a cloud, as text in the store, so that another process can go on with it.

User data may hold secrets and is never written down: only the file that it came from is, with its size and
time, by which a changed file is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cloudmesh.cloud.model.networks import Network, SecurityGroup, SecurityRule
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair
from cloudmesh.cloud.model.verbs import Argument
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.plugin.errors import CloudmeshError, UsageError


def encode_argument(argument: Argument) -> str:
    """What a verb takes beside the machine, as text."""
    if argument is None:
        return ""
    if isinstance(argument, Image | Flavor):
        return json.dumps({type(argument).__name__: asdict(argument)})
    if isinstance(argument, Mapping):
        return json.dumps({"metadata": dict(argument)})
    return json.dumps({"name": argument})


def decode_argument(text: str) -> Argument:
    """The same again."""
    if not text:
        return None
    ((kind, value),) = json.loads(text).items()
    if kind == "Image":
        return Image(**value)
    if kind == "Flavor":
        return Flavor(**value)
    known: Argument = value
    return known


def encode_request(request: BootRequest, userdata_file: Path | None) -> str:
    """What is booted on a cloud, as text: all but the name, the token and the user data themselves."""
    data = asdict(replace(request, userdata="", name="", token=""))
    data["userdata"] = _described(userdata_file) if request.userdata else None
    return json.dumps(data)


def _described(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {"file": ""}
    about = file.expanduser().stat()
    return {"file": str(file.expanduser().absolute()), "size": about.st_size, "time": about.st_mtime_ns}


def decode_request(text: str) -> BootRequest:
    """The same again, with its user data read from their file.

    Raises:
        CloudmeshError: the user data are not there any more, or not the same.
    """
    data = json.loads(text)
    return BootRequest(
        name="",
        image=Image(**data["image"]),
        flavor=Flavor(**data["flavor"]),
        key=KeyPair(**data["key"]) if data["key"] else None,
        networks=tuple(Network(**{**each, "subnets": tuple(each["subnets"])}) for each in data["networks"]),
        security_groups=tuple(_group(each) for each in data["security_groups"]),
        userdata=_userdata(data["userdata"]),
        metadata=data["metadata"],
        public=data["public"],
        # Jobs from before there were such parameters have none.
        extra=data.get("extra", {}),
    )


def _group(data: Mapping[str, Any]) -> SecurityGroup:
    return SecurityGroup(**{**data, "rules": tuple(SecurityRule(**each) for each in data["rules"])})


def _userdata(described: Mapping[str, Any] | None) -> str:
    if described is None:
        return ""
    if not described["file"]:
        raise CloudmeshError("its user data were given as text, which is not kept; boot it anew")
    file = Path(described["file"])
    try:
        about = file.stat()
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CloudmeshError(f"its user data {file} cannot be read: {error}") from error
    if (about.st_size, about.st_mtime_ns) != (described["size"], described["time"]):
        raise UsageError(f"its user data {file} were changed since; boot it anew")
    return text
