"""The scripts for the user's own shell, how to install them, and their names read from the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudmesh.cloud.store.new_names import Note
    from cloudmesh.db import Database

SCRIPTS = {"bash": "cms.bash", "zsh": "_cms.zsh", "fish": "cms.fish"}
HOWTO = """\
To complete cms with the Tab key, add a line to the start-up file of your shell:

  bash  ~/.bashrc                    source <(cms completion bash)
  zsh   ~/.zshrc, after compinit     source <(cms completion zsh)
  fish  ~/.config/fish/config.fish   cms completion fish | source

For a faster start of the shell, write the script into a file once instead:

  bash  cms completion bash > ~/.cloudmesh/completion.bash
        and in ~/.bashrc: source ~/.cloudmesh/completion.bash
  zsh   cms completion zsh > DIRECTORY/_cms, with a DIRECTORY of $fpath
  fish  cms completion fish > ~/.config/fish/completions/cms.fish

The file need not be written again when packages are installed or removed."""


def script(shell: str) -> str:
    """The script for a shell of ``SCRIPTS``."""
    file = Path(__file__).with_name("scripts") / SCRIPTS[shell]
    return file.read_text(encoding="utf-8").rstrip("\n")


def refresh(*, quick: bool = False) -> None:
    """Write the table of commands, and the names of machines, images, flavors and jobs as the store has them.

    Args:
        quick: whether only what is obsolete is written, and the store is read only if there are no names
            yet: it may be on another computer.

    Raises:
        CloudmeshError: the table cannot be written, or the store cannot be read; not where it is ``quick``.
    """
    from cloudmesh.cloud.store import names_file
    from cloudmesh.cms.completion import place
    from cloudmesh.plugin.errors import CloudmeshError

    try:
        place.refresh(quick=quick)
        if not (quick and names_file.path().exists()):
            _refresh_names()
    except (CloudmeshError, OSError) as error:
        if not quick:
            reason = error.strerror if isinstance(error, OSError) else error
            raise CloudmeshError(f"the files of completion in {place.path().parent}: {reason}") from error


def _refresh_names() -> None:
    from cloudmesh.cloud.store import names_file
    from cloudmesh.config.secrets.prompt import RefusingPrompter
    from cloudmesh.db import open_store

    with open_store(prompter=RefusingPrompter()) as database:
        notes = [*names_file.of_store(names_file.read(), database), *_jobs(database)]
    names_file.update(lambda _: notes)


def _jobs(database: Database) -> list[Note]:
    """The last jobs. Raises StoreError."""
    from cloudmesh.cloud.store.new_names import JOB, Entry, Note
    from cloudmesh.db import desc
    from cloudmesh.vm.jobs import rows

    if not database.has(rows.JOBS):
        return []
    jobs = database.find(rows.JOBS, order=desc("id"), limit=20)
    return [Note(JOB, "", [Entry(str(job.id), f"{job['verb']} {job['names']}") for job in jobs])]
