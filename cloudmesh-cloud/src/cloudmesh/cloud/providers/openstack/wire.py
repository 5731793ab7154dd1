"""What keystoneauth1 takes for a session of requests: our own connections, with their limits and rules.

So signing in keeps to the time limits, certificates and proxies of the cloud, follows no redirection to
another host, and sends nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.cloud.errors import EndpointError
from cloudmesh.cloud.providers.libcloud.whole import import_whole
from cloudmesh.cloud.providers.openstack.rest import RestClient, json_of

# The tokens of an identity provider, as it names them in its answers.
_TOKENS = ("access_token", "refresh_token", "id_token", "device_code")


class BrokenCallError(Exception):
    """An error of the network, in a form that keystoneauth1 does not translate; ``cause`` is the error."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(type(cause).__name__)
        self.cause = cause


class Wire:
    """Sends the requests of a sign-in.

    Attributes:
        answer: the last HTTP response; None before it came.

    Args:
        client: our connections.
        cloud: whose they are, for sentences.
        secure: whether the cloud's own address is HTTPS, so that no other may be without.
        hide: is told each secret that is sent or comes, whichever part of keystoneauth1 deals with it.
    """

    def __init__(self, client: RestClient, cloud: str, secure: bool, hide: Callable[[str], None]) -> None:
        self.answer: Any = None
        self._client, self._cloud, self._secure, self._hide = client, cloud, secure, hide

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        auth: Any = None,
        **_: Any,
    ) -> Any:
        """One request, as ``requests.Session.request`` makes it; what else that takes is ours to say."""
        import_whole("requests")
        from requests import RequestException
        from requests.auth import HTTPBasicAuth

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or (self._secure and parts.scheme == "http"):
            raise EndpointError(
                f"cloud {self._cloud}: signing in leads to {parts.scheme}://{parts.netloc}, which is not "
                "encrypted; nothing was sent there; ask the operators of the cloud"
            )
        self.answer = None
        proof = HTTPBasicAuth(*auth) if isinstance(auth, tuple) else auth
        try:
            self.answer = self._client.exchange(method, url, data, headers or {}, proof)
        except RequestException as error:
            raise BrokenCallError(error) from error
        self._hide_secrets(self.answer)
        return self.answer

    def _hide_secrets(self, answer: Any) -> None:
        """Hide what proved who we are, and what was given for it: some servers repeat both in an error."""
        told = json_of(answer)
        given = [told.get(key) for key in _TOKENS] if isinstance(told, dict) else []
        _, _, proof = answer.request.headers.get("Authorization", "").partition(" ")
        for secret in (answer.headers.get("X-Subject-Token"), proof, *given):
            if secret and isinstance(secret, str):
                self._hide(secret)
