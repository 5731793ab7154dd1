// The dialog that boots machines: what they are called, where, and from what.

import { follow, plain } from "./actions.js";
import { create, get, rehearse } from "./api.js";
import { button, dialog, field, h, options, plural, say } from "./dom.js";

const PARTS = [["image", "images", "Image"], ["flavor", "flavors", "Flavor"], ["key", "keys", "Key pair"]];

export function boot(model) {
  const clouds = [...model.clouds.values()].filter((each) => each.active);
  const cloud = h("select", {});
  options(cloud, clouds.map((each) => [each.name, each.title && each.title !== each.name ? `${each.name} (${each.title})` : each.name]),
    (clouds.find((each) => each.default) || {}).name);
  const names = h("input", { type: "text", autocomplete: "off", spellcheck: "false", required: true, placeholder: "web[01-03]" });
  const selects = Object.fromEntries(PARTS.map(([name]) => [name, h("select", {})]));
  const told = h("div", { class: "plan", role: "status" });
  const error = h("p", { class: "error", role: "alert" });
  const go = h("button", { type: "submit", class: "primary", disabled: true }, "Boot");
  const form = h("form", { novalidate: true },
    field("Names", names, "Separated by commas; web[01-03] means web01, web02 and web03."),
    field("Cloud", cloud), PARTS.map(([name, , text]) => field(text, selects[name])),
    told, error, h("div", { class: "buttons" }, button("Cancel", () => shown.close()), go));
  const body = h("div", { class: "dialog-body" }, form);
  const shown = dialog("Boot machines", body);
  names.focus();

  let [turn, timer, plan] = [0, 0, null];
  const wanted = () => {
    const asked = { verb: "boot", names: [names.value.trim()], clouds: [cloud.value] };
    for (const [name] of PARTS) if (selects[name].value) asked[name] = selects[name].value;
    return asked;
  };

  async function catalogue() {
    const from = cloud.value;
    if (!from) return;
    for (const [name] of PARTS) options(selects[name], [["", "the default"]]);
    await Promise.all(PARTS.map(async ([name, path, text]) => {
      try {
        const list = await get(`/v1/clouds/${encodeURIComponent(from)}/${path}?columns=*`);
        if (cloud.value !== from) return;
        options(selects[name], [["", "the default"], ...list.items.map((each) => [each.name, described(each)])], selects[name].value);
      } catch (failure) {
        if (cloud.value === from) say(error, `${text}: ${failure.message}`);
      }
    }));
  }

  async function check() {
    const mine = ++turn;
    plan = null;
    go.disabled = true;
    say(error, "");
    if (!names.value.trim() || !cloud.value) { told.replaceChildren(); return; }
    try {
      const found = await rehearse(wanted());
      if (mine !== turn) return;
      plan = found;
      told.replaceChildren(...summary(found));
      say(go, found.possible ? `Boot ${plural(found.possible)}` : "Boot");
      go.disabled = !found.possible;
    } catch (failure) {
      if (mine !== turn) return;
      told.replaceChildren();
      say(go, "Boot");
      say(error, failure.message);
    }
  }

  const later = () => { clearTimeout(timer); go.disabled = true; timer = setTimeout(check, 400); };
  names.addEventListener("input", later);
  for (const [name] of PARTS) selects[name].addEventListener("input", later);
  cloud.addEventListener("input", () => { catalogue(); later(); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.disabled) { if (!plan) check(); return; }
    go.disabled = true;
    try {
      follow(model, await create({ ...wanted(), wait: true, expect: plan.expect }), shown, body);
    } catch (failure) {
      say(error, failure.message);
      go.disabled = false;
    }
  });
  catalogue();
}

// What would be booted, and what cannot be.
function summary(plan) {
  const good = plan.machines.filter((each) => each.result === "possible");
  const lines = good.slice(0, 5).map((each) => `${each.name} on ${each.cloud}: ${[each.image, each.flavor, each.key].filter(Boolean).join(", ")}`);
  if (good.length > 5) lines.push(`and ${good.length - 5} more`);
  const bad = plan.machines.filter((each) => each.result !== "possible").map((each) => `${each.name}: ${each.error ? each.error.message : each.result}`);
  return [h("ul", { class: "outcomes" }, [...lines, ...bad, ...plan.notes.map(plain)].map((line) => h("li", {}, line)))];
}

// A thing of a catalogue, with what tells its size.
function described(thing) {
  const size = [thing.vcpus && `${thing.vcpus} vCPUs`, thing.ram && `${thing.ram} MiB`, thing.disk && `${thing.disk} GiB`].filter(Boolean);
  return size.length ? `${thing.name} (${size.join(", ")})` : thing.name;
}
