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
            db delete TABLE CONDITION... [--yes]
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
            --order=COLUMNS  order by these columns, comma-separated: cloud,-age  (- is descending)
            --limit=N        at most N records
            --yes            accepted for scripts; nothing is asked
            --output=FORMAT  table, json, yaml, csv or names; export has json and csv.
                             The default is table, that of export json

          Description:
            Shows the records that cloudmesh keeps in its store, the file cloudmesh.db or the
            database that the configuration names. Nested records are shown flat: the image in
            the data of a record is the column data_image.

            db tables    list the tables, with their numbers of records and columns
            db columns   list the columns of a table, their keys and types
            db list      list all records of a table
            db find      list the records that match all conditions; the value 4 matches the
                         number and the text 4; true and none match the value and the word
            db delete    delete the records that match all conditions from the store;
                         machines are not touched
            db export    export all records of a table: with json nested as stored, so that
                         nothing is lost; with csv flat
            db backup    copy the whole store into a new file, while others use it
            db check     check the store for damage

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
