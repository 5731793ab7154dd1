"""Copies Nova's databases, fresh as they are, for another region: SOURCE=TARGET ... /VHOST=/VHOST.

Making the tables by Nova's own migrations takes some fifteen seconds for each region; the copy takes one.
Foreign keys are not copied. Run with the Python of the test-bed; ``$BED_SERVER`` is the address of the
server.
"""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

import pymysql


def copy(cursor, source: str, target: str) -> None:
    """Make the tables of ``source`` in ``target``, with what they hold."""
    cursor.execute(f"SHOW FULL TABLES FROM {source} WHERE Table_type = 'BASE TABLE'")
    for table, _ in cursor.fetchall():
        cursor.execute(f"DROP TABLE IF EXISTS {target}.{table}")
        cursor.execute(f"CREATE TABLE {target}.{table} LIKE {source}.{table}")
        cursor.execute(f"INSERT INTO {target}.{table} SELECT * FROM {source}.{table}")


def main(pairs: list[str], server: str) -> None:
    address = urlsplit(server)
    connection = pymysql.connect(
        host=address.hostname, port=address.port, user=address.username, password=address.password
    )
    renamed = [tuple(pair.split("=")) for pair in pairs]
    databases = [(source, target) for source, target in renamed if not source.startswith("/")]
    with connection, connection.cursor() as cursor:
        for source, target in databases:
            copy(cursor, source, target)
        # The cells are found by the addresses of their databases and of their broker.
        for source, target in renamed:
            for column in ("database_connection", "transport_url"):
                cursor.execute(
                    f"UPDATE {databases[0][1]}.cell_mappings SET {column} = REPLACE({column}, %s, %s)",
                    (source, target),
                )
        connection.commit()


if __name__ == "__main__":
    main(sys.argv[1:], os.environ["BED_SERVER"])
