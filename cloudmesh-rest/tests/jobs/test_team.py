"""Several servers on one PostgreSQL share jobs, also where servers are killed or PostgreSQL is restarted."""

import random
import signal
import threading
import time

import httpx2
import pytest


@pytest.mark.slow
def test_a_job_of_a_server_that_was_killed_is_taken_over_within_30_seconds(team, attempts):
    first, second = team().start(), team().start()
    job = first.boss.job(verb="boot", names=["x[01-30]"])
    second.until(job, 4)
    first.end(signal.SIGKILL)
    killed = time.monotonic()
    done = second.boss.get(f"/jobs/{job['id']}")["counts"]["done"]
    second.until(job, done + 5)
    assert time.monotonic() - killed < 30
    assert second.boss.over(job, 60)["counts"]["done"] == 30
    assert set(attempts("boot").values()) == {1}


@pytest.mark.slow
def test_postgresql_is_started_again_in_the_middle_of_a_job(team, store, attempts):
    server = team().start()
    job = server.boss.job(verb="boot", names=["x[01-30]"])
    server.until(job, 4)
    store.restart()
    server.until(job, 12)
    store.restart()
    ended = server.boss.over(job, 60)
    assert ended["status"] == "done" and ended["counts"]["done"] == 30
    assert set(attempts("boot").values()) == {1}
    server.healthy()


@pytest.mark.slow
def test_what_was_in_flight_when_postgresql_was_started_again_is_not_in_doubt(team, store, attempts):
    server = team().start()
    server.boss.do(verb="boot", names=["x[01-16]"], wait=True)
    job = server.boss.job(verb="reboot", names=["x*"])
    for done in (3, 9):
        server.until(job, done)
        store.restart()
    ended = server.boss.over(job, 60)
    assert ended["counts"]["done"] == 16, server.boss.machines(job)
    assert set(attempts("reboot").values()) == {1}


class Team:
    """Three servers, of which any may be dead at any moment, and clients that try again."""

    def __init__(self, make, chance):
        self.servers = [make() for _ in range(3)]
        for each in self.servers:
            each.launch()
        for each in self.servers:
            each.answering()
        self._chance = chance

    def ask(self, method, path, body=None, key=""):
        """What some server answers in the end; 503 and no answer are tried again."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            server = self._chance.choice(self.servers)
            headers = {"Authorization": f"Bearer {server.token}", **({"Idempotency-Key": key} if key else {})}
            try:
                url = f"http://127.0.0.1:{server.port}/v1{path}"
                answer = httpx2.request(method, url, json=body, headers=headers, timeout=90)
            except httpx2.TransportError:
                time.sleep(0.3)
                continue
            if answer.status_code != 503:
                assert answer.status_code in (200, 202), answer.text
                return answer.json()
            time.sleep(0.5)
        raise AssertionError(f"nobody answers {path}")


def live(team, store, attempts, jobs, rounds, seed):
    """Jobs on three servers, while servers are killed and PostgreSQL is started again in so many rounds."""
    chance = random.Random(seed)
    servers = Team(team, chance)
    made = []

    def ask(numbers):
        for number in numbers:
            body = {"verb": "boot", "names": [f"j{number:02}x[01-12]"], "wait": number % 2 == 0}
            made.append(servers.ask("POST", "/jobs", body, f"key{number}"))

    ask(range(2))
    client = threading.Thread(target=ask, args=[range(2, jobs)])
    client.start()
    for _ in range(rounds):
        time.sleep(chance.uniform(0.5, 3.0))
        store.restart(chance.choice([signal.SIGINT, signal.SIGQUIT]))
        time.sleep(chance.uniform(0.0, 3.0))
        victim = chance.choice(servers.servers)
        victim.end(signal.SIGKILL)
        victim.launch()
    client.join()
    for job in made:
        while (told := servers.ask("GET", f"/jobs/{job['id']}?wait=30"))["status"] in ("pending", "running"):
            pass
        assert told["status"] == "done" and told["counts"]["done"] == 12, told
    assert len(made) == len({job["id"] for job in made}) == jobs
    assert set(attempts("boot").values()) == {1} and len(attempts("boot")) == 12 * jobs


@pytest.mark.slow
def test_three_servers_some_of_which_are_killed(team, store, attempts):
    live(team, store, attempts, jobs=2, rounds=2, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_three_servers_for_long(team, store, attempts, seed):
    live(team, store, attempts, jobs=16, rounds=25, seed=seed)
