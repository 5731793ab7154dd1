"""``cms config unset``: one key or item goes, every other line and comment stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cloudmesh.config.editing import edit, encryption
from cloudmesh.config.yaml import reader
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, UnknownName, UsageError

Write = Callable[..., Path]
TEXT = """\
# head
cloudmesh:
  active: [uc, tacc]   # both
  default:
  # first
  - uc      # mine
  - tacc
clouds:
  uc:
    # above the type
    type: simulated   # beside it
    bulk: 3
    owners: ["007", 12, true]
    default: {image: debian-12, flavor: small}
    # the end
  tacc:
    type: simulated
    default:
      image: x   # the only one
"""


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("clouds.uc.bulk", "    bulk: 3\n", ""),
        ("clouds.uc.default.image", "image: debian-12, ", ""),
        ("clouds.uc.default.flavor", ", flavor: small", ""),
        ("clouds.uc.default", "    default: {image: debian-12, flavor: small}\n", ""),
        ("clouds.tacc.default.image", "    default:\n      image: x   # the only one\n", ""),
        ("cloudmesh.active.0", "[uc, tacc]", "[tacc]"),
        ("cloudmesh.default.1", "  - tacc\n", ""),
        ("clouds.uc.owners.0", '["007", 12, true]', "[12, true]"),
        ("cloudmesh.active", "  active: [uc, tacc]   # both\n", ""),
    ],
)
def test_nothing_else_changes(write: Write, key: str, old: str, new: str) -> None:
    path = write(TEXT)
    assert TEXT.count(old) == 1
    edit.unset_value(path, key)
    assert path.read_text() == TEXT.replace(old, new)


@pytest.mark.parametrize(
    ("key", "kind", "told"),
    [
        ("clouds.uc.bulks", UnknownName, "did you mean 'bulk'?"),
        ("clouds.uc.bulk.x", UnknownName, "there is no key 'x' under clouds.uc.bulk"),
        ("cloudmesh.active.2", UnknownName, "known: 0, 1"),
        ("clouds.uc", UsageError, "cms cloud remove uc"),
        ("clouds", UsageError, "cms cloud remove NAME"),
        ("a..b", UsageError, "invalid key"),
    ],
)
def test_what_cannot_be_removed_is_said_in_one_sentence(
    write: Write, key: str, kind: type[CloudmeshError], told: str
) -> None:
    path = write(TEXT)
    with pytest.raises(kind) as caught:
        edit.unset_value(path, key)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_text() == TEXT


@pytest.mark.parametrize("key", ["cloudmesh", "cloudmesh.encryption", "cloudmesh.encryption.keys"])
def test_what_decrypts_the_secrets_is_kept(write: Write, keys: dict[str, Path], key: str) -> None:
    path = write(TEXT + "    credentials: {OS_PASSWORD: hunter2}\n")
    encryption.encrypt(path, [str(keys["ed25519"])])
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="cms config decrypt"):
        edit.unset_value(path, key)
    assert path.read_bytes() == before
    edit.unset_value(path, "clouds.tacc.credentials.OS_PASSWORD")
    assert "credentials" not in reader.load(path)["clouds"]["tacc"]
