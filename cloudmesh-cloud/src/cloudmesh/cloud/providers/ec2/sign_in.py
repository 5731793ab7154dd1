"""Signing in by a profile that has more than an access key: botocore does it, once for all threads.

What it gets is temporary. It is kept in memory and, as Amazon's command line does it, in files of
``~/.aws/cli/cache`` that both share, so that a code of a device is asked for once an hour, not at each
command.
"""

from __future__ import annotations

import os
import shlex
import threading
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.errors import CredentialsError
from cloudmesh.cloud.providers.ec2.profiles import Keys
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.settings import aws_files
from cloudmesh.plugin.errors import CloudmeshError

if TYPE_CHECKING:
    from botocore.session import Session

_lock = threading.Lock()
_signed_in: dict[tuple[object, ...], SignIn] = {}


def sign_in(cloud: str, profile: str, region: str, limits: tuple[float, float]) -> SignIn:
    """The one for this profile, as its files are now; nobody is called yet.

    ``limits``: seconds for connecting, and for each part of an answer.
    """
    files = aws_files.in_use()
    key = (profile, region, *files, *map(_changed, files))
    with _lock:
        if key not in _signed_in:
            _signed_in[key] = SignIn(cloud, profile, region, limits)
        return _signed_in[key]


def _changed(path: Path) -> int:
    """When a file was changed last; 0 if there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@dataclass
class SignIn:
    """The credentials of one profile, renewed before they end."""

    cloud: str
    profile: str
    region: str
    limits: tuple[float, float]
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _prompter: Prompter | None = field(default=None, repr=False)
    _credentials: Any = field(default=None, repr=False)
    _failed: tuple[float, CloudmeshError] | None = None

    def keys(self, prompter: Prompter | None = None) -> Keys:
        """The credentials as they are to be used now.

        Of several threads one signs in, and the others wait for what comes of it, also if it fails.
        Without ``prompter`` nobody is asked.

        Raises CredentialsError, and Unreachable if the service that signs in does not answer.
        """
        began = time.monotonic()
        with self._lock:
            if self._failed and self._failed[0] >= began:
                kind, words = type(self._failed[1]), str(self._failed[1])
                raise kind(words)
            self._prompter = prompter
            try:
                return self._current()
            except CloudmeshError as error:
                self._failed = (time.monotonic(), error)
                raise

    def _current(self) -> Keys:
        from botocore.exceptions import RefreshWithMFAUnsupportedError

        from cloudmesh.cloud.providers.ec2.sign_in_errors import explained

        try:
            try:
                return self._frozen()
            except RefreshWithMFAUnsupportedError:
                # It would have to ask for another code, which only a new one does.
                self._credentials = None
                return self._frozen()
        except CloudmeshError:
            raise
        except Exception as error:  # what a process of the user's prints may be anything
            self._credentials = None
            ours = explained(error, self.cloud, self.profile)
            if ours is None:
                raise
            raise ours from error

    def _frozen(self) -> Keys:
        if self._credentials is None:
            self._credentials = _resolver(self._session(), self.region, self._ask).load_credentials()
        if self._credentials is None:
            raise CredentialsError(
                f"the profile {self.profile!r} of cloud {self.cloud} gives no credentials; run: aws configure"
            )
        frozen = self._credentials.get_frozen_credentials()
        return (frozen.access_key, frozen.secret_key, frozen.token or "")

    def _session(self) -> Session:
        from botocore.config import Config
        from botocore.session import Session

        session = Session(profile=self.profile)
        session.set_config_variable("region", self.region)
        connecting, reading = self.limits
        session.set_default_client_config(Config(connect_timeout=connecting, read_timeout=reading))
        return session

    def _ask(self, question: str) -> str:
        """The code of the user's device, which botocore asks for in these words."""
        reason = f"the profile {self.profile!r} of cloud {self.cloud} needs a code of your MFA device"
        remedy = f"cms cloud check {shlex.quote(self.cloud)} asks for it at a terminal"
        if self._prompter is None:
            raise CredentialsError(f"{reason}, which is asked for before work begins; {remedy}")
        shown = f"cloud {self.cloud}: {question}"
        return self._prompter.ask(shown, hidden=True, reason=reason, remedy=remedy)


def _resolver(session: Session, region: str, ask: Any) -> Any:
    """What finds credentials, as botocore does it for a client of this region."""
    from botocore.credentials import create_credential_resolver

    resolver = create_credential_resolver(session, cache=_cache(), region_name=region)
    # botocore has no other way to say who asks; it would print the question into the output of a command.
    resolver.get_provider("assume-role")._prompter = ask
    return resolver


def _cache() -> MutableMapping[str, Any]:
    """What the command line keeps; a cache in memory if there can be no files."""
    from botocore.utils import JSONFileCache

    folder = Path.home() / ".aws" / "cli" / "cache"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return {}
    if not os.access(folder, os.W_OK):
        return {}
    found: MutableMapping[str, Any] = JSONFileCache(str(folder))
    return found
