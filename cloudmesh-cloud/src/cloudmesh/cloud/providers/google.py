"""The provider ``google``: Google Compute Engine over libcloud, with a service account."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.boot import BootRequest, bears, boot_id_of, marked, unmarked
from cloudmesh.cloud.provider.questions import Question
from cloudmesh.cloud.providers.libcloud.base import LibcloudProvider
from cloudmesh.cloud.providers.libcloud.error_details import json_of
from cloudmesh.cloud.providers.libcloud.provider import DriverProvider
from cloudmesh.cloud.providers.libcloud.records import extra_of
from cloudmesh.cloud.providers.libcloud.transport import connection_class
from cloudmesh.config.settings import places
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import ConfigError, CredentialsError

# https://cloud.google.com/compute/docs/instances/instance-life-cycle; libcloud has one state for several.
_STATES = {
    "PROVISIONING": State.BUILDING,
    "STAGING": State.BUILDING,
    "RUNNING": State.ACTIVE,
    "PENDING_STOP": State.STOPPING,
    "STOPPING": State.STOPPING,
    "TERMINATED": State.STOPPED,
    "SUSPENDING": State.SUSPENDING,
    "SUSPENDED": State.SUSPENDED,
    "REPAIRING": State.REPAIRING,
    "DEPROVISIONING": State.DELETING,
}
_SCOPES = ["https://www.googleapis.com/auth/compute"]


class GoogleProvider(DriverProvider):
    """Instances of one project, in ``zone:``."""

    get_reads = True
    driver_name = "gce"
    # What the driver has, told before it is open.
    capabilities = frozenset(
        {Capability.START, Capability.STOP, Capability.REBOOT, Capability.USERDATA, Capability.BOOT_METADATA}
    )
    required_credentials: ClassVar[tuple[str, ...]] = ("GOOGLE_KEY_FILE", "GOOGLE_PROJECT")
    questions: ClassVar[tuple[Question, ...]] = (
        Question(
            "credentials.GOOGLE_KEY_FILE", "key file of a service account", "~/.config/gcloud/cloudmesh.json"
        ),
        Question("credentials.GOOGLE_PROJECT", "project id", "my-project"),
        Question("zone", "zone", "europe-west3-a"),
    )
    settings_keys: ClassVar[tuple[str, ...]] = ("zone", "boot", *LibcloudProvider.settings_keys)

    def driver_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        file = Path(self.credential("GOOGLE_KEY_FILE")).expanduser()
        account = _service_account(self.name, file)
        project = self.credential("GOOGLE_PROJECT")
        mark = hashlib.sha256(f"{account['client_email']}/{project}".encode()).hexdigest()
        return [account["client_email"], account["private_key"]], {
            "project": project,
            "datacenter": self.required_setting("zone", "europe-west3-a"),
            "auth_type": "SA",
            "scopes": _SCOPES,
            # Where libcloud keeps the token of this account, 0600.
            "credential_file": str(places.tokens_directory() / f"google-{mark[:16]}.json"),
        }

    def open(self) -> None:
        """Sign in, unless a token of before is still there, and build the driver."""
        (email, key), named = self.driver_arguments()
        with self.calling("sign in"):
            from libcloud.common.google import GoogleServiceAcctAuthConnection

            # libcloud's way to a token would take connections that are for all clouds.
            connections = connection_class(self.connection_settings, self.tracker, signs_in=True)
            signer = type("Signer", (GoogleServiceAcctAuthConnection,), {"conn_class": connections})(
                email, key, _SCOPES
            )
            _keep_token(Path(named["credential_file"]), signer)
        super().open()
        # It renews the token when its hour is over, by the same connections.
        self.driver.connection.oauth2_credential.oauth2_conn = signer

    def is_plausible(self, method: str, path: str, answer: Any) -> bool:
        """Each answer tells its kind; that to all that changes something is an operation."""
        data = json_of(answer)
        kind = str(data.get("kind")) if isinstance(data, dict) else ""
        if answer.status_code != HTTPStatus.OK or not kind.startswith("compute#"):
            return False
        if method != "GET":
            return kind == "compute#operation"
        found = data.get("items")
        return found is None or isinstance(found, dict if kind.endswith("AggregatedList") else list)

    def boot_arguments(self, request: BootRequest) -> dict[str, Any]:
        more = super().boot_arguments(request)
        if request.userdata:
            more["ex_metadata"] = {"items": [{"key": "user-data", "value": request.userdata}]}
        if labels := marked(request):
            more["ex_labels"] = labels
        return more

    def is_from(self, node: Any, request: BootRequest) -> bool:
        return bears(extra_of(node).get("labels") or {}, request)

    def _machine(self, node: Any) -> MachineRecord:
        machine = super()._machine(node)
        return replace(
            machine,
            state=_STATES.get(machine.raw_state, machine.state),
            metadata=unmarked(extra_of(node).get("labels") or {}),
            boot_id=boot_id_of(extra_of(node).get("labels") or {}),
            zone=str(getattr(node.extra.get("zone"), "name", "") or ""),
        )


def _keep_token(file: Path, signer: Any) -> None:
    """Write a new token, for nobody else to read, in one step, unless there is one. Raises ConfigError."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads(file.read_text(encoding="utf-8"))["access_token"]:
            return
    token = json.dumps(signer.get_new_token())
    try:
        files.make_private_directory(file.parent)
        files.replace_private(file, token.encode())
    except OSError as error:
        raise ConfigError(f"{file.parent} cannot be written: {error.strerror}") from error


def _service_account(cloud: str, file: Path) -> dict[str, str]:
    """The account's address and private key. Raises ConfigError, CredentialsError."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        # Whoever puts the key itself there must not see it on the screen.
        raise ConfigError(
            f"clouds.{cloud}.credentials.GOOGLE_KEY_FILE must be the path of a key file, and the file there "
            f"cannot be read ({type(error).__name__})"
        ) from None
    try:
        held = json.loads(text)
    except ValueError:
        held = None
    if not isinstance(held, dict) or not held.get("client_email") or not held.get("private_key"):
        raise CredentialsError(
            f"the GOOGLE_KEY_FILE of cloud {cloud} is not the key of a service account; create one with: "
            "gcloud iam service-accounts keys create FILE"
        )
    return held
