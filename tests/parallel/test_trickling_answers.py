"""A cloud whose answers come byte by byte ends every command in its time, and hides no healthy cloud."""

import json

import pytest

LISTS = ("image", "flavor", "key", "network", "secgroup", "ip")
# Where the healthy cloud has nothing either.
EMPTY = ("ip list", "key list", "vm metadata a001,b001")
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEga2V5IG9mIHRoZSBjb25mb3JtYW5jZSBzdWl0ZSEh me"


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [{"trickle": 0.5}, {"hang": True}], ids=["trickle", "hang"])
def test_every_question_ends_in_its_time_and_tells_what_is_healthy(make_fleet, trouble):
    fleet = make_fleet(2, call_timeout=1, default={"image": "debian-12", "flavor": "m1.small"})
    fleet.add(1)
    fleet.stacks["b"].tell(**trouble)
    key = fleet.home.path / "key.pub"
    key.write_text(PUBLIC_KEY)
    shown = {
        **{f"{each} list": 4 for each in LISTS},
        **{"vm list --refresh": 4, "vm metadata a001,b001": 4, "cloud check": 4, f"key add me {key}": 1},
    }
    alone = {
        **{f"vm {verb} b:b001": 4 for verb in ("info", "console", "metadata")},
        **{"cloud info b --refresh": 4, "ip create --cloud=b": 4, f"key add you {key} --cloud=b": 4},
    }
    running = {
        words: fleet.home.start(*words.split(), *([] if "console" in words else ["--output=json"]))
        for words in (*shown, *alone)
    }
    for words, process in running.items():
        out, told = process.communicate(timeout=60)
        assert process.returncode == {**shown, **alone}[words], (words, out, told)
        assert "b" in told or words.startswith(("cloud", "key")), (words, told)
        if words in shown and words not in EMPTY:
            clouds = {row.get("cloud") or row["name"] for row in json.loads(out)}
            assert "a" in clouds, (words, out, told)
        if words in ("ip create --cloud=b", f"key add you {key} --cloud=b"):
            assert told.count("outcome unknown") == 1
