"""--mine: in a project that several users share only what is ours is meant, and nothing else is touched."""

from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudmesh.cloud.cli.changes import attach_address, create_address
from cloudmesh.cloud.errors import Unreachable
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.new_names import MACHINES
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.vm import Machine, Machines
from cloudmesh.vm.clouds.ours import NotOurs
from cloudmesh.vm.jobs import rows

OURS, THEIRS = ["web1", "web2"], ["web3", "web4"]


@pytest.fixture
def project(configure, spy):
    """The cloud a, whose project we share; ``project(mine=True)`` configures it again."""

    def make(**settings):
        return configure({"a": settings}, active=["a"])

    make()
    return make


@pytest.fixture
def colleague(project):
    """Boots machines as another user of the project, past our store."""

    def boot(*names, user="bob"):
        with SimulatedProvider("a", {**Config.load().cloud("a"), "user": user}) as provider:
            image, flavor = provider.images()[-1], provider.flavors()[0]
            return [provider.boot(BootRequest(name, image, flavor)) for name in names]

    return boot


@pytest.fixture
def mixed(project, colleague, spy):
    """web1 and web2 are ours, web3 and web4 bob's; the store knows all of them."""
    with Machines(OURS, "a") as machines:
        machines.boot().raise_for_failures()
    colleague(*THEIRS)
    with Machines.all("a") as machines:
        assert len(machines) == 4
    spy.taken()
    return project


def change(sql):
    """Change the cloud itself."""
    with SimulatedProvider("a", Config.load().cloud("a")) as provider, provider._world.change() as connection:
        connection.execute(sql)


def left():
    """The names of the machines that the cloud has."""
    with SimulatedProvider("a", Config.load().cloud("a")) as provider:
        return sorted(each.name for each in provider.machines())


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        ("delete web* --yes --mine", THEIRS),
        ("delete --all --yes --mine", THEIRS),
        ("delete web1 web2 --yes --mine", THEIRS),
        ("delete --all --yes", []),
        ("delete web3 --yes", ["web1", "web2", "web4"]),
    ],
)
def test_mine_leaves_machines_of_others_alone(mixed, cms, line, stays):
    assert cms(line)[0] == 0
    assert left() == stays


@pytest.mark.parametrize(
    "line", ["delete web[1-4] --yes", "delete web1 web3 --yes", "stop web3", "rename web3 x"]
)
def test_a_machine_of_someone_else_that_is_named_ends_the_command_before_anything_is_done(
    mixed, cms, spy, line
):
    for words, mine in ((f"{line} --mine", False), (line, True)):
        mixed(mine=mine)
        code, _, told = cms(words)
        assert (
            code == 2 and "belong" in told and "to someone else (owner bob)" in told and "--everyone" in told
        )
        assert {method for _, method, _ in spy.taken()} <= {"machines", "machine"}
    assert cms(f"{line} --everyone")[0] == 0


def test_an_address_is_attached_to_none_of_somebody_else_where_only_ours_are_meant(mixed):
    for mine in (True, False):
        config = mixed(mine=mine)
        address = create_address(config, "a", "public").rows[0]["address"]
        with pytest.raises(UsageError, match="a:web3 belongs to someone else") if mine else nullcontext():
            attach_address(config, "a", address, "web3")
        if mine:
            attach_address(config, "a", address, "web1")


def test_mine_of_a_cloud_is_the_default_there_and_in_python(mixed, cms):
    mixed(mine=True)
    code, _, told = cms("stop web*")
    assert code == 0 and "2 machines of other users are left out" in told
    assert "left out" not in cms("stop web* --mine")[2] and "left out" in cms("stop web[3-4]* --mine")[2]
    with Machines("web*", mine=False) as machines:
        assert {name: str(state) for name, state in machines.states().items()} == {
            "web1": "stopped",
            "web2": "stopped",
            "web3": "active",
            "web4": "active",
        }
    with Machines.all("a") as machines:
        assert [each.name for each in machines] == OURS
    with Machine("web3") as machine, pytest.raises(NotOurs):
        machine.stop()
    with Machine("web3", mine=False) as machine:
        assert machine.state == "active"
    assert cms("info web3")[0] == 0, "to look is no harm"


def test_a_list_of_ours_comes_from_the_store_and_says_what_the_configuration_hides(mixed, cms, spy):
    assert cms("list --mine --columns=name --output=names") == (0, "web1\nweb2\n", "")
    assert spy.taken() == []
    mixed(mine=True)
    code, shown, told = cms("list --columns=name,owner --output=csv")
    assert (code, shown) == (0, "name,owner\nweb1,me\nweb2,me\n")
    assert "2 machines of other users are not shown" in told and "--everyone" in told
    assert cms("list --everyone --columns=name --output=names")[1].split() == [*OURS, *THEIRS]


def test_whose_old_rows_of_the_store_are_is_asked(mixed, cms, spy):
    with Inventory(open_store(Config.load())) as inventory:
        inventory.database.update(MACHINES, {"owner": "", "boot_id": ""}, cloud="a")
        inventory.database.update(rows.TASKS, {"cloud_id": "", "token": ""}, verb="boot")
    assert cms("list --mine --columns=name --output=names") == (0, "web1\nweb2\n", "")
    assert ("a", "machines", "") in spy.taken()
    with Inventory(open_store(Config.load())) as inventory:
        inventory.database.update(MACHINES, {"owner": ""}, cloud="a")
    assert cms("stop web1 --mine")[0] == 0
    assert cms("stop web3 --mine")[0] == 2


def test_who_we_are_is_asked_before_something_is_done_since_the_account_may_have_changed(mixed, cms):
    """The store knows who we were when the cloud was listed."""
    with Inventory(open_store(Config.load())) as inventory:
        inventory.database.update(rows.TASKS, {"cloud_id": "", "token": ""}, verb="boot")
    mixed(user="bob")
    assert cms("delete web1 --yes --mine")[0] == 2
    assert cms("delete web* --yes --mine")[0] == 0
    assert left() == OURS


def test_what_was_booted_from_here_is_ours_where_the_cloud_tells_no_users(mixed, cms, monkeypatch):
    change("UPDATE machine SET owner = ''")
    monkeypatch.setattr(SimulatedProvider, "user_id", lambda self: "")
    code, shown, told = cms("list --mine --refresh --columns=name --output=names")
    assert (code, shown) == (0, "web1\nweb2\n") and "cannot be told whose 2 machines are" in told
    code, _, told = cms("stop web* --mine --output=names")
    assert code == 0 and "whose a:web3, a:web4 is cannot be told" in told and "--everyone" in told
    code, _, told = cms("stop web3 --mine")
    assert code == 2 and "whose a:web3 is cannot be told" in told
    assert cms("list --everyone --filter=state=active --columns=name --output=names")[1].split() == THEIRS


def test_where_the_cloud_cannot_say_who_we_are_only_what_was_booted_from_here_is_ours(
    mixed, cms, spy, monkeypatch
):
    def fails(self):
        raise Unreachable("no answer")

    monkeypatch.setattr(SimulatedProvider, "user_id", fails)
    code, shown, _ = cms("stop web1 web3 --mine")
    assert code == 1 and "no answer" in shown
    assert spy.called("stop") == ["web1"]


def test_in_a_store_that_a_team_shares_only_our_own_boots_are_ours(mixed, cms, monkeypatch):
    """The database of a team is told by its URL; the boots of web1 and web2 were those of a colleague."""
    change("UPDATE machine SET owner = 'carol'")
    assert cms("list --mine --refresh --columns=name --output=names")[1].split() == OURS
    monkeypatch.setattr("cloudmesh.vm.clouds.owners.is_shared", lambda config: True)
    with Machines("web*", mine=True) as machines:
        assert [each.name for each in machines] == OURS, "by the same login on the same computer"
        machines.session.inventory.database.update(rows.JOBS, {"account": "bob@elsewhere"}, verb="boot")
    with Machines("web*", mine=True) as machines:
        assert list(machines) == []


# Names that look like expressions belong to others, and so does each that a glob of ours could mean.
NAMES = {
    "me": ["web1", "web10", "db", "x-1"],
    "bob": ["web2", "web*", "=web1", "id=web1", "db,web1", "a:web1", "x[1-2]", "web1 "],
    "": ["web3", "dbx", "x-2"],
}
WORDS = st.one_of(
    st.sampled_from([name for names in NAMES.values() for name in names]),
    st.text("webdx1230-*?[],=:a ", min_size=1, max_size=8),
    st.sampled_from(
        ["*", "web[1-3]", "web?", "id=sim-000002", "sim-000005", "a:*", "x-[1-2]", "=web*", "[!w]*"]
    ),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS, min_size=1, max_size=3), configured=st.booleans(), listed=st.booleans())
def test_a_selection_of_ours_is_a_subset_of_what_is_ours_whatever_the_words(world, words, configured, listed):
    world(mine=configured)
    try:
        with Machines(words, mine=None if configured else True) as machines:
            if listed:
                machines.session.cloud("a").machines()
            found = {each.name for each in machines.select().machines}
    except UsageError:
        return
    assert found <= set(NAMES["me"])
    with Machines(words, mine=False) as machines:
        try:
            everyone = {each.name for each in machines.select().machines}
        except CloudmeshError:
            return
    assert found == everyone & set(NAMES["me"]), "and nothing of ours is missing"


@pytest.fixture
def world(project, colleague):
    for user, names in NAMES.items():
        colleague(*names, user=user or "nobody")
    change("UPDATE machine SET owner = '' WHERE owner = 'nobody'")
    return project
