"""The page without a mouse, on a phone, in the dark, for screen readers, and with thousands of machines."""

import re

import pytest

from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.inventory import Inventory

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
VIEWS = ("Machines", "Jobs", "Clouds")


@pytest.fixture
def check(axe):
    """Fails if axe finds something serious in the page as it is."""

    def run(visitor, where):
        visitor.tab.evaluate(axe)
        found = visitor.tab.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [
            f"{each['id']}: {each['help']} {[node['html'][:200] for node in each['nodes']]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == [], where

    return run


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_axe_finds_nothing_serious(visit, site, check, options):
    site.cms("vm", "boot", "web[1-3]", "--cloud=one", "--wait")
    visitor = visit(**options)
    visitor.tab.goto(site.url)
    visitor.tab.get_by_label("Token").wait_for()
    check(visitor, "signing in")
    visitor.sign_in()
    for view in VIEWS:
        visitor.tab.get_by_role("link", name=view).click()
        check(visitor, view)
    visitor.tab.get_by_role("link", name="Machines").click()
    visitor.choose("web1", "web2")
    visitor.tab.get_by_role("button", name="Delete").click()
    visitor.dialog.get_by_role("button", name="Delete 2 machines").wait_for()
    check(visitor, "the dialog of an action")
    visitor.close_dialog()
    visitor.tab.get_by_role("button", name="Boot…").click()
    visitor.dialog.get_by_label("Names").fill("db1")
    visitor.dialog.get_by_role("button", name="Boot 1 machine").click()
    check(visitor, "a job that runs")
    visitor.wait_for_job()
    check(visitor, "a job that is done")
    visitor.close_dialog()
    visitor.row("web1").get_by_role("button", include_hidden=True).click()
    check(visitor, "the details of a machine")


def test_nothing_is_wider_than_a_phone(visit, site):
    site.cms("vm", "boot", "a-machine-with-a-rather-long-name-[1-3]", "--cloud=one", "--wait")
    visitor = visit(**PHONE)
    visitor.sign_in()
    tab = visitor.tab
    wide = "['html', 'main'].some((each) => document.querySelector(each).scrollWidth > innerWidth)"
    for view in VIEWS:
        tab.get_by_role("link", name=view).click()
        assert not tab.evaluate(wide), view
    tab.get_by_role("link", name="Machines").click()
    visitor.tab.get_by_label("Select all machines shown").check()
    tab.get_by_role("button", name="Delete").click()
    visitor.dialog.get_by_role("button", name="Delete 3 machines").wait_for()
    assert not tab.evaluate(wide)
    box = visitor.dialog.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 320 and box["y"] + box["height"] <= 640


def test_the_keyboard_alone_is_enough(visit, site):
    site.cms("vm", "boot", "vm[1-4]", "--cloud=two", "--wait")
    visitor = visit()
    tab = visitor.tab
    press = tab.keyboard.press
    tab.goto(site.url)
    tab.keyboard.type(site.token)
    press("Enter")
    tab.locator(".link.up").wait_for()
    visitor.wait_for_state("vm4", "active")
    reach(tab, "document.activeElement.id === 'grid'")
    press("ArrowDown")
    press("Space")
    press("Shift+ArrowDown")
    press("Shift+ArrowDown")
    visitor.expect(tab.locator("#selected")).to_have_text("3 selected")
    active = tab.locator(f"#{tab.locator('#grid').get_attribute('aria-activedescendant')}")
    visitor.expect(active).to_contain_text("vm4")
    visitor.expect(active).to_have_attribute("aria-rowindex", "5")
    reach(tab, "document.activeElement.dataset.verb === 'delete'", "Shift+Tab")
    press("Enter")
    visitor.dialog.get_by_role("button", name="Delete 3 machines").wait_for()
    reach(tab, "(document.activeElement.labels || [])[0]?.textContent.startsWith('Type 3')")
    tab.keyboard.type("3")
    press("Enter")
    visitor.wait_for_job()
    visitor.close_dialog()
    # The button has nothing to delete any more, so that the focus is on the table; and the result was told.
    tab.wait_for_function("document.activeElement.id === 'grid'")
    visitor.expect(tab.locator("#announce")).to_contain_text("3 done")
    visitor.row("vm2").wait_for(state="hidden")
    assert set(site.machines()) == {"vm1"}


def test_thousands_of_machines_are_few_elements(visitor):
    tab = visitor.tab
    states = [State.ACTIVE, State.STOPPED]
    with Inventory() as inventory:
        inventory.save_many(
            MachineRecord("two", f"vm{number}", f"id-{number}", states[number % 2])
            for number in range(1, 2001)
        )
    tab.get_by_text("2,000 machines").wait_for()
    grid = tab.get_by_role("grid", name="Machines")
    visitor.expect(grid).to_have_attribute("aria-rowcount", "2001")
    grid.focus()
    tab.keyboard.press("End")
    visitor.row("vm2000").wait_for()
    visitor.expect(visitor.row("vm2000")).to_have_attribute("aria-rowindex", "2001")
    assert tab.locator("#grid .row").count() < 100
    # The wheel, far and often: no frame is late by much, and what is in sight is right.
    longest = tab.evaluate(SCROLL)
    assert longest < 1000, f"a frame took {longest} ms"
    tab.keyboard.press("Home")
    visitor.row("vm1").wait_for()
    tab.get_by_label("Filter machines").fill("vm19*")
    tab.get_by_text("111 of 2,000 machines").wait_for()
    tab.get_by_label("State").select_option("stopped")
    tab.get_by_text("56 of 2,000 machines").wait_for()
    tab.get_by_role("button", name="Name").click()
    tab.get_by_role("button", name="Name").click()
    visitor.expect(visitor.row("vm1999")).to_have_attribute("aria-rowindex", "2")
    visitor.expect(tab.locator("[aria-sort=descending]")).to_have_text(re.compile("^Name"))


def test_ranges_are_selected_with_shift(visitor, site):
    site.cms("vm", "boot", "vm[1-6]", "--cloud=two", "--wait")
    visitor.wait_for_state("vm6", "active")
    selected = visitor.tab.locator("#selected")
    visitor.choose("vm2")
    visitor.row("vm5").locator("input").click(modifiers=["Shift"])
    visitor.expect(selected).to_have_text("4 selected")
    visitor.choose("vm3")
    visitor.expect(selected).to_have_text("3 selected")
    visitor.tab.get_by_label("Filter machines").fill("vm1")
    visitor.tab.get_by_text("3 selected, 3 of them not shown").wait_for()


def test_who_wants_no_motion_gets_none(visit, site):
    visitor = visit(reduced_motion="reduce")
    visitor.sign_in()
    visitor.tab.get_by_role("button", name="Boot…").click()
    moving = "[...document.querySelectorAll('*')].some((e) => getComputedStyle(e).animationName !== 'none')"
    assert not visitor.tab.evaluate(moving)


def reach(tab, condition, key="Tab"):
    """Press a key until the focus is where it should be."""
    for _ in range(40):
        if tab.evaluate(condition):
            return
        tab.keyboard.press(key)
    raise AssertionError(f"{condition} is not reached by {key}")


# Scrolls through all rows, and gives the longest time between two frames, in milliseconds.
SCROLL = """() => new Promise((done) => {
  const grid = document.getElementById("grid");
  grid.scrollTop = 0;
  let [longest, last] = [0, performance.now()];
  const step = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    grid.scrollTop += 700;
    if (grid.scrollTop + grid.clientHeight + 1 < grid.scrollHeight) requestAnimationFrame(step);
    else done(longest);
  };
  requestAnimationFrame(step);
})"""
