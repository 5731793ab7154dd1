"""The page in a real browser: what people do there, from signing in to signing out."""

import re
import time

import pytest

pytestmark = pytest.mark.browser


def test_signing_in_needs_a_valid_token_and_leaves_nothing_secret_behind(visit, site):
    visitor = visit()
    tab = visitor.tab
    tab.goto(site.url)
    tab.get_by_label("Token").fill("cms_wrong")
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("alert").filter(has_text="no valid token").wait_for()
    # The browser tells of the answer 401; that is the only thing it may tell.
    assert [each for each in visitor.errors if "401" not in each] == []
    visitor.errors.clear()
    visitor.sign_in()
    secret = site.token.removeprefix("cms_")
    assert secret not in tab.content() and secret not in tab.url
    assert secret not in tab.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    # It is signed in when it is loaded again, until somebody signs out.
    tab.reload()
    tab.locator(".link.up").wait_for()
    tab.get_by_role("button", name="Sign out").click()
    tab.get_by_label("Token").wait_for()
    tab.reload()
    tab.get_by_label("Token").wait_for()


def test_the_code_of_rest_open_signs_in_once(visit, site):
    address = site.cms("rest", "open").split()[0]
    code = address.partition("#")[2]
    visitor = visit()
    visitor.tab.goto(f"{site.url}#{code}")
    visitor.tab.locator(".link.up").wait_for()
    assert code not in visitor.tab.url
    other = visit()
    other.tab.goto(f"{site.url}#{code}")
    other.tab.get_by_role("alert").filter(has_text="used already").wait_for()
    assert [each for each in other.errors if "401" not in each] == []
    other.errors.clear()


def test_machines_are_booted_acted_on_and_deleted(visitor, site):
    tab, dialog = visitor.tab, visitor.dialog
    tab.get_by_role("button", name="Boot…").click()
    dialog.get_by_label("Names").fill("web[1-3]")
    dialog.get_by_label("Cloud").select_option("one")
    dialog.get_by_label("Flavor").locator("option[value=small]").wait_for(state="attached")
    dialog.get_by_label("Flavor").select_option("small")
    dialog.get_by_role("button", name="Boot 3 machines").click()
    visitor.wait_for_job()
    visitor.expect(dialog.locator(".results .state", has_text="done")).to_have_count(3)
    visitor.close_dialog()
    for number in "123":
        visitor.wait_for_state(f"web{number}", "active")
    visitor.expect(visitor.row("web1")).to_contain_text(re.compile("small.*SU/h"))
    # One is stopped in the shell, and the page sees it.
    site.cms("vm", "stop", "web1", "--cloud=one", "--wait")
    visitor.wait_for_state("web1", "stopped")
    site.cms("vm", "boot", "db", "--cloud=two", "--wait")
    site.cms("vm", "suspend", "db", "--cloud=two", "--wait")
    visitor.wait_for_state("db", "suspended")
    visitor.choose("web1", "web2", "web3", "db")
    tab.get_by_role("button", name="Stop").click()
    dialog.get_by_text("as the clouds say now").wait_for()
    told = (
        dialog.get_by_role("list", name="What will become of them")
        .get_by_role("listitem")
        .all_text_contents()
    )
    assert (
        [text.split()[0] for text in told] == ["2", "1", "1"] and "already" in told[1] and "cannot" in told[2]
    )
    visitor.expect(dialog).to_contain_text("while it is suspended")
    dialog.get_by_role("button", name="Stop 2 machines").click()
    visitor.wait_for_job("failed")
    states = dialog.locator(".results li .state")
    visitor.expect(states).to_have_count(4)
    assert sorted(states.all_text_contents()) == ["already", "done", "done", "failed"]
    visitor.close_dialog()
    visitor.wait_for_state("web2", "stopped")
    tab.get_by_role("button", name="Delete").click()
    go = dialog.get_by_role("button", name="Delete 4 machines")
    go.wait_for()
    number = dialog.get_by_label(re.compile("Type 4"))
    visitor.expect(go).to_be_disabled()
    number.fill("3")
    visitor.expect(go).to_be_disabled()
    number.fill("4")
    go.click()
    visitor.wait_for_job()
    visitor.close_dialog()
    tab.locator("#selected", has_text=re.compile("^0 machines$")).wait_for()
    assert site.machines() == {}


def test_a_job_is_cancelled_resumed_and_what_failed_is_retried(visit, site, configure):
    fail = {"verb": "stop", "names": "vm1", "error": "conflict"}
    configure({"one": {"boot_seconds": 3, "fail": fail}, "two": {}})
    visitor = visit()
    visitor.sign_in()
    tab, dialog = visitor.tab, visitor.dialog
    tab.get_by_role("button", name="Boot…").click()
    dialog.get_by_label("Names").fill("vm[1-2]")
    dialog.get_by_role("button", name="Boot 2 machines").click()
    dialog.get_by_role("button", name="Cancel job").click()
    visitor.wait_for_job("cancelled")
    dialog.get_by_role("button", name="Resume").click()
    visitor.wait_for_job("done")
    visitor.close_dialog()
    visitor.wait_for_state("vm2", "active")
    visitor.choose("vm1", "vm2")
    tab.get_by_role("button", name="Stop").click()
    dialog.get_by_role("button", name="Stop 2 machines").click()
    visitor.wait_for_job("failed")
    visitor.expect(dialog.locator(".results li", has=tab.locator(".why"))).to_contain_text("vm1")
    configure({"one": {}, "two": {}})
    dialog.get_by_role("button", name="Retry what failed").click()
    visitor.wait_for_job("done")
    visitor.close_dialog()
    visitor.wait_for_state("vm1", "stopped")
    tab.get_by_role("link", name="Jobs").click()
    articles = tab.get_by_role("article")
    visitor.expect(articles).to_have_count(2)
    visitor.expect(articles.nth(0)).to_contain_text("2 done")


def test_a_cut_of_ten_seconds_misses_nothing(visitor, site):
    tab = visitor.tab
    site.cms("vm", "boot", "before", "--cloud=two", "--wait")
    visitor.wait_for_state("before", "active")
    requests = []
    tab.on("request", lambda request: requests.append(request.url))
    site.proxy.cut()
    tab.locator(".link.cut").wait_for()
    site.cms("vm", "boot", "meanwhile[1-3]", "--cloud=two", "--wait")
    site.cms("vm", "stop", "before", "--cloud=two", "--wait")
    site.cms("vm", "delete", "meanwhile3", "--cloud=two", "--yes", "--wait")
    time.sleep(10)
    requests.clear()
    site.proxy.open()
    tab.locator(".link.up").wait_for()
    visitor.wait_for_state("before", "stopped")
    visitor.wait_for_state("meanwhile1", "active")
    visitor.wait_for_state("meanwhile2", "active")
    visitor.expect(visitor.row("meanwhile3")).to_have_count(0)
    # From the events alone: no list was read again, and the page was not loaded again.
    assert [url for url in requests if "/v1/machines" in url or url == site.url] == []
    tab.get_by_role("link", name="Jobs").click()
    visitor.expect(tab.get_by_role("article")).to_have_count(4)


def test_after_a_new_start_of_the_server_the_lists_are_read_again(visitor, site):
    port = site.proxy.to
    site.stop()
    visitor.tab.locator(".link.cut").wait_for()
    site.cms("vm", "boot", "late", "--cloud=two", "--wait")
    site.start(port)
    visitor.tab.locator(".link.up").wait_for()
    visitor.wait_for_state("late", "active")


def test_a_revoked_token_ends_the_session(visitor, site):
    site.cms("rest", "token", "revoke", "browser")
    visitor.tab.get_by_label("Token").wait_for()
    visitor.expect(visitor.tab.get_by_role("alert")).to_contain_text("session has ended")
    assert [each for each in visitor.errors if "401" not in each] == []
    visitor.errors.clear()


def test_a_token_that_may_only_read_is_offered_nothing_else(visit, site):
    site.cms("vm", "boot", "vm", "--cloud=two", "--wait")
    visitor = visit()
    visitor.sign_in(site.new_token("reader", "read"))
    visitor.choose("vm")
    buttons = visitor.tab.get_by_role("button").filter(has_text=re.compile("Boot|Stop|Delete|More"))
    visitor.expect(buttons.filter(visible=True)).to_have_count(0)
    visitor = visit()
    visitor.sign_in(site.new_token("actor", "act"))
    visitor.choose("vm")
    visitor.expect(visitor.tab.get_by_role("button", name="Stop")).to_be_enabled()
    visitor.expect(visitor.tab.get_by_role("button", name="Delete")).to_have_count(0)


def test_names_are_only_text(visitor, site):
    from cloudmesh.cloud.model.records import MachineRecord, State
    from cloudmesh.cloud.store.inventory import Inventory

    name = "<img src=x onerror=alert(1)>"
    tab = visitor.tab
    tab.on("dialog", lambda shown: visitor.errors.append(shown.message))
    with Inventory() as inventory:
        odd = {"fault": "<b>x</b>", "metadata": {"<i>": "<u>"}}
        inventory.save(MachineRecord("two", name, "id-x", State.ERROR, **odd))
    visitor.row(name).wait_for()
    assert tab.locator("#grid img").count() == 0
    visitor.row(name).get_by_role("button", include_hidden=True).click()
    visitor.expect(visitor.dialog).to_contain_text("<b>x</b>")
    assert visitor.dialog.locator("b, i, u, img").count() == 0


def test_a_cloud_that_does_not_answer_says_so_and_can_be_asked_again(visit, site, configure):
    configure({"one": {}, "two": {"fail": {"verb": "machines", "error": "unreachable"}}})
    visitor = visit()
    visitor.sign_in()
    tab = visitor.tab
    tab.get_by_role("link", name="Clouds").click()
    card = tab.get_by_role("article", name="two")
    card.get_by_text("does not answer").wait_for()
    configure({"one": {}, "two": {}})
    card.get_by_role("button", name="Refresh now: two").click()
    card.get_by_text("answers", exact=True).wait_for()
    visitor.expect(card).to_contain_text("0 machines")
