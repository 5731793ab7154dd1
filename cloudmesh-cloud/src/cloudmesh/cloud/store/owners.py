"""Who we are on each cloud, as far as the store knows.

A team may share a store, so what is kept there is kept for an account: a person's login on one computer.
"""

from __future__ import annotations

import os
import socket

from cloudmesh.db import Database

_USERS = "own_user"


def account() -> str:
    """Whose process this is: ``LOGIN@HOST``, by what the system says and not by the environment."""
    import pwd

    try:
        login = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # As in a container, whose user may have no name.
        login = str(os.getuid())
    return f"{login}@{socket.gethostname()}"


def known_users(database: Database) -> dict[str, str]:
    """By cloud, who we were there when its machines were listed last; empty where the cloud does not tell."""
    found = database.find(_USERS, account=account()) if database.has(_USERS) else []
    return {each["cloud"]: str(each["user"]) for each in found}


def keep_user(database: Database, cloud: str, user: str) -> None:
    """Write down who we are on a cloud, see ``Provider.user_id``; nothing is written if that is known."""
    if known_users(database).get(cloud) != user:
        database.upsert(
            _USERS, {"account": account(), "cloud": cloud, "user": user}, key=["account", "cloud"]
        )
