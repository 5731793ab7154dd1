"""Requests to the services of an OpenStack, signed in to Keystone; and what Nova does to one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, urlsplit

from cloudmesh.cloud.errors import (
    BadAnswer,
    CloudTimeout,
    Conflict,
    Locked,
    NoCapacity,
    OddRecord,
    Refused,
    only_looking,
)
from cloudmesh.cloud.model.records import Flavor, Image
from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.connection_settings import (
    certificate_file,
    client_certificate,
    true_or_false,
)
from cloudmesh.cloud.providers.libcloud.tracker import CallTracker
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.cloud.providers.openstack.changes import Told
from cloudmesh.cloud.providers.openstack.rest import CALLS, RestClient, body_of
from cloudmesh.cloud.providers.openstack.session import KeystoneSession
from cloudmesh.cloud.providers.openstack.tokens import Token
from cloudmesh.cloud.wire.waiting import pause
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.report import remember

Json = Mapping[str, Any]
Listed = TypeVar("Listed")
Self = TypeVar("Self", bound="OpenStackServices")
# Records in one answer: a list of thousands is never held as one text.
PAGE = 500
# https://docs.openstack.org/api-ref/compute/#servers-run-an-action-servers-action
_ACTIONS: Mapping[str, Mapping[str, Any]] = {
    "start": {"os-start": None},
    "stop": {"os-stop": None},
    "reboot": {"reboot": {"type": "SOFT"}},
    "hard_reboot": {"reboot": {"type": "HARD"}},
    "suspend": {"suspend": None},
    "resume": {"resume": None},
    "pause": {"pause": None},
    "unpause": {"unpause": None},
    "shelve": {"shelve": None},
    "unshelve": {"unshelve": None},
    "lock": {"lock": None},
    "unlock": {"unlock": None},
    "confirm_resize": {"confirmResize": None},
    "revert_resize": {"revertResize": None},
}
_WORDS = {"hard_reboot": "reboot", "confirm_resize": "confirm the resize of"}
_WORDS |= {"revert_resize": "revert the resize of"}
# What is told by its id, where it was asked for by its id.
_WITH_ID = ("server", "security_group", "floatingip", "lease")
_CONSOLE_LINES = 1000
# How long a resize may take, and how often it is looked at; seconds.
RESIZE_SECONDS = 900.0
_POLL_SECONDS = 1.0


class OpenStackServices(LibcloudProvider):
    """A session with an OpenStack, its three services, and what Nova does to one machine."""

    get_reads: ClassVar[bool] = True
    doubt: ClassVar[str] = "is it an OpenStack?"
    #: When the last call was answered.
    answered = Told()

    def read_own_settings(self) -> None:
        """``OS_CACERT`` and ``OS_INSECURE`` among the credentials mean the same as those of every section."""
        own, credentials = self.connection_settings, self.settings.get("credentials") or {}
        place = f"clouds.{self.name}.credentials"
        insecure = true_or_false(f"{place}.OS_INSECURE", credentials.get("OS_INSECURE"))
        verify = true_or_false(f"{place}.OS_VERIFY", credentials.get("OS_VERIFY"), default=True)
        authorities = own.ca_file or certificate_file(f"{place}.OS_CACERT", credentials.get("OS_CACERT"))
        insecure = own.insecure or insecure or not verify
        certificate = client_certificate(place, credentials.get("OS_CERT"), credentials.get("OS_KEY"))
        self.connection_settings = replace(
            own, ca_file=authorities, insecure=insecure, client_certificate=certificate
        )
        self.account = Account.read(self.name, self.settings)
        self.session = KeystoneSession(self.name, self.account, self._sign_in, self.calling, self._hide)

    def twin(self: Self) -> Self:
        # What was read from the settings is not read again.
        made = copy(self)
        made.left_out, made._driver, made._hidden = [], None, {*self._hidden}
        made.tracker = CallTracker(self.connection_settings, self.name, self.get_reads)
        made.session = self.session.twin(made._sign_in, made.calling, made._hide)
        if self._driver is not None:
            made._driver = self._driver.twin(made.tracker)
        return made

    def _hide(self, secret: str) -> None:
        """Let neither errors of the cloud nor a traceback show what came with a sign-in."""
        self.hide(secret)
        self.account.hidden.add(secret)
        remember("token", secret)

    def _sign_in(self, prompter: Prompter | None) -> Token:
        # Needed only where no token is kept, and keystoneauth1 with it.
        from cloudmesh.cloud.providers.openstack.sign_in import SignIn

        return SignIn(self.name, self.account, self.driver, self._hide, prompter).token()

    def has_token(self) -> bool:
        return self.session.has_token()

    def sign_in_with(self, prompter: Prompter) -> None:
        """Sign in now if that needs a person; the token is kept for those who come after."""
        if self.account.needs_person:
            self.session.prompter = prompter
            try:
                self.session.token()
            finally:
                self.session.prompter = None

    def driver_class(self) -> type[Any]:
        """libcloud's driver is not used, but for its connections."""
        return RestClient

    def driver_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        return [self.connection_settings, self.tracker], {}

    def endpoint_url(self) -> str:
        """Keystone's address."""
        return self.account.url

    def open(self) -> None:
        """Get ready to call; nobody is called yet."""
        self._driver = self._driver or RestClient(self.connection_settings, self.tracker)

    def explain(self, details: Any, call: Any) -> CloudmeshError | None:
        # Needed only when a call fails.
        from cloudmesh.cloud.providers.openstack import errors

        return errors.explain(details, call)

    def ask(self, name: str, /, *ids: str, data: Any = None, **query: Any) -> Any:
        """What a call of the table answers; None for one that is answered without a body."""
        call = CALLS[name]
        body = self._body(name, ids, data, query)
        told = body[call.key] if call.key else body
        if call.key in _WITH_ID and ids and told.get("id") != ids[0]:
            raise OddRecord("it describes something else")
        return told

    def pages(self, name: str, /, **query: Any) -> Iterator[list[dict[str, Any]]]:
        """The list that a call of the table answers, page by page.

        Raises:
            BadAnswer: a page without an entry, or one that was told before, announces another.
        """
        key, query, told, last = CALLS[name].key, {"limit": PAGE, **query}, set(), None
        while True:
            body = self._body(name, (), None, query)
            links = [link["href"] for link in body.get(f"{key}_links") or () if link.get("rel") == "next"]
            # Glance says it in its own way.
            following = links[0] if links else body.get("next")
            if following and (not body[key] or following in told or body[key] == last):
                raise BadAnswer(
                    f"cloud {self.name}: endless list of {key.replace('_', ' ')} from {self.tracker.place}: "
                    "an empty or repeated page links to a next one; report it to the operators of the cloud"
                )
            yield body[key]
            if not following:
                return
            told.add(following)
            last = body[key]
            query = parse_qs(urlsplit(following).query)

    def listed(
        self, name: str, kind: str, read: Callable[[str, Json], Listed], **query: Any
    ) -> Iterator[Listed]:
        """The records that a listing of the table gives, without those that cannot be read.

        Args:
            kind: what is listed, as the provider's method is called.
            read: makes a record from the name of the cloud and what is told.
        """
        for page in self.pages(name, **query):
            yield from self.readable(kind, page, partial(read, self.name))

    def _body(self, name: str, ids: tuple[str, ...], data: Any, query: Mapping[str, Any]) -> Any:
        """The JSON that a call is answered with, by a new token if the last one was refused."""
        call = CALLS[name]
        version = self.account.microversion or call.version
        nova = (
            {"OpenStack-API-Version": f"compute {version}"} if version and call.service == "compute" else {}
        )
        token = self.session.token()
        url = call.url(self.session.endpoint(call.service), ids, query)
        began = time.monotonic()
        answer = self.driver.send(
            call.method, url, data, {**nova, "X-Auth-Token": token.text}, service=call.service
        )
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            # Whoever has a token was accepted once: it was revoked, or has just ended.
            token = self.session.renew()
            answer = self.driver.send(
                call.method, url, data, {**nova, "X-Auth-Token": token.text}, service=call.service
            )
        self.answered = Told(str(answer.headers.get("date", "")), time.monotonic() - began)
        return body_of(call, answer)

    def requesting(self, what: str) -> AbstractContextManager[None]:
        """As for every cloud, and as ``changing``."""
        self.tracker.reset()
        return self.weighing(partial(self.translate_answer, what))

    def act(self, verb: str, cloud_id: str) -> None:
        """Ask Nova for the action of a verb, or delete the server."""
        with self.requesting(f"{_WORDS.get(verb, verb)} machine {cloud_id}"):
            if verb == "delete":
                self._heed_lock(cloud_id)
                self.ask("delete", cloud_id)
            else:
                call = "confirm" if verb == "confirm_resize" else "action"
                self.ask(call, cloud_id, data=_ACTIONS[verb])

    def _heed_lock(self, cloud_id: str) -> None:
        """Raise Locked for a machine whose disk Nova would erase all the same, as we are administrators."""
        if self.session.token().admin and self.ask("server", cloud_id).get("locked"):
            raise Locked(f"cloud {self.name}: machine {cloud_id} is locked; unlock it first")

    def rebuild(self, cloud_id: str, image: Image) -> None:
        with self.requesting(f"rebuild machine {cloud_id}"):
            self._heed_lock(cloud_id)
            self.ask("rebuild", cloud_id, data={"rebuild": {"imageRef": image.cloud_id}})

    def rename(self, cloud_id: str, name: str) -> None:
        with self.requesting(f"rename machine {cloud_id}"):
            if self.ask("rename", cloud_id, data={"server": {"name": name}}).get("name") != name:
                raise OddRecord("it does not show the change")

    def resize(self, cloud_id: str, flavor: Flavor) -> None:
        self.resize_unconfirmed(cloud_id, flavor)
        with self.requesting(f"resize machine {cloud_id}"):
            self.ask("confirm", cloud_id, data=_ACTIONS["confirm_resize"])

    def resize_unconfirmed(self, cloud_id: str, flavor: Flavor) -> None:
        what = f"resize machine {cloud_id}"
        with self.requesting(what):
            server = self.ask("server", cloud_id)
            if server["status"] not in ("RESIZE", "VERIFY_RESIZE"):
                self.ask("action", cloud_id, data={"resize": {"flavorRef": flavor.cloud_id}})
            server = self._resized(cloud_id)
            # Before microversion 2.47 it is told by its id.
            now = server["flavor"].get("original_name") or server["flavor"]["id"]
            subject = f"machine {server['name']} of cloud {self.name}"
        if server["status"] == "ERROR":
            told = (server.get("fault") or {}).get("message") or "Nova gives no reason"
            raise Refused(f"{subject} failed to resize: {told}")
        if server["status"] != "VERIFY_RESIZE":
            # Nova returns to how it was, and tells nobody why; this is nearly always the reason.
            raise NoCapacity(
                f"{subject} was not resized; most likely no host has the capacity for the new flavor; "
                "use a smaller flavor"
            )
        if now not in (flavor.name, flavor.cloud_id):
            raise Conflict(
                f"{subject} was resized to {now}, and this has to be confirmed or reverted before it can be "
                f"resized to {flavor.name}: cms vm confirm-resize {server['name']}, or cms vm revert-resize"
            )

    def _resized(self, cloud_id: str) -> dict[str, Any]:
        """The server as it is when Nova asks whether the new size is right, or has given up."""
        deadline = time.monotonic() + RESIZE_SECONDS
        while (server := self.ask("server", cloud_id))["status"] == "RESIZE":
            if time.monotonic() > deadline:
                raise CloudTimeout(
                    f"cloud {self.name} is still resizing machine {server['name']} after "
                    f"{span_text(RESIZE_SECONDS)}; cms vm confirm-resize later confirms it"
                )
            pause(_POLL_SECONDS)
        return dict(server)

    def set_metadata(self, cloud_id: str, changes: Mapping[str, str | None]) -> None:
        wanted = {key: value for key, value in changes.items() if value is not None}
        unwanted = changes.keys() - wanted.keys()
        with self.requesting(f"change the metadata of machine {cloud_id}"):
            for key in sorted(unwanted & self.ask("metadata", cloud_id).keys()) if unwanted else ():
                self.ask("unset_metadata", cloud_id, key)
            if (
                wanted
                and not wanted.items()
                <= self.ask("set_metadata", cloud_id, data={"metadata": wanted}).items()
            ):
                raise OddRecord("it does not show the change")

    def console(self, cloud_id: str) -> str:
        with only_looking(), self.requesting(f"show the console of machine {cloud_id}"):
            wanted = {"os-getConsoleOutput": {"length": _CONSOLE_LINES}}
            return str(self.ask("console", cloud_id, data=wanted))
