"""The page of clouds: its examples are configurations without mistakes, and no type is missing."""

import re

import pytest
import yaml

from cloudmesh.cloud.provider.registry import provider_types
from cloudmesh.config.check import rules


@pytest.fixture
def page(root):
    return (root / "docs" / "clouds.md").read_text(encoding="utf-8")


def test_the_examples_are_without_mistakes(page, tmp_path, monkeypatch):
    profiles = tmp_path / "config"
    profiles.write_text("\n".join(re.findall(r"```ini\n(.*?)```", page, re.DOTALL)))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profiles))
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    found = [problem for block in blocks for problem in rules.problems(yaml.safe_load(block))]
    assert len(blocks) >= 5
    assert [each for each in found if "is TBD" not in each.message] == []


def test_every_type_is_on_the_page(page):
    table = page.partition("\n\n*By replay*")[0]
    assert [kind for kind in provider_types() if f"`{kind}`" not in table] == []
