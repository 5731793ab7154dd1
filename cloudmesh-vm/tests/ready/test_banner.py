"""Whether an ssh server answers, with servers that are slow, silent, gone, or something else."""

import threading

import pytest

from cloudmesh.vm.ready.banner import Pace, answers


def ask(server, seconds):
    return answers(server.address, server.port, seconds, Pace.towards(server.address))


def test_a_port_that_accepts_and_says_nothing_is_no_server(mute):
    assert ask(mute, 1.0) == (False, "it accepts connections and says nothing")


def test_one_that_speaks_late_is_heard(mute):
    mute.banner, mute.delay = b"SSH-2.0-late\r\n", 2.0
    assert ask(mute, 30.0)[0]


def test_it_may_say_something_else_before(mute):
    mute.banner = b"welcome\r\nto this machine\r\nSSH-2.0-x\r\n"
    assert ask(mute, 30.0)[0]


def test_a_connection_that_was_taken_too_early_is_not_waited_for_alone(mute):
    threading.Timer(1.0, lambda: setattr(mute, "banner", b"SSH-2.0-x\r\n")).start()
    assert ask(mute, 30.0)[0]


def test_connections_become_rarer_and_are_never_many(mute):
    ask(mute, 4.0)
    assert 2 <= mute.count <= 8


@pytest.mark.parametrize(("pace", "least", "most"), [(Pace.towards("127.0.0.1"), 12, 30), (Pace(), 5, 12)])
def test_where_one_is_closed_the_next_one_comes_soon(mute, pace, least, most):
    mute.keeps = 1
    assert answers(mute.address, mute.port, 3.0, pace) == (False, "it closes each connection")
    # Without that there would be six, or three.
    assert least <= mute.count <= most


def test_another_server_is_told_as_such(mute):
    mute.banner = b"HTTP/1.1 400 Bad Request\r\n" + b"x" * 100_000
    assert ask(mute, 30.0) == (False, "something else than an ssh server answers")


def test_a_port_where_nobody_listens_is_told_at_once(mute):
    mute.close()
    assert ask(mute, 600.0) == (False, "connection refused")


def test_it_ends_when_nobody_wants_to_know_any_more(mute):
    found = answers(mute.address, mute.port, 600.0, Pace(), lambda: mute.count == 0)
    assert found[0] is False


@pytest.mark.parametrize(("address", "first"), [("127.0.0.1", 0.5), ("::1", 0.5), ("192.0.2.1", 1.0)])
def test_an_address_of_this_computer_is_tried_more_often(address, first):
    assert Pace.towards(address).next() == first
