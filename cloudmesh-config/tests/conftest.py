"""What the tests of the configuration share: a private directory and a way to write a file into it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloudmesh.config.secrets.prompt import RefusingPrompter

_CLOUD = """\
  {name}:
    name: Chameleon {site}
    host: chameleoncloud.org
    type: openstack
    version: liberty
    credentials:
      OS_AUTH_URL: https://openstack.{name}.chameleoncloud.org:5000/v3
      OS_PASSWORD: TBD
      OS_TENANT_NAME: CH-818664
      OS_TENANT_ID: CH-818664
      OS_PROJECT_NAME: CH-818664
      OS_PROJECT_DOMAIN_ID: default
      OS_USER_DOMAIN_ID: default
      OS_USERNAME: TBD
      OS_VERSION: liberty
      OS_REGION_NAME: RegionOne
    default:
      flavor: m1.small
      image: Ubuntu-Server-14.04-LTS
"""
# The sample of the design document, as data: two clouds, and a default that is neither of them.
SAMPLE = """\
version: 5.0
profile:
  firstname: Gregor
  lastname: von Laszewski
  email: laszewski@gmail.com
cloudmesh:
  default:
  - chameleon\x20
  active:
  - chameleon
clouds:
""" + "".join(_CLOUD.format(name=site.lower(), site=site) for site in ("UC", "TACC"))

Write = Callable[..., Path]


@pytest.fixture
def sample() -> str:
    return SAMPLE


@pytest.fixture
def write(home: Path) -> Write:
    """Write text or bytes as class.yaml with a mode, 0600 if none is given."""

    def function(content: str | bytes, mode: int = 0o600) -> Path:
        path = home / "class.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    return function


PASSPHRASE = "Xr4-open-sesame"
KINDS = {"ed25519": ["-t", "ed25519"], "rsa": ["-t", "rsa", "-b", "2048"], "ecdsa": ["-t", "ecdsa"]}


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Keys made by ssh-keygen: ed25519, rsa, ecdsa, other, and with a passphrase locked, locked_rsa, pem."""
    directory = tmp_path_factory.mktemp("keys")
    made = {
        **{kind: (options, "") for kind, options in KINDS.items()},
        "other": (KINDS["ed25519"], ""),
        "locked": (KINDS["ed25519"], PASSPHRASE),
        "locked_rsa": (KINDS["rsa"], PASSPHRASE),
        "pem": ([*KINDS["rsa"], "-m", "PEM"], PASSPHRASE),
    }
    for name, (options, passphrase) in made.items():
        words = ["ssh-keygen", "-q", *options, "-N", passphrase, "-C", f"{name}@test", "-f", directory / name]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return {name: directory / name for name in made}


@pytest.fixture
def passphrase() -> str:
    return PASSPHRASE


class Typed(RefusingPrompter):
    """A user who types these lines; what was asked is kept, with a star if the answer is not shown."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.asked: list[str] = []

    def _read(self, question: str, hidden: bool) -> str | None:
        self.asked.append(f"*{question}" if hidden else question)
        return self.lines.pop(0) if self.lines else None


@pytest.fixture
def typed() -> Typed:
    """Somebody to ask, who types what the test says."""
    return Typed()


@pytest.fixture
def install_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Make modules importable, and their classes providers: the distribution of somebody else."""
    made: list[str] = []

    def install(entry_points: str, **modules: str) -> None:
        info = tmp_path / "site" / "outside-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[cloudmesh.providers]\n{entry_points}\n")
        for name, code in modules.items():
            (tmp_path / "site" / f"{name}.py").write_text(code)
        made.extend(modules)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    yield install
    for name in made:
        sys.modules.pop(name, None)
