"""The command ``cms db``: a look into the store, and its care."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command

_SUBCOMMANDS = ("tables", "columns", "list", "find", "delete", "export", "backup", "check")


class DbCommand(PluginCommand):
    """Shows what the store holds, and looks after it."""

    @command(
        reads="tables columns list find export check",
        group="Configuration and data",
        summary="search and maintain the store of machines and jobs",
    )
    def do_db(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            db tables [--output=FORMAT]
            db columns TABLE [--output=FORMAT]
            db list TABLE [--order=COLUMNS] [--limit=N] [--output=FORMAT]
            db find TABLE CONDITION... [--order=COLUMNS] [--limit=N] [--output=FORMAT]
            db delete TABLE CONDITION...
            db export TABLE [--output=FORMAT]
            db backup FILE
            db check [--output=FORMAT]

          Arguments:
            TABLE      a table of the store
            CONDITION  KEY=VALUE: the column KEY must have this value; also KEY!=VALUE,
                       KEY<VALUE, KEY<=VALUE, KEY>VALUE, KEY>=VALUE, and KEY~PATTERN
                       with * and ?; quote them for the shell, as in 'cpus>=4'
            FILE       a new file

          Options:
            --order=COLUMNS  order by these columns, as in: cloud,-age  (- is descending)
            --limit=N        at most N records
            --output=FORMAT  table, json, yaml, csv or names; export has json and csv.
                             The default is table, that of export json

          Description:
            Shows the records that cloudmesh keeps in its store, the file cloudmesh.db or the
            database that the configuration names. Nested records are shown flat: the image in
            the data of a record is the column data_image.

            db tables    the tables, with their numbers of records and columns
            db columns   the columns of a table, the keys that lead to each, and their kinds
            db list      all records of a table
            db find      the records for which all conditions are true; the value 4 finds the
                         number and the text, true and none find these and the words
            db delete    removes the records for which all conditions are true from the store;
                         nothing happens to a machine
            db export    all records of a table: with json as they were stored, nested, so that
                         nothing is lost; with csv flat
            db backup    copies the whole store into a new file, while others go on using it
            db check     looks for damage in the store

          Examples:
            cms db tables
            cms db list machine --output=json
            cms db find machine cloud=local state=active
            cms db find task 'seconds>10' --order=-began --limit=20
            cms db delete task status=done
            cms db export machine --output=csv > machines.csv
            cms db backup ~/cloudmesh-backup.db
        """
        from cloudmesh.config.secrets.prompt import prompter_of
        from cloudmesh.db import cli
        from cloudmesh.db.database import open_store

        word = next(word for word in _SUBCOMMANDS if arguments[word])
        with open_store(prompter=prompter_of(self)) as database:
            answer: Answer = getattr(cli, "find" if word == "list" else word)(database, arguments)
            return answer
