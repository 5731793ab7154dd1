"""The shell's own safety, over HTTP: nothing is done to machines that nobody has meant."""

from cloudmesh.vm.jobs.jobs import Jobs

WRONG = [
    ({"verb": "stop"}, "no machine is named"),
    ({"verb": "stop", "names": []}, "names"),
    ({"verb": "stop", "names": [""]}, "names"),
    ({"verb": "stop", "names": [" "]}, "no name is given"),
    ({"verb": "stop", "names": None, "all": False}, "no machine is named"),
    ({"verb": "stop", "names": ["x"], "all": True}, "use one of them"),
    ({"verb": "stop", "all": "yes"}, "all"),
    ({"verb": "boot", "all": True}, "needs names"),
    ({"verb": "fly", "names": ["x"]}, "fly"),
    ({"names": ["x"]}, "body.verb: it is missing"),
    ({"verb": "stop", "names": ["x"], "nmaes": ["y"]}, "no such member; did you mean 'names'?"),
    ({"verb": "stop", "names": "x"}, "body.names: it is no list; put it into brackets, as in names: [...]"),
    ({"verb": "stop", "names": ["x"], "image": "i"}, "does not take image"),
    ({"verb": "resize", "names": ["x"]}, "needs flavor"),
    ({"verb": "boot", "names": ["x"], "metadata": {"a": None}}, "metadata"),
    ({"verb": "stop", "names": ["x"], "timeout": 0}, "timeout"),
    ({"verb": "stop", "names": ["x"], "parallel": 0}, "parallel"),
    ({"verb": "stop", "names": ["x["]}, "x["),
    ({"verb": "boot", "names": ["web*"]}, "web*"),
    ({"verb": "stop", "names": ["x"], "wait": "soon"}, "wait"),
    ({"verb": "stop", "names": ["x"], "wait": "ready"}, "stop"),
]


def test_what_is_not_said_well_is_not_done(boss):
    boss.do(verb="boot", names=["x"])
    for body, told in WRONG:
        problem = boss.post("/jobs", body, 422)
        assert told in problem["detail"] and problem["status"] == 422, body
    assert len(Jobs().list()) == 1


def test_a_wrong_member_of_a_resumption_and_a_wrong_verb_of_a_list_are_told_the_right_ones(boss):
    job = boss.do(verb="boot", names=["x"])
    problem = boss.post(f"/jobs/{job['id']}/resume", {"faild": True}, 422)
    assert "no such member; did you mean 'failed'? known: failed, parallel, timeout" in problem["detail"]
    problem = boss.get("/jobs", 422, verb="stpo")
    assert "there is no verb 'stpo'; did you mean 'stop'? known: boot, " in problem["detail"]
    assert [each["id"] for each in boss.get("/jobs", verb="boot")["items"]] == [job["id"]]
    assert boss.get("/jobs", verb="stop")["items"] == boss.get("/jobs", verb="run")["items"] == []


def test_unknown_names_and_clouds_are_not_found(boss):
    assert "nobody" in boss.job(404, verb="stop", names=["nobody"])["detail"]
    assert boss.job(404, verb="stop", names=["x"], clouds=["c"])["type"].endswith("unknown-name")
    assert boss.job(404, verb="stop", names=["c:x"])["type"].endswith("unknown-name")
    assert boss.job(404, verb="boot", names=["x"], image="nothing")["type"].endswith("unknown-name")
    boss.do(verb="boot", names=["x"])
    assert "already has a machine" in boss.job(409, verb="boot", names=["x"])["detail"]
    assert len(Jobs().list()) == 1


def test_destroying_needs_the_number_or_each_name(boss):
    boss.do(verb="boot", names=["x[1-4]"])
    for names in (["x*"], ["x[1-4]"], ["x1,x2,x3,x4"]):
        assert boss.job(422, verb="delete", names=names)["type"].endswith("expect-needed")
    assert boss.job(422, verb="delete", all=True)["type"].endswith("expect-needed")
    problem = boss.job(409, verb="delete", names=["x*"], expect=3)
    assert problem["count"] == 4 and problem["expected"] == 3
    assert problem["names"] == ["a:x1", "a:x2", "a:x3", "a:x4"]
    assert boss.job(409, verb="delete", names=["x1", "x9"])["missing"][0]["name"] == "x9"
    assert boss.job(409, verb="delete", names=["x1", "x9"], expect=2)["names"] == ["a:x1"]
    assert len(Jobs().list()) == 1, "nothing was done"
    assert boss.do(verb="delete", names=["x1", "=x2"])["counts"]["done"] == 2
    assert boss.do(verb="delete", names=["x*"], expect=2)["counts"]["done"] == 2


def test_what_is_expected_holds_for_any_verb(boss):
    assert boss.job(409, verb="boot", names=["x[1-3]"], expect=2)["count"] == 3
    boss.do(verb="boot", names=["x[1-3]"], expect=3)
    assert boss.job(409, verb="stop", all=True, expect=5)["count"] == 3
    assert boss.do(verb="stop", all=True, expect=3)["status"] == "done"


def test_locked_machines_are_spared(boss):
    boss.do(verb="boot", names=["x[1-3]"])
    boss.do(verb="lock", names=["x2"])
    assert boss.job(409, verb="delete", names=["x*"], expect=3)["names"] == ["a:x1", "a:x3"]
    job = boss.do(verb="delete", names=["x1", "x2"])
    machines = boss.machines(job)
    assert machines["x1"]["status"] == "done" and machines["x2"]["error"]["kind"] == "Locked"
    assert boss.do(verb="delete", names=["x*"], expect=1)["counts"]["failed"] == 1
    assert boss.job(409, verb="delete", names=["x2"])["type"].endswith("nothing-to-do")


def test_what_a_token_may_do(rest, boss):
    reader, actor = rest.of("reader", "read"), rest.of("actor", "act")
    reader.job(403, verb="boot", names=["x"])
    job = actor.do(verb="boot", names=["x"])
    actor.job(403, verb="delete", names=["x"])
    actor.job(403, verb="delete", names=["x"], dryrun=True)
    assert reader.get(f"/jobs/{job['id']}")["made_by"] == "actor"
    reader.post(f"/jobs/{job['id']}/cancel", code=403)
    reader.post(f"/jobs/{job['id']}/resume", code=403)
    deleted = boss.do(verb="delete", names=["x"])
    actor.post(f"/jobs/{deleted['id']}/resume", {"failed": True}, 403)


def test_nothing_of_clouds_that_a_token_does_not_name(rest, boss):
    boss.do(verb="boot", names=["both"], clouds=["a", "b"])
    boss.do(verb="boot", names=["hidden"], clouds=["b"])
    of_a = rest.of("only-a", "destroy", ["a"])
    assert of_a.get("/jobs")["items"] == []
    assert of_a.job(404, verb="stop", names=["x"], clouds=["b"])["detail"].endswith("known: a")
    of_a.get("/jobs/1", 404), of_a.get("/jobs/2/machines", 404), of_a.post("/jobs/2/cancel", code=404)
    for body in ({"names": ["b:hidden"]}, {"names": ["hidden"], "clouds": ["b"]}, {"names": ["hidden"]}):
        problem = of_a.job(404, verb="stop", **body)
        assert "b:" not in problem["detail"] and not problem["detail"].endswith("known: b")
    assert of_a.do(verb="stop", all=True)["clouds"] == ["a"]
    of_b = rest.of("only-b", "destroy", ["b"])
    assert of_b.do(verb="stop", all=True)["machines"] == 2, "its only cloud is the default one"
    assert [each["clouds"] for each in of_b.get("/jobs")["items"]] == [["b"], ["b"]]


def test_several_default_clouds_are_no_choice_for_booting(configure, serve):
    configure({"a": {}, "b": {}}, default=["a", "b"])
    with serve() as running:
        boss = running.of()
        assert "choose" in boss.job(422, verb="boot", names=["x"])["detail"]
        assert boss.do(verb="boot", names=["x"], clouds=["a", "b"])["machines"] == 2
        assert boss.do(verb="boot", names=["a:y"])["machines"] == 1


def test_without_a_default_cloud_one_has_to_be_named(configure, serve):
    configure({"a": {}, "b": {}}, active=["a", "b"])
    with serve() as running:
        boss = running.of()
        assert "no default cloud" in boss.job(422, verb="stop", names=["x"])["detail"]
        assert boss.do(verb="boot", names=["a:x"])["machines"] == 1
