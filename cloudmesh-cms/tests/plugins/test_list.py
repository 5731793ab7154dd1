"""``cms plugin list``: what is installed, what clashes, and what cannot be loaded."""

import pytest

from cloudmesh.cms.plugins import probe

PROVIDER = "from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider as {}\n"


def rows_of(home, code=0):
    rows = home.json("plugin", "list", code=code)
    return {(row["kind"], row["name"], row["distribution"]): row for row in rows}


def states(rows, *names):
    return {key[1:]: (row["state"], row["reason"]) for key, row in rows.items() if key[1] in names}


def test_all_of_ours_and_of_cmd5_are_there_with_distribution_and_version(home):
    rows = rows_of(home)
    assert {row["state"] for row in rows.values()} == {"ok"}
    vm = rows["command", "vm", "cloudmesh-vm"]
    assert vm["version"].startswith("5.") and vm["module"] == "cloudmesh.vm.command.vm"
    expected = [
        ("provider", "openstack", "cloudmesh-cloud"),
        ("executor", "dask", "cloudmesh-dask"),
        ("command", "banner", "cloudmesh-cmd5"),
    ]
    assert rows.keys() >= {*expected}
    assert home.cms("plugin", "list", "--output=names").stdout.split().count("vm") == 1


def test_a_package_of_others_is_listed_with_all_that_it_brings(home, site):
    points = "[cloudmesh.providers]\nacme = acme_cloud:Acme\n"
    files = {"acme_cloud.py": PROVIDER.format("Acme"), "cloudmesh/acme/command/__init__.py": ""}
    site.command("acme", distribution="Acme_Shell", version="2.5")
    site.install("acme-cloud", files, points)
    rows = rows_of(home)
    command, provider = rows["command", "acme", "acme-shell"], rows["provider", "acme", "acme-cloud"]
    assert (command["version"], command["state"]) == ("2.5", "ok")
    assert (provider["module"], provider["state"]) == ("acme_cloud:Acme", "ok")


# The source of a command module, and what is said of it.
BROKEN = {
    "an_error": ("raise RuntimeError('no\\nway')", "RuntimeError: no way"),
    "a_syntax_error": ("def do_a_syntax_error(:", "SyntaxError"),
    "a_secret": ("raise ValueError('https://me:hush@there/x')", "https://me:***@there/x"),
    "an_exit": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "a_sudden_end": ("import os; os._exit(7)", "ends the process (exit code 7)"),
    "no_library": ("import nosuchlibrary", "No module named 'nosuchlibrary'"),
    "no_class": ("class Other:\n    pass\n", "no class with the method do_no_class"),
}
NO_PROVIDER = {
    "no_module": ("nosuchmodule:Some", "No module named 'nosuchmodule'"),
    "no_such_name": ("acme_types:Nobody", "has no attribute 'Nobody'"),
    "no_class": ("acme_types:function", "not a subclass of cloudmesh.cloud.Provider"),
    "unfinished": ("acme_types:Unfinished", "lacks the methods boot, check, delete"),
}
TYPES = """
    from cloudmesh.cloud import Provider
    function = print
    class Unfinished(Provider): ...
"""


def test_what_cannot_be_loaded_is_named_with_its_reason_and_hides_nothing(home, site):
    for name, (source, _) in BROKEN.items():
        text = source if name == "no_class" or "(:" in source else f"{source}\ndef do_{name}(): ...\n"
        site.command(name, text)
    points = "".join(f"{name} = {value}\n" for name, (value, _) in NO_PROVIDER.items())
    site.install("acme-types", {"acme_types.py": TYPES}, f"[cloudmesh.providers]\n{points}")
    site.command("chatty", "print('{{{ not JSON')\n" + "import sys; sys.stdout.flush()\n")
    rows = rows_of(home, code=1)
    for kind, cases in (("command", BROKEN), ("provider", NO_PROVIDER)):
        for name, (_, reason) in cases.items():
            (row,) = [row for key, row in rows.items() if key[:2] == (kind, name)]
            assert row["state"] == "failed" and reason in row["reason"], row
            assert "\n" not in row["reason"]
    assert rows["command", "vm", "cloudmesh-vm"]["state"] == "ok"
    assert "hush" not in home.cms("plugin", "list", code=1).stdout


def test_two_packages_with_one_command_or_one_type_are_a_clash(home, site):
    points = "[cloudmesh.providers]\nacme = acme_{}:Acme\n"
    for each in ("one", "two"):
        site.command("acme", package=f"acme_{each}", version="3.0")
        site.install(f"acme-{each}", {f"acme_{each}.py": PROVIDER.format("Acme")}, points.format(each))
    rows = rows_of(home, code=1)
    assert states(rows, "acme") == {
        ("acme", "cloudmesh-acme-one"): (
            "clash",
            "also in cloudmesh-acme-two 3.0; the one of cloudmesh-acme-one 3.0 is used; remove all but one",
        ),
        ("acme", "cloudmesh-acme-two"): (
            "clash",
            "also in cloudmesh-acme-one 3.0; the one of cloudmesh-acme-one 3.0 is used; remove all but one",
        ),
        ("acme", "acme-one"): ("clash", "also in acme-two 1.0; remove all but one"),
        ("acme", "acme-two"): ("clash", "also in acme-one 1.0; remove all but one"),
    }
    assert home.cms("acme").stdout == "acme of Acme_One\n", "the one that is said to be used"


def test_a_file_that_two_packages_own_is_a_clash(home, site):
    site.command("acme")
    site.install("other", {"cloudmesh/acme/command/acme.py": ""})
    (site.folder / "cloudmesh/acme/command/acme.py").write_text("def do_acme(): ...\n", encoding="utf-8")
    found = states(rows_of(home, code=1), "acme")
    assert found["acme", "other"][0] == "failed"
    assert "also in cloudmesh-acme 1.0" in found["acme", "other"][1]


DAMAGED = {
    "no name": {"metadata": "Metadata-Version: 2.1\n"},
    "no text": {"metadata": "\x00\x01"},
    "no entry points": {"points": "this is = no\n[cloudmesh.providers\n= : ::\n[cloudmesh.providers]\nbad\n"},
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_metadata_takes_nothing_down(home, site, case):
    site.command("acme", distribution="cloudmesh-acme", **DAMAGED[case])
    ended = home.cms("plugin", "list", code=None)
    assert ended.returncode in (0, 1) and "cloudmesh-acme" in ended.stdout
    assert "an error of the program" not in ended.stderr
    assert "acme" in home.cms("acme").stdout


def test_a_command_that_no_distribution_owns_has_none(home, site):
    site.command("acme")
    for file in site.folder.glob("*.dist-info/*"):
        file.unlink()
    assert rows_of(home)["command", "acme", None]["state"] == "ok"


def test_an_import_that_takes_too_long_is_given_up_and_the_others_are_tried(tmp_path, monkeypatch):
    (tmp_path / "slow_types.py").write_text("import time; time.sleep(600)", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    things = [
        *(probe.Thing("executor", "a", "shutil:copy"), probe.Thing("executor", "b", "slow_types:run")),
        probe.Thing("executor", "c", "shutil:copy"),
    ]
    assert probe.reasons(things, patience=3) == ["", "its import takes more than 3 s", ""]
