"""``cms job``: what was asked of many machines, and going on with what was left."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command

VERBS = ("list", "show", "resume", "cancel")


class JobCommand(PluginCommand):
    """The command ``job`` of the shell."""

    @command(
        reads="list show",
        group="Machines",
        summary="list, resume and cancel jobs: what was done to machines",
    )
    def do_job(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            job list [--all] [--filter=FILTER] [--sort=COLUMNS] [--columns=COLUMNS]
                    [--output=FORMAT]
            job show ID [--output=FORMAT]
            job resume ID [--failed] [--timeout=DURATION] [--parallel=N]
                    [--call-timeout=DURATION] [--output=FORMAT]
            job cancel ID [--output=FORMAT]

          Arguments:
            ID  a job number, from job list

          Options:
            --all              all stored jobs, not only the last 20
            --filter=FILTER    only jobs that meet all conditions: 'status=running,age<1h'
            --sort=COLUMNS     sort by these columns, - is descending: -machines
            --columns=COLUMNS  columns to show, or globs
            --failed           also retry what failed
            --timeout=DURATION
                               time limit for the whole command: 10s, 5m, 1h, or 90
                               (seconds); without it only waiting has a limit, 10m
            --parallel=N       calls at the same time, 1 to 1000; else the configured
                               number, else 32
            --call-timeout=DURATION
                               time limit for one call; else the configured one
            --output=FORMAT    table, json, yaml, csv or names [default: table]

          Description:
            A job is what one cms vm command does to its machines. It is stored
            before the clouds are called, and the result for each machine afterwards.

            job list    list the last jobs
            job show    show one job, machine by machine
            job resume  continue an interrupted or cancelled job; no machine is booted
                        twice, and finished work is not repeated
            job cancel  stop a running job after its current calls, or give up an
                        interrupted one

            Exit codes are those of cms vm: 0 all done, 1 a machine of the job failed or the
            job cannot be resumed or cancelled, 2 wrong usage or unknown job, 3 configuration
            or credentials, 130 interrupted.

          Examples:
            job list
            job resume 12
            job show 12 --output=json
        """
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of
        from cloudmesh.vm.cli.job_report import answer

        verb = next(each for each in VERBS if arguments[each])
        return answer(Config.load(prompter=prompter_of(self)), verb, arguments)
