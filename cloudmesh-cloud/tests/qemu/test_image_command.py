"""``cms image add`` and ``delete`` on a cloud that keeps its images in an ImageStore."""

from __future__ import annotations

import hashlib
import io
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cloudmesh.cloud.cli import download, images
from cloudmesh.cloud.cli.checking import check_clouds
from cloudmesh.cloud.cli.lists import list_catalog
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import Conflict, NotFound, Refused, Unsupported
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.providers.qemu.catalogue import CatalogueImage
from cloudmesh.cloud.providers.qemu.images import ImageStore
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.config import Config
from cloudmesh.config.settings import places
from cloudmesh.plugin.errors import CloudmeshError, UnknownName, UsageError


@pytest.fixture
def config(configure: Callable[[Any], Config]) -> Config:
    return configure({"uc": {}, "tacc": {}})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImageStore:
    kept = ImageStore(tmp_path / "store", "uc")
    able = SimulatedProvider

    def add(_: Any, name: str, file: Path, properties: Any = None) -> Any:
        given = dict(properties or {})
        return kept.add(name, file, format=given.get("format", ""), user=given.get("user", ""))

    monkeypatch.setattr(
        able, "capabilities", able.capabilities | {Capability.ADD_IMAGE, Capability.DELETE_IMAGE}
    )
    monkeypatch.setattr(able, "images", lambda _: kept.list())
    monkeypatch.setattr(able, "add_image", add)
    monkeypatch.setattr(able, "delete_image", lambda _, image_id: kept.delete(image_id))
    return kept


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    made = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", made, "1M"], check=True)
    return made


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A web site: its files by path, its address, and the paths that were asked for."""
    files: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = files.get(self.path.partition("?")[0])
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: Any) -> None:
            pass

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield SimpleNamespace(files=files, asked=asked, url=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def words(name: str, place: str | Path | None = None, **more: str) -> dict[str, Any]:
    given = {f"--{key}": value for key, value in more.items()}
    empty = {"--sha256": None, "--user": None, "--format": None}
    return {"NAME": name, "FILE_OR_URL": None if place is None else str(place), **empty, **given}


def test_a_file_is_added_with_its_login_user_and_listed(
    config: Config, store: ImageStore, disk: Path
) -> None:
    answer = images.add_image(config, ["uc"], words("mine", disk, user="me"))
    assert [dict(row) for row in answer.rows] == [
        {"cloud": "uc", "name": "mine", "action": "add", "result": "done", "reason": ""}
    ]
    assert [(each.name, each.user) for each in store.stored()] == [("mine", "me")]
    listed = list_catalog(config, ["uc"], "image", cached=True)
    assert [row["name"] for row in listed.rows] == ["mine"]
    answer = images.delete_images(config, ["uc"], ["mine"], sure=True)
    assert answer.exit_code == 0
    assert list_catalog(config, ["uc"], "image", cached=True).rows == []


def test_a_file_with_another_digest_reaches_no_cloud(config: Config, store: ImageStore, disk: Path) -> None:
    with pytest.raises(Refused, match="was expected") as told:
        images.add_image(config, ["uc"], words("mine", disk, sha256="0" * 64))
    assert told.value.exit_code == 1
    with pytest.raises(Refused, match="No such file"):
        images.add_image(config, ["uc"], words("mine", disk.parent / "none"))
    assert store.list() == []
    digest = hashlib.sha256(disk.read_bytes()).hexdigest()
    assert images.add_image(config, ["uc"], words("mine", disk, sha256=digest)).exit_code == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "a,b"}, "cannot be the name"),
        ({"name": "-a"}, "cannot be the name"),
        ({"name": " "}, "cannot be the name"),
        ({"name": "a", "format": "vmdk"}, "qcow2 or raw"),
        ({"name": "a", "sha256": "abc"}, "SHA-256"),
        ({"name": "a", "user": "a;b"}, "name of a user"),
    ],
)
def test_wrong_words_are_told(config: Config, store: ImageStore, disk: Path, given: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        images.add_image(config, ["uc"], words(given.pop("name"), disk, **given))


def test_a_cloud_that_takes_no_images_is_told_before_anything_is_downloaded(
    config: Config, site: SimpleNamespace
) -> None:
    with pytest.raises(Unsupported, match="cannot add images"):
        images.add_image(config, ["uc"], words("a", f"{site.url}/a", sha256="0" * 64))
    assert site.asked == []


def test_an_address_is_downloaded_checked_and_forgotten(
    config: Config, store: ImageStore, disk: Path, site: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    site.files["/a"] = disk.read_bytes()
    digest = hashlib.sha256(site.files["/a"]).hexdigest()
    place = f"{site.url}/a?token=secret"
    assert images.add_image(config, ["uc"], words("mine", place, sha256=digest)).exit_code == 0
    assert store.list()[0].name == "mine"
    assert [*(places.machines_directory() / ".downloads").iterdir()] == []
    told = capsys.readouterr().err
    assert f"downloading mine from {site.url}/a; " in told
    assert "GiB are free" in told
    assert "secret" not in told
    with pytest.raises(Conflict, match="already"):
        images.add_image(config, ["uc"], words("mine", place, sha256=digest))
    assert len(site.asked) == 1


def test_a_download_that_is_no_image_is_not_kept(
    config: Config, store: ImageStore, site: SimpleNamespace
) -> None:
    site.files["/a"] = b"<!DOCTYPE html><p>Sign in"
    with pytest.raises(Refused, match="was expected"):
        images.add_image(config, ["uc"], words("mine", f"{site.url}/a", sha256="0" * 64))
    digest = hashlib.sha256(site.files["/a"]).hexdigest()
    with pytest.raises(Refused, match="web page"):
        images.add_image(config, ["uc"], words("mine", f"{site.url}/a", sha256=digest))
    assert [*(places.machines_directory() / ".downloads").iterdir()] == []
    with pytest.raises(NotFound, match="404") as told:
        images.add_image(config, ["uc"], words("mine", f"{site.url}/b", sha256=digest))
    assert told.value.exit_code == 1
    with pytest.raises(UsageError, match="--sha256"):
        images.add_image(config, ["uc"], words("mine", f"{site.url}/a"))


def test_an_image_of_the_catalogue_is_checked_against_its_list(
    config: Config, store: ImageStore, disk: Path, site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = CatalogueImage("tiny-1", "Tiny", f"{site.url}/disk", "tiny", f"{site.url}/SUMS")
    monkeypatch.setattr(images, "in_catalogue", lambda name: listed)
    monkeypatch.setattr(download, "require_address", lambda url, safe: None)
    site.files |= {"/disk": disk.read_bytes(), "/SUMS": b"0" * 64 + b"  disk\n"}
    with pytest.raises(Refused, match="was expected"):
        images.add_image(config, ["uc"], words("tiny-1"))
    site.files["/SUMS"] = b"# empty"
    with pytest.raises(Refused, match="has no digest of disk"):
        images.add_image(config, ["uc"], words("tiny-1"))
    site.files["/SUMS"] = f"SHA512 (disk) = {hashlib.sha512(disk.read_bytes()).hexdigest()}\n".encode()
    assert images.add_image(config, ["uc"], words("tiny-1")).exit_code == 0
    assert [(each.name, each.user) for each in store.stored()] == [("tiny-1", "tiny")]
    site.asked.clear()
    again = images.add_image(config, ["uc"], words("tiny-1"))
    assert [row["reason"] for row in again.rows] == ["it is there already"]
    assert site.asked == []


def test_an_unknown_name_without_a_file_is_told_with_the_nearest(config: Config, store: ImageStore) -> None:
    with pytest.raises(UnknownName, match="no file or address is given; did you mean 'debian-12'"):
        images.add_image(config, ["uc"], words("debian12"))


def test_the_catalogue_is_listed_and_filtered() -> None:
    answer = images.list_catalogue({"--filter": "name=ubuntu*", "--columns": "name,user,url"})
    assert [row["user"] for row in answer.rows] == ["ubuntu", "ubuntu"]


def test_deleting_asks_first(
    config: Config, store: ImageStore, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.add_image(config, ["uc"], words("mine", disk))
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match="--yes"):
        images.delete_images(config, ["uc"], ["mine"], sure=False)
    terminal = SimpleNamespace(isatty=lambda: True, readline=lambda: "n\n")
    monkeypatch.setattr("sys.stdin", terminal)
    with pytest.raises(CloudmeshError, match="no image was deleted"):
        images.delete_images(config, ["uc"], ["mine"], sure=False)
    assert [each.name for each in store.list()] == ["mine"]
    terminal.readline = lambda: "yes\n"
    assert images.delete_images(config, ["uc"], ["mine"], sure=False).exit_code == 0
    assert store.list() == []
    assert [each.name for each in (tmp_path / "store").iterdir()] == [".lock"]


def test_a_missing_image_is_told_with_what_adds_it(config: Config, store: ImageStore, disk: Path) -> None:
    with Cloud("uc", config) as cloud, pytest.raises(UnknownName, match="get it: cms image add x --cloud=uc"):
        cloud.image("x")
    answer = check_clouds(config, ["uc"])
    assert [(row["check"], row["result"]) for row in answer.rows if row["check"] == "image"] == [
        ("image", "none")
    ]
    assert answer.exit_code == 0
    images.add_image(config, ["uc"], words("mine", disk))
    assert check_clouds(config, ["uc"]).exit_code == 2
