"""YAML as the configuration uses it: the safe part of it, and the tag ``!env NAME``."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import Node, ScalarNode

from cloudmesh.config.yaml.limits import Guarded, OwnYamlError, tame
from cloudmesh.config.yaml.references import ENVIRONMENT_TAG, reference

NO_VARIABLE = ("after !env there is no name of a variable", "write it as: !env NAME")


class _Constructor(Guarded):
    """A class of our own, so that the tag is known to our readers only."""


def _environment(_: Any, node: Node) -> str:
    """``!env NAME`` as the value ``${NAME}``, which means the same."""
    value = reference(node.value) if isinstance(node, ScalarNode) else None
    if value is None:
        raise OwnYamlError(NO_VARIABLE, node.start_mark)
    return value


_Constructor.add_constructor(ENVIRONMENT_TAG, _environment)


def yaml(*, pure: bool) -> YAML:
    """A reader: the one in C, which is fast, or the pure one, which knows all of YAML."""
    made = YAML(typ="safe", pure=pure)
    made.Constructor = _Constructor
    return tame(made)
