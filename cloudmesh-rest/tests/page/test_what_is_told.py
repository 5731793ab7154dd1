"""The page tells what is so: states that go on, which machines are meant, and why nothing is shown."""

import re
import time

import pytest

pytestmark = pytest.mark.browser

LONG = "a-flavor-with-a-name-that-is-longer-than-any-phone-is-wide-and-with-numbers"
HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def asked(visitor):
    """When the page asked clouds for their machines, each with the address."""
    found = []

    def note(request):
        if "max_age=" in request.url:
            found.append((time.monotonic(), request.url))

    visitor.tab.on("request", note)
    return found


def test_a_cloud_is_asked_again_while_a_machine_passes_to_another_state(visitor, site, configure, asked):
    configure({"one": {"action_seconds": 6}, "two": {}})
    site.cms("vm", "boot", "vm", "--cloud=one", "--wait")
    visitor.wait_for_state("vm", "active")
    asked.clear()
    # Nobody waits for it, and nobody asks the cloud but the page.
    began = time.monotonic()
    site.cms("vm", "stop", "vm", "--cloud=one")
    visitor.wait_for_state("vm", "stopping")
    visitor.wait_for_state("vm", "stopped")
    assert 2 <= len(asked) <= 3 and all("clouds=one&max_age=3" in url for _, url in asked)
    assert asked[0][0] - began > 2.5
    assert asked[1][0] - asked[0][0] > 4.2
    # It rests, and so does the page.
    asked.clear()
    visitor.tab.wait_for_timeout(5000)
    assert asked == []


def test_a_hidden_tab_asks_nothing_and_a_button_asks_all_clouds(visitor, site, asked):
    site.cms("vm", "boot", "vm", "--cloud=one", "--wait")
    visitor.wait_for_state("vm", "active")
    visitor.tab.evaluate(HIDE, True)
    site.cms("vm", "stop", "vm", "--cloud=one")
    visitor.wait_for_state("vm", "stopping")
    asked.clear()
    visitor.tab.wait_for_timeout(4500)
    assert asked == []
    visitor.tab.get_by_role("button", name="Refresh", exact=True).click()
    visitor.wait_for_state("vm", "stopped")
    assert [url for _, url in asked if "clouds=one%2Ctwo&max_age=0" in url]


def offer(tab, path):
    """Let all clouds have something with a long name."""
    items = [{"name": f"{LONG}-{path}", "vcpus": 128, "ram": 1048576, "disk": 4096}]
    tab.route(f"**/v1/clouds/*/{path}*", lambda route: route.fulfill(json={"items": items}))


@pytest.mark.parametrize("size", [(320, 640), (360, 640), (1200, 760)])
def test_the_boot_dialog_fits_and_its_buttons_stay_in_sight(visit, size):
    visitor = visit(viewport={"width": size[0], "height": size[1]})
    for path in ("images", "flavors", "keys"):
        offer(visitor.tab, path)
    visitor.sign_in()
    visitor.tab.get_by_role("button", name="Boot…").click()
    dialog = visitor.dialog
    dialog.locator(f"option[value={LONG}-keys]").wait_for(state="attached")
    dialog.get_by_label("Names").fill("web[1-12]")
    dialog.get_by_role("button", name="Boot 12 machines").wait_for()
    assert dialog.evaluate("(each) => each.scrollWidth <= each.clientWidth")
    for _ in range(2):
        for button in dialog.locator(".buttons button").all():
            box = button.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= size[0]
            assert box["y"] >= 0 and box["y"] + box["height"] <= size[1]
            assert button.evaluate(ON_TOP)
        dialog.evaluate("(each) => { each.scrollTop = each.scrollHeight; }")


# Whether nothing covers an element.
ON_TOP = """(each) => {
  const box = each.getBoundingClientRect();
  return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === each;
}"""


def test_a_question_names_the_machines_that_are_meant(visitor, site):
    site.cms("vm", "boot", "vm[01-12]", "--cloud=two", "--wait")
    site.cms("vm", "boot", "db", "--cloud=one", "--wait")
    tab, dialog = visitor.tab, visitor.dialog
    visitor.wait_for_state("vm12", "active")
    visitor.wait_for_state("db", "active")
    visitor.choose("db", "vm01")
    tab.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete 2 machines").wait_for()
    line = dialog.locator(".counts li")
    visitor.expect(line).to_contain_text("db (one), vm01 (two)")
    visitor.expect(line).to_have_attribute("data-kind", "destroyed")
    dialog.get_by_role("button", name="Cancel").click()
    visitor.choose("db", *(f"vm{number:02}" for number in range(2, 13)))
    tab.get_by_role("button", name="Start").click()
    dialog.get_by_text("as the clouds say now").wait_for()
    names = ", ".join(f"vm{number:02}" for number in range(1, 11))
    visitor.expect(line).to_contain_text(f"{names} and 2 more")
    # There is nothing to do, and the button does not tell a number.
    visitor.expect(dialog.get_by_role("button", name="Start", exact=True)).to_be_disabled()


def test_the_button_follows_the_action_and_tells_what_is_missing(visitor, site):
    site.cms("vm", "boot", "vm[1-2]", "--cloud=two", "--wait")
    tab, dialog = visitor.tab, visitor.dialog
    visitor.wait_for_state("vm2", "active")
    visitor.choose("vm1", "vm2")
    tab.get_by_role("button", name="More…").click()
    action = dialog.get_by_label("Action")
    for name in ("Rename", "Clone"):
        visitor.expect(action.locator("option", has_text=f"{name} (one machine only)")).to_be_disabled()
    action.select_option("hard_reboot")
    dialog.get_by_role("button", name="Hard reboot 2 machines").wait_for()
    action.select_option("restore")
    visitor.expect(dialog.get_by_role("button", name="Restore", exact=True)).to_be_disabled()
    visitor.expect(dialog.get_by_text("Still missing: Name")).to_be_visible()
    visitor.expect(dialog.locator(".counts li")).to_have_count(0)
    dialog.get_by_label("Name").fill("before")
    dialog.locator(".counts li, .error:not(:empty)").first.wait_for()
    visitor.expect(dialog.locator(".missing")).to_have_count(0)


def test_jobs_tell_names_where_the_page_knows_them(visitor, site):
    site.cms("vm", "boot", "vm[1-5]", "--cloud=two", "--wait")
    tab, dialog = visitor.tab, visitor.dialog
    visitor.wait_for_state("vm5", "active")
    visitor.choose(*(f"vm{number}" for number in range(1, 6)))
    tab.get_by_role("button", name="Stop").click()
    dialog.get_by_role("button", name="Stop 5 machines").click()
    visitor.wait_for_job()
    head = dialog.locator(".job-head")
    visitor.expect(head).to_contain_text("vm1, vm2, vm3 and 2 more")
    visitor.expect(head).not_to_contain_text("id=")
    visitor.close_dialog()
    tab.get_by_role("link", name="Jobs").click()
    names = tab.get_by_role("article").first.locator(".names")
    visitor.expect(names).to_have_text("vm1, vm2, vm3 and 2 more")
    visitor.expect(tab.get_by_role("article").nth(1).locator(".names")).to_have_text("vm[1-5]")
    site.cms("vm", "delete", "vm*", "--cloud=two", "--yes", "--wait")
    tab.reload()
    # Nobody knows any more what they were called.
    tab.get_by_role("article").nth(1).locator(".names", has_text=re.compile("^5 machines$")).wait_for()


def test_an_empty_table_tells_why(visitor, site):
    tab = visitor.tab
    tab.get_by_text("No machines yet; Boot… makes the first").wait_for()
    clear = tab.get_by_role("button", name="Clear the filter")
    visitor.expect(clear).to_be_hidden()
    site.cms("vm", "boot", "vm", "--cloud=two", "--wait")
    visitor.wait_for_state("vm", "active")
    visitor.expect(tab.locator("#empty")).to_be_hidden()
    tab.get_by_label("Filter machines").fill("nothing")
    tab.locator("#filter-cloud").select_option("one")
    tab.get_by_text("No machine matches").wait_for()
    clear.click()
    visitor.row("vm").wait_for()
    visitor.expect(tab.locator("#empty")).to_be_hidden()
    visitor.expect(tab.get_by_label("Filter machines")).to_have_value("")


def test_when_a_machine_was_seen_and_when_it_was_created_are_two_things(visitor, site):
    site.cms("vm", "boot", "vm", "--cloud=two", "--wait")
    visitor.wait_for_state("vm", "active")
    head = visitor.tab.get_by_role("button", name="Seen")
    visitor.expect(head).to_have_attribute("title", re.compile("told of it"))
    visitor.expect(visitor.tab.get_by_role("button", name="Age")).to_have_count(0)
    visitor.row("vm").get_by_role("button", include_hidden=True).click()
    visitor.expect(visitor.dialog.locator("dt", has_text="Seen")).to_have_count(1)
    terms = dict(
        zip(
            visitor.dialog.locator("dt").all_text_contents(),
            visitor.dialog.locator("dd").all_text_contents(),
            strict=True,
        )
    )
    assert "ago" in terms["Created"] and "ago" in terms["Seen"]


def test_a_machine_is_done_when_it_has_the_state_that_is_waited_for(visitor, configure):
    configure({"one": {"boot_seconds": 4}, "two": {}})
    tab, dialog = visitor.tab, visitor.dialog
    tab.get_by_role("button", name="Boot…").click()
    dialog.get_by_label("Names").fill("vm[1-2]")
    dialog.get_by_role("button", name="Boot 2 machines").click()
    accepted = dialog.locator(".results [data-status=accepted]")
    accepted.nth(1).wait_for()
    assert not dialog.locator(".results .state.good").count()
    assert dialog.get_by_role("progressbar").evaluate("(each) => each.value") == 0
    assert "2 accepted" in dialog.locator(".job-told").text_content()
    visitor.wait_for_job()
    visitor.expect(accepted).to_have_count(0)
    visitor.expect(dialog.locator(".results .state.good")).to_have_count(2)
    visitor.expect(dialog.get_by_role("progressbar")).to_have_js_property("value", 2)


def test_the_bar_of_a_job_that_failed_is_red(visitor, site, configure):
    site.cms("vm", "boot", "vm", "--cloud=two", "--wait")
    visitor.wait_for_state("vm", "active")
    configure({"one": {}, "two": {"fail": {"verb": "stop", "error": "conflict"}}})
    visitor.choose("vm")
    visitor.tab.get_by_role("button", name="Stop").click()
    visitor.dialog.get_by_role("button", name="Stop 1 machine").click()
    visitor.wait_for_job("failed")
    visitor.expect(visitor.dialog.locator("progress.bad")).to_have_count(1)


def test_a_cloud_that_cannot_be_used_is_told_beside_the_machines(visit, configure):
    configure({"one": {}, "two": {"fail": {"verb": "machines", "error": "unreachable"}}})
    visitor = visit()
    visitor.sign_in()
    note = visitor.tab.locator("#errors .note")
    visitor.expect(note).to_contain_text("two")
    configure({"one": {}, "two": {}})
    visitor.tab.get_by_role("button", name="Refresh", exact=True).click()
    note.wait_for(state="detached")
    configure({"one": {}, "two": {"fail": {"verb": "machines", "error": "unreachable"}}})
    visitor.tab.get_by_role("button", name="Refresh", exact=True).click()
    note.get_by_role("link").click()
    visitor.tab.get_by_role("heading", name="Clouds").wait_for()


@pytest.mark.parametrize("width", [320, 360])
def test_what_is_chosen_can_be_read_on_a_phone(visit, site, width):
    site.cms("vm", "boot", "vm", "--cloud=two", "--wait")
    visitor = visit(viewport={"width": width, "height": 640}, has_touch=True, is_mobile=True)
    visitor.sign_in()
    visitor.choose("vm")
    for select in ("cloud", "state"):
        assert visitor.tab.locator(f"#filter-{select}").bounding_box()["width"] >= 96
    for button in visitor.tab.locator("#verbs button, .toolbar button").all():
        box = button.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
