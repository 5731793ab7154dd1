"""What ``--hint`` says to the scheduler: read, checked, kept with a job, and shown by a dry run."""

import json

import pytest

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.plugin.errors import UsageError
from cloudmesh.vm.cli.actions import read_hints
from cloudmesh.vm.jobs.planning import decode_request, encode_request

HINTS = {"group": "g1", "different_host": ["s1", "s2"], "query": '[">=", "$free_ram_mb", 1024]'}


def test_hints_are_pairs_and_those_that_repeat_become_a_list():
    pairs = [
        f"{key}={each}"
        for key, value in HINTS.items()
        for each in ([value] if isinstance(value, str) else value)
    ]
    assert read_hints(pairs) == HINTS
    assert read_hints(["a=b=c", "e="]) == {"a": "b=c", "e": ""}


@pytest.mark.parametrize("pair", ["group", "=g1", ""])
def test_what_is_no_pair_is_a_wrong_usage(pair):
    with pytest.raises(UsageError, match=f"--hint={pair} must be KEY=VALUE"):
        read_hints([pair])


@pytest.mark.parametrize("query", ["{", "a=b", ["1", "2"]])
def test_a_query_that_is_no_json_is_refused_before_anything_is_booted(config, query):
    with Cloud("a", config) as cloud, pytest.raises(UsageError, match="must be one query in JSON"):
        cloud.boot("web1", hint={"query": query})
    with Cloud("a", config) as cloud:
        assert cloud.machines() == []


def test_a_job_keeps_the_hints_and_older_jobs_have_none(config):
    from cloudmesh.cloud.client.booter import BootOptions

    with Cloud("a", config) as cloud:
        request = cloud.boot_request("web1", BootOptions(hint=HINTS))
    text = encode_request(request, None)
    assert decode_request(text).hints == HINTS
    old = {key: value for key, value in json.loads(text).items() if key != "hints"}
    assert decode_request(json.dumps(old)).hints == {}


def test_a_dry_run_shows_the_hints_and_the_boot_hands_them_on(config, cms):
    line = "boot web1 --cloud=a --hint=group=g1 --hint=same_host=s1 --hint=same_host=s2"
    code, out, _ = cms(f"{line} --dryrun --output=json")
    assert (code, json.loads(out)[0]["hints"]) == (0, {"group": "g1", "same_host": ["s1", "s2"]})
    assert cms(line)[0] == 0
    assert '"same_host": ["s1", "s2"]' in cms("console web1 --cloud=a")[1]
