"""What a person is asked or told at a sign-in; each of it is an error where nobody is there."""

from __future__ import annotations

from cloudmesh.cloud.errors import CredentialsError
from cloudmesh.cloud.providers.openstack.account import Account
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.yaml.keys import TO_BE_DEFINED
from cloudmesh.plugin.plain import harmless


def tell_visit(prompter: Prompter | None, cloud: str, where: str) -> None:
    """Tell a person which page to visit; "" only makes sure that one is there. Raises CredentialsError."""
    reason = f"cloud {cloud}: signing in requires a visit with a browser"
    remedy = f"use cms cloud check {cloud} at a terminal"
    if prompter is None:
        raise CredentialsError(f"{reason}, which is told before work begins; {remedy}")
    sentence = harmless(f"cloud {cloud}: to sign in, visit {where}") if where else ""
    prompter.tell_person(sentence, reason=reason, remedy=remedy)


def lacks(account: Account, cloud: str, key: str) -> CredentialsError:
    """The error where a secret is not stored, and was not asked for since a kept token seemed to do."""
    return CredentialsError(
        f"cloud {cloud}: the kept token has ended or was revoked, and {account.place}.{key} is "
        f"{TO_BE_DEFINED}; repeat the command at a terminal, which asks for it"
    )


def ask(prompter: Prompter | None, cloud: str, what: str) -> str:
    """What a person has to type at each sign-in. Raises CredentialsError if nobody can be asked."""
    reason = f"cloud {cloud}: signing in takes a new {what} each time"
    remedy = f"cms cloud check {cloud} asks for it at a terminal"
    if prompter is None:
        raise CredentialsError(f"{reason}, which is asked for before work begins; {remedy}")
    return prompter.ask(f"cloud {cloud}: {what}: ", hidden=True, reason=reason, remedy=remedy)
