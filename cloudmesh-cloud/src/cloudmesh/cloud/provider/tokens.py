"""The mark by which a machine is known to come from a certain boot, though the answer to that was lost.

It is among the machine's metadata, tags or labels on the cloud, and never among those that users see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from cloudmesh.cloud.provider.interface import BootRequest

# Fit for the labels of Google, which allow the fewest letters: lower case, digits, hyphen and underscore.
TOKEN_KEY = "cloudmesh-token"  # noqa: S105 no secret


def new_token() -> str:
    """A token that no other boot has, fit for every cloud."""
    return uuid4().hex


def marked(request: BootRequest) -> dict[str, str]:
    """The metadata to write on the new machine: the user's, and the request's token if it has one."""
    return {**request.metadata, **({TOKEN_KEY: request.token} if request.token else {})}


def mark(token: str) -> str:
    """The token in one text, for what has no metadata."""
    return f"{TOKEN_KEY}:{token}"


def bears(metadata: Mapping[str, object], request: BootRequest) -> bool:
    """Whether a machine with this metadata on its cloud was made by this request."""
    return bool(request.token) and metadata.get(TOKEN_KEY) == request.token


def unmarked(metadata: Mapping[Any, Any]) -> dict[str, str]:
    """The metadata that users wrote, out of all that the cloud tells of a machine."""
    return {str(key): str(value) for key, value in metadata.items() if not str(key).startswith(TOKEN_KEY)}
