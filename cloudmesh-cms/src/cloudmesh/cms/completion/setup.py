"""The scripts for the user's own shell, how to install them, and their names read from the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudmesh.cloud.store.new_names import Note
    from cloudmesh.db import Database

SCRIPTS = {"bash": "cms.bash", "zsh": "_cms.zsh", "fish": "cms.fish"}
HOWTO = """\
To complete cms with the Tab key, add a line to the file that your shell reads at its start:

  bash  ~/.bashrc                    source <(cms completion bash)
  zsh   ~/.zshrc, after compinit     source <(cms completion zsh)
  fish  ~/.config/fish/config.fish   cms completion fish | source

So that a new shell starts faster, write the script into a file instead, once:

  bash  cms completion bash > ~/.cloudmesh/completion.bash
        and in ~/.bashrc: source ~/.cloudmesh/completion.bash
  zsh   cms completion zsh > DIRECTORY/_cms, with a DIRECTORY of $fpath
  fish  cms completion fish > ~/.config/fish/completions/cms.fish

It stays right when packages are installed or removed later."""


def script(shell: str) -> str:
    """The script for a shell of ``SCRIPTS``."""
    file = Path(__file__).with_name("scripts") / SCRIPTS[shell]
    return file.read_text(encoding="utf-8").rstrip("\n")


def refresh_names(*, missing: bool = False) -> None:
    """Write the names of machines, images, flavors and jobs as the store has them; never raises.

    Args:
        missing: whether only a file that is not there is written; the store may be on another computer.
    """
    from cloudmesh.cloud.store import names_file
    from cloudmesh.config.secrets.prompt import RefusingPrompter
    from cloudmesh.db import open_store
    from cloudmesh.plugin.errors import CloudmeshError
    from cloudmesh.plugin.report import debug

    if missing and names_file.path().exists():
        return
    try:
        with open_store(prompter=RefusingPrompter()) as database:
            names_file.update(lambda sections: [*names_file.of_store(sections, database), *_jobs(database)])
    except CloudmeshError as error:
        debug(error)


def _jobs(database: Database) -> list[Note]:
    """The last jobs. Raises StoreError."""
    from cloudmesh.cloud.store.new_names import JOB, Entry, Note
    from cloudmesh.db import desc
    from cloudmesh.vm.jobs import rows

    if not database.has(rows.JOBS):
        return []
    jobs = database.find(rows.JOBS, order=desc("id"), limit=20)
    return [Note(JOB, "", [Entry(str(job.id), f"{job['verb']} {job['names']}") for job in jobs])]
