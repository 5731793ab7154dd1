"""The user's own store: the file, or what ``database:`` in the configuration names."""

from __future__ import annotations

from cloudmesh.config import Config
from cloudmesh.config.secrets.prompt import Prompter
from cloudmesh.config.settings import places
from cloudmesh.db.database import Database


def open_store(config: Config | None = None, prompter: Prompter | None = None) -> Database:
    """The store of this user.

    Args:
        config: the configuration; else the user's own is read, and where there is none the file is meant.
        prompter: who is asked for the passphrase of an encrypted URL, if the configuration is read here.

    Raises:
        ConfigError: the configuration cannot be read, or ``database`` is no URL.
        CredentialsError: the URL refers to what is not there, or cannot be decrypted.
    """
    if config is None and places.config_file().exists():
        config = Config.load(prompter=prompter)
    url = config.database() if config else None
    return Database(url) if url else Database(places.store_file(), own=True)
