"""The tables of a simulated cloud's file, and how those of older files become like them."""

from __future__ import annotations

import sqlite3

_TABLES = """
CREATE TABLE IF NOT EXISTS machine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    next_state TEXT,
    ready_at REAL,
    image TEXT NOT NULL,
    flavor TEXT NOT NULL,
    key TEXT NOT NULL,
    created REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS key (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, public_key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attempt (
    verb TEXT, name TEXT, count INTEGER NOT NULL, PRIMARY KEY (verb, name)
);
CREATE TABLE IF NOT EXISTS security_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS security_rule (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    direction TEXT NOT NULL,
    protocol TEXT NOT NULL,
    from_port INTEGER,
    to_port INTEGER,
    remote TEXT NOT NULL,
    ethertype TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS floating_ip (
    id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL UNIQUE, machine_id INTEGER
);
"""
# Raised when something is added below.
_VERSION = 2
# Added since the first version; an older file gets them when it is opened.
_COLUMNS = (
    ("machine", "metadata", "TEXT NOT NULL DEFAULT '{}'"),
    ("machine", "networks", "TEXT NOT NULL DEFAULT '[\"private\"]'"),
    ("machine", "groups", "TEXT NOT NULL DEFAULT '[\"default\"]'"),
    ("floating_ip", "description", "TEXT NOT NULL DEFAULT ''"),
)
_DEFAULT_GROUP = """
INSERT INTO security_group (id, name, description) SELECT 1, 'default', 'every machine, if no other is named'
    WHERE NOT EXISTS (SELECT 1 FROM security_group);
INSERT INTO security_rule (group_id, direction, protocol, remote, ethertype)
    SELECT 1, 'egress', 'any', '0.0.0.0/0', 'IPv4'
    WHERE NOT EXISTS (SELECT 1 FROM security_rule WHERE group_id = 1);
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make what is missing, whichever process comes first."""
    if _version(connection) >= _VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it meanwhile.
        if _version(connection) < _VERSION:
            _make(connection)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _make(connection: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    for table, column, kind in _COLUMNS:
        there = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
        if column not in there:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
    for statement in _DEFAULT_GROUP.split(";"):
        connection.execute(statement)
