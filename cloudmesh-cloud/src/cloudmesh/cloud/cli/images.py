"""``cms image add``, ``delete`` and ``catalog``: images from files, addresses and the catalogue."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cloudmesh.cloud.cli.changes import COLUMNS, change_all
from cloudmesh.cloud.client.cloud import Cloud, ask_each
from cloudmesh.cloud.errors import CloudTimeout, Conflict, Refused, failed_task, given_up
from cloudmesh.cloud.fanout.query import QueryLimits
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider import visits
from cloudmesh.cloud.providers.qemu.catalogue import CATALOGUE, CatalogueImage, in_catalogue
from cloudmesh.cloud.providers.qemu.digests import checked_digest, find_digest, require_digest, writers
from cloudmesh.cloud.providers.qemu.formats import FORMATS, format_of, require_alone
from cloudmesh.config import Config
from cloudmesh.config.settings import places
from cloudmesh.plugin.asking import agrees, require_terminal
from cloudmesh.plugin.errors import CloudmeshError, UnknownName, UsageError
from cloudmesh.plugin.lists.selection import Selection
from cloudmesh.plugin.output import Answer, selected
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.report import tell

Options = Mapping[str, Any]
CATALOGUE_COLUMNS = ["name", "title", "user"]
# Seconds in which a cloud takes an image: it is copied and looked through.
_TAKING = 3600.0
_CHUNK = 1 << 20
_MIB = 1 << 20
# What a name must not have: it is a word of name expressions, or shown.
_NO_NAME = set(",:[]*?=/\"'\\")


@dataclass(frozen=True)
class NewImage:
    """An image to be added.

    Attributes:
        name: what it is to be called.
        place: the file or the address.
        digest: what its SHA-256 or SHA-512 must be; empty for any.
        format: qcow2 or raw; empty to be told by its content.
        user: whom to sign in as on its machines; empty if that is not known.
        listed: its entry of the catalogue, if it is from there.
    """

    name: str
    place: str
    digest: str = ""
    format: str = ""
    user: str = ""
    listed: CatalogueImage | None = None

    @property
    def is_address(self) -> bool:
        """Whether it is to be downloaded."""
        return "://" in self.place


def list_catalogue(options: Options) -> Answer:
    """The images of distributions that can be added by their names alone."""
    known = [*CATALOGUE_COLUMNS, "url", "checksums", "digest", "format"]
    rows = [dict(vars(each)) for each in CATALOGUE]
    answer = Answer(rows, columns=CATALOGUE_COLUMNS)
    return selected(answer, Selection(options, known, {}, ("name", "title")))


def wanted_image(options: Options) -> NewImage:
    """The image that the words of a command mean. Raises UsageError, and UnknownName for the catalogue."""
    name, place = options["NAME"], options["FILE_OR_URL"]
    if not name.strip() or not name.isprintable() or _NO_NAME & set(name) or name[0] in "-.":
        raise UsageError(f"{name!r} cannot be the name of an image; use letters, digits, '-', '_' and '.'")
    format = options["--format"] or ""
    if format and format not in FORMATS:
        raise UsageError(f"--format={format} is not a format; use {' or '.join(FORMATS)}")
    digest = checked_digest(options["--sha256"]) if options["--sha256"] else ""
    user = options["--user"] or ""
    if user and not (
        user.isprintable() and user.replace("-", "").replace("_", "").replace(".", "").isalnum()
    ):
        raise UsageError(f"--user={user} is not the name of a user")
    if place is None:
        listed = _listed(name)
        return NewImage(
            name, listed.url, digest or listed.digest, format or listed.format, user or listed.user, listed
        )
    return NewImage(name, place, digest, format, user)


def _listed(name: str) -> CatalogueImage:
    try:
        return in_catalogue(name)
    except UnknownName as error:
        raise UnknownName(
            "image",
            name,
            [each.name for each in CATALOGUE],
            "in the catalogue, and no file or address is given",
        ) from error


def add_image(config: Config, clouds: Sequence[str], options: Options) -> Answer:
    """Add an image to clouds, after what it is has been checked; a row each.

    Raises:
        UsageError: the words are wrong, or the address is one that anybody could answer for.
        CloudError: it cannot be downloaded, is not what it should be, or a cloud does not take it.
        Interrupted: by Ctrl-C; what has been downloaded is kept.
    """
    wanted = wanted_image(options)
    visits.prepare(config, clouds)
    there = _already_there(config, clouds, wanted)
    left = [cloud for cloud in clouds if cloud not in there]
    rows = {cloud: _row(cloud, wanted.name, "done", "it is there already") for cloud in there}
    errors: list[CloudmeshError] = []
    if left:
        try:
            answers = _added(config, left, wanted)
        except CloudmeshError as error:
            raise failed_task(error) from error
        for cloud, answer in answers.items():
            if isinstance(answer, CloudmeshError):
                errors.append(given_up(answer) if isinstance(answer, CloudTimeout) else answer)
                rows[cloud] = _row(cloud, wanted.name, "failed", str(errors[-1]))
            else:
                rows[cloud] = _row(cloud, wanted.name, "done", "")
    if len(rows) == len(errors) == 1:
        raise failed_task(errors[0])
    return Answer(
        [rows[cloud] for cloud in clouds], columns=COLUMNS, errors=errors, exit_code=int(bool(errors))
    )


def _row(cloud: str, name: str, result: str, reason: str) -> dict[str, str]:
    return dict(zip(COLUMNS, (cloud, name, "add", result, reason), strict=True))


def _already_there(config: Config, clouds: Sequence[str], wanted: NewImage) -> list[str]:
    """The clouds that need no download, since they have the image of the catalogue.

    Raises what one of the others says, so that nothing is downloaded in vain.
    """

    def ask(cloud: Cloud) -> bool:
        cloud.connection.require(Capability.ADD_IMAGE)
        return any(image.name == wanted.name for image in cloud.images())

    there = []
    for cloud, answer in ask_each(config, clouds, ask).items():
        if isinstance(answer, CloudmeshError):
            raise failed_task(answer)
        if answer and wanted.is_address and wanted.listed is None:
            raise failed_task(
                Conflict(
                    f"there is an image {wanted.name} on cloud {cloud} already; use another name, or delete "
                    f"it first: cms image delete {wanted.name} --cloud={cloud}"
                )
            )
        if answer and wanted.listed is not None:
            there.append(cloud)
    return there


def _added(config: Config, clouds: Sequence[str], wanted: NewImage) -> dict[str, Any]:
    """What each cloud gives for the image, downloaded if need be; what is no image is refused here."""
    if not wanted.is_address:
        file = Path(wanted.place).expanduser()
        _check(file, wanted)
        return _taken(config, clouds, file, wanted)
    from cloudmesh.cloud.cli.download import Download, fetch_text
    from cloudmesh.cloud.cli.download_errors import shown
    from cloudmesh.cloud.cli.download_progress import DownloadProgress

    if wanted.listed is not None and not wanted.digest:
        wanted = replace(wanted, digest=_published(wanted.listed, fetch_text(wanted.listed.checksums)))
    progress = DownloadProgress(harmless(wanted.name))
    download = Download(
        wanted.place, places.machines_directory() / ".downloads", bool(wanted.digest), progress.update
    )
    tell(_told(wanted.name, shown(wanted.place), download.kept, download.folder))
    try:
        file = download.run()
    finally:
        progress.end()
    try:
        _check(file, wanted)
        answers = _taken(config, clouds, file, replace(wanted, place=shown(wanted.place)))
    except Refused:
        # What is no image, or another one, is none the next time either.
        download.forget()
        raise
    if not any(isinstance(each, CloudmeshError) for each in answers.values()):
        download.forget()
    return answers


def _told(name: str, place: str, kept: int, folder: Path) -> str:
    """What is going to happen, and how much room there is for it."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = f"{shutil.disk_usage(there).free / (1 << 30):.1f} GiB are free"
    if kept:
        return f"going on with the download of {name} from {place} after {kept / _MIB:.1f} MiB; {free}"
    return f"downloading {name} from {place}; {free}"


def _published(listed: CatalogueImage, text: str) -> str:
    """The digest that a distribution publishes of its image. Raises Refused if there is none."""
    name = listed.url.rpartition("/")[2]
    own = listed.checksums.rpartition("/")[2].startswith(name)
    digest = find_digest(text, name, alone=own)
    if not digest:
        raise Refused(
            f"{listed.checksums} has no digest of {name}, which may be renamed by now; download it by hand"
        )
    return digest


def _check(file: Path, wanted: NewImage) -> None:
    """Refuse a file that is not what it should be, before a cloud gets it."""
    if wanted.digest:
        hashes = writers(wanted.digest)
        try:
            with file.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    for each in hashes.values():
                        each.update(chunk)
        except OSError as error:
            raise Refused(f"the image {file} cannot be read: {error.strerror}") from error
        require_digest(hashes, wanted.digest, f"image {wanted.name}")
    require_alone(file, wanted.format or format_of(file))


def _taken(config: Config, clouds: Sequence[str], file: Path, wanted: NewImage) -> dict[str, Any]:
    def add(cloud: Cloud) -> Any:
        return cloud.add_image(wanted.name, file, _properties(wanted))

    return ask_each(config, clouds, add, QueryLimits(call_timeout=_TAKING))


def _properties(wanted: NewImage) -> dict[str, str]:
    given = {"user": wanted.user, "format": wanted.format, "source": wanted.place}
    return {key: value for key, value in given.items() if value}


def delete_images(config: Config, clouds: Sequence[str], names: Sequence[str], sure: bool) -> Answer:
    """Delete images from clouds, after the user has agreed; one that a machine stands on stays.

    Raises UsageError if the user must confirm and there is no terminal, CloudmeshError if the user did not.
    """
    names = list(dict.fromkeys(names))
    if not sure:
        what = (
            f"image{'s' if len(names) > 1 else ''} {', '.join(map(harmless, names))} on {', '.join(clouds)}"
        )
        require_terminal(f"delete {what}")
        if not agrees(f"Delete {what}"):
            raise CloudmeshError("no image was deleted")
    return change_all(config, clouds, "delete", names, Cloud.delete_image)
