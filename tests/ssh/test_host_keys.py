"""A machine that shows another host key than before is told, and is sent nothing until a user says so."""

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def changed(home, bed):
    """own2, whose key was learnt and is another one now."""
    home.cms("vm", "run", "own2", "--", "echo first >> said")
    bed.stop("own2")
    bed.restart("own2", new_key=True)
    (bed.home("own2") / "said").unlink()
    return home


def test_another_key_is_an_alarm_and_nothing_is_sent(changed, bed):
    home = changed
    for words in (
        ("run", "own2,m01", "--", "echo again >> said"),
        ("put", "own2", "cloudmesh/class.yaml", "said"),
        ("get", "own2", "said", "back"),
    ):
        ended = home.cms("vm", *words, code=1)
        assert "host key of local:own2" in ended.stdout + ended.stderr, words
    assert "host key" in home.cms("vm", "ssh", "own2", "--command=echo again >> said", code=None).stderr
    assert not (bed.home("own2") / "said").exists()


def test_once_it_is_forgotten_the_new_one_is_learnt(changed, bed):
    home = changed
    home.cms("ssh-config", "forget", "own2")
    home.cms("vm", "run", "own2", "--", "echo again >> said")
    assert (bed.home("own2") / "said").read_text() == "again\n"
