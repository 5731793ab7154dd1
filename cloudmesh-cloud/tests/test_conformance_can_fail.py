"""The conformance suite finds providers that are wrong: each of these breaks one promise."""

import subprocess
import sys

import pytest

SUITE = """
import pytest
from cloudmesh.cloud.conformance import ProviderSuite
from cloudmesh.cloud.errors import BadAnswer, CloudError
from cloudmesh.cloud import State
from cloudmesh.cloud import Capability, Provider
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from contextlib import suppress
from dataclasses import replace

class Lies(SimulatedProvider):
    "Says that it cannot suspend, and does."
    capabilities = SimulatedProvider.capabilities - {Capability.SUSPEND}
    def suspend(self, cloud_id):
        self.act("suspend", cloud_id)

class Empty(SimulatedProvider):
    "Turns an error into an empty list."
    def machines(self):
        return []

class Collapses(SimulatedProvider):
    "Shows suspended machines as stopped."
    def machine(self, cloud_id):
        machine = super().machine(cloud_id)
        return replace(machine, state=State.STOPPED) if machine.state is State.SUSPENDED else machine

class Silent(SimulatedProvider):
    "Finds no fault with an id that is not there."
    def stop(self, cloud_id):
        try:
            super().stop(cloud_id)
        except CloudError:
            pass

class Pretends(SimulatedProvider):
    "Adds no rule, releases no address, forgets a new size and what is written on a machine."
    def add_rule(self, group_id, rule):
        return rule
    def detach_floating_ip(self, cloud_id):
        pass
    def resize(self, cloud_id, flavor):
        pass
    def set_metadata(self, cloud_id, changes):
        pass

class Trusts(SimulatedProvider):
    "Takes any answer for success, no listing for an empty one, and shelved machines for stopped ones."
    def act(self, verb, cloud_id, **values):
        with suppress(BadAnswer):
            super().act(verb, cloud_id, **values)
    def key_pairs(self):
        with suppress(BadAnswer):
            return super().key_pairs()
        return []
    def machine(self, cloud_id):
        machine = super().machine(cloud_id)
        return replace(machine, state=State.STOPPED) if machine.state is State.SHELVED else machine

class Boasts(SimulatedProvider):
    "Says that it takes images, and has no method for it."
    capabilities = SimulatedProvider.capabilities | {Capability.ADD_IMAGE}

class Tells(SimulatedProvider):
    "Tells all that there is, and who is gone."
    capabilities = SimulatedProvider.capabilities | {Capability.CHANGES}
    told = {}
    def machines(self):
        self.mark, listed = "from here", list(super().machines())
        self.told |= {each.cloud_id: each for each in listed}
        return listed
    def changed_machines(self, since):
        known, listed = dict(self.told), self.machines()
        gone = known.keys() - {each.cloud_id for each in listed}
        return [*listed, *(replace(known[each], state=State.DELETED) for each in gone)]

class Conceals(SimulatedProvider):
    "Tells nobody who is gone."
    capabilities = SimulatedProvider.capabilities | {Capability.CHANGES}
    def machines(self):
        self.mark = "from here"
        return super().machines()
    def changed_machines(self, since):
        return self.machines()

class Undeclared(SimulatedProvider):
    "Takes addresses that cost money, though it declares none."
    capabilities = SimulatedProvider.capabilities - {Capability.FLOATING_IPS}

class Drops(SimulatedProvider):
    "Leaves out of a call what it does not find, and says that all was accepted."
    bulk = {"stop": 100, "start": 100}
    def act_many(self, verb, cloud_ids):
        for cloud_id in cloud_ids:
            try:
                getattr(self, verb)(cloud_id)
            except CloudError:
                pass
        return {}

class Half(SimulatedProvider):
    "Does the work for the first machine only."
    bulk = {"stop": 100, "start": 100}
    def act_many(self, verb, cloud_ids):
        getattr(self, verb)(*cloud_ids[:1])
        return {}

class Late(SimulatedProvider):
    "Says only when it is open how many machines one call takes."
    def open(self):
        super().open()
        self.bulk = {"stop": 100}

class Forgets(SimulatedProvider):
    "Makes a second set of machines when it is asked again, and writes down no tokens."
    bulk = {"boot": 100}
    def boot_many(self, requests, again=False):
        return [self.boot(replace(each, name=each.name + "x" * again, token="")) for each in requests]

class Honest(SimulatedProvider):
    "Cannot suspend or keep keys or addresses, and says so."
    capabilities = SimulatedProvider.capabilities - {
        Capability.SUSPEND, Capability.KEYS, Capability.FLOATING_IPS
    }
    suspend = Provider.suspend
    key_pairs, add_key, delete_key = Provider.key_pairs, Provider.add_key, Provider.delete_key
    floating_ips, create_floating_ip = Provider.floating_ips, Provider.create_floating_ip
    delete_floating_ip, attach_floating_ip = Provider.delete_floating_ip, Provider.attach_floating_ip
    detach_floating_ip = Provider.detach_floating_ip

def suite(kind):
    class TestIt(ProviderSuite):
        patience = 0.5
        @pytest.fixture
        def make_provider(self, tmp_path):
            settings = {"file": str(tmp_path / "w.db"), "boot_seconds": 0, "action_seconds": 0}
            return lambda **more: kind("it", {**settings, **more})
        @pytest.fixture
        def lying(self, make_provider):
            return lambda call: make_provider(fail={"verb": call, "error": "malformed", "after": True})
        @pytest.fixture
        def ending(self, make_provider):
            return lambda state: make_provider(fail={"verb": "boot", "error": "fault", "state": str(state)})
    return TestIt

globals().update({f"Test{kind.__name__}": suite(kind) for kind in SimulatedProvider.__subclasses__()})
TestGood = suite(SimulatedProvider)

class TestForgotten(ProviderSuite):
    "Gives no provider at all."
"""


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """The tests that failed, by class; all of them run in one pytest of their own."""
    directory = tmp_path_factory.mktemp("suite")
    (directory / "test_wrong.py").write_text(SUITE)
    words = ["-m", "pytest", "-q", "-rfEp", "--tb=no", "-p", "no:cacheprovider", "test_wrong.py"]
    done = subprocess.run(
        [sys.executable, *words], cwd=directory, capture_output=True, text=True, timeout=240, check=False
    )
    found = {}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("FAILED", "ERROR", "PASSED"):
            _, kind, test = rest.split(" - ")[0].split("::")
            found.setdefault(kind, set())
            if word != "PASSED":
                found[kind].add(test)
    return found


def test_a_good_provider_passes(failures):
    assert failures["TestGood"] == set()
    assert failures["TestHonest"] == set()
    assert failures["TestTells"] == set()


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        ("TestLies", "test_a_verb_and_its_opposite[suspend]"),
        ("TestEmpty", "test_a_booted_machine_is_listed_with_what_was_asked"),
        ("TestCollapses", "test_a_verb_and_its_opposite[suspend]"),
        ("TestSilent", "test_an_unknown_id_is_not_found[stop]"),
        ("TestPretends", "test_rules_come_and_go"),
        ("TestPretends", "test_a_floating_ip_leads_to_a_machine_and_away"),
        ("TestPretends", "test_resize"),
        ("TestPretends", "test_metadata_is_set_changed_and_removed"),
        ("TestTrusts", "test_what_is_no_answer_to_a_verb_is_no_success[stop]"),
        ("TestTrusts", "test_what_is_no_listing_is_no_empty_list[key_pairs]"),
        ("TestTrusts", "test_in_a_state_only_those_verbs_work_that_the_table_allows[shelved]"),
        ("TestBoasts", "test_what_is_declared_is_there"),
        ("TestConceals", "test_what_has_changed_since_a_listing_is_told"),
        ("TestUndeclared", "test_what_is_not_declared_is_unsupported"),
        ("TestDrops", "test_of_a_call_that_names_a_wrong_machine_nothing_is_lost"),
        ("TestHalf", "test_several_machines_are_stopped_started_and_deleted_in_one_call"),
        ("TestLate", "test_what_is_asked_of_a_provider_that_is_not_open_stays_when_it_is"),
        ("TestForgets", "test_asked_again_no_more_are_made"),
        ("TestForgets", "test_each_of_several_is_found_by_its_own_token"),
        ("TestForgotten", "test_check_says_something"),
    ],
)
def test_a_wrong_provider_fails(failures, kind, test):
    assert test in failures[kind]
