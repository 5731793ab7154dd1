"""Who we are on each cloud, as far as the store knows.

A team may share a store, so what is kept there is kept for an account: a user of one computer.
"""

from __future__ import annotations

import os

from cloudmesh.db import Database

#: Whose process this is: ``UID@HOST``.
ACCOUNT = f"{os.getuid()}@{os.uname().nodename}"
_USERS = "own_user"


def known_users(database: Database) -> dict[str, str]:
    """By cloud, who we were there when its machines were listed last; empty where the cloud does not tell."""
    found = database.find(_USERS, account=ACCOUNT) if database.has(_USERS) else []
    return {each["cloud"]: str(each["user"]) for each in found}


def keep_user(database: Database, cloud: str, user: str) -> None:
    """Write down who we are on a cloud, see ``Provider.user_id``; nothing is written if that is known."""
    if known_users(database).get(cloud) != user:
        database.upsert(_USERS, {"account": ACCOUNT, "cloud": cloud, "user": user}, key=["account", "cloud"])
