"""The home, the counted clouds and the machines of the tests of cloudmesh-vm, for those of its executor."""

import importlib.util
from pathlib import Path

_FILE = Path(__file__).parents[2] / "cloudmesh-vm" / "tests" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("fixtures_of_vm", _FILE)
_FIXTURES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_FIXTURES)

asked_once, spy = _FIXTURES.asked_once, _FIXTURES.spy
config, boot = _FIXTURES.config, _FIXTURES.boot
