// What is done to machines that exist: a dialog that first tells what would become of each.

import { create, get, rehearse } from "./api.js";
import { ago, announce, button, date, dialog, field, h, options, plural, say } from "./dom.js";
import { JobPanel } from "./job.js";
import { keyOf } from "./model.js";
import { named } from "./names.js";

const LISTED = 200;
const SIMPLE = ["image", "flavor", "snapshot", "name", "new_machine", "flag"];
// What is the name of one machine cannot be given to several.
const SINGLE = ["name", "new_machine"];

export const title = (verb) => verb.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());

// A note of the shell begins with a word that nobody needs here.
export const plain = (note) => note.replace(/^note: /, "");

// Whether the token may do it, and the page knows how to ask for what it takes.
export function ready(verb, session) {
  const may = verb.destroys ? session.scope === "destroy" : session.scope !== "read";
  return may && verb.name !== "boot" && verb.parameters.every((each) => !each.required || SIMPLE.includes(each.kind));
}

// How a verb stands to machines, by their states alone.
export function foreseen(verb, machines) {
  return machines.map(({ name, cloud, state }) => ({
    name, cloud, result: verb.sources.includes(state) ? "possible" : verb.already.includes(state) ? "already" : "impossible",
  }));
}

function choice(verb, count) {
  const isSingle = verb.parameters.some((each) => each.required && SINGLE.includes(each.kind));
  return isSingle && count > 1 ? [verb.name, `${title(verb.name)} (one machine only)`, true] : [verb.name, title(verb.name)];
}

export function act(model, session, chosen, machines) {
  const verbs = [...model.verbs.values()].filter((verb) => ready(verb, session));
  const select = h("select", {});
  options(select, [["", "Choose…"], ...verbs.map((verb) => choice(verb, machines.length))], chosen);
  const parts = {
    help: h("p", { class: "help" }), fields: h("div", {}), told: h("div", { class: "plan" }),
    list: h("ul", { class: "outcomes" }), confirm: h("div", {}), error: h("p", { class: "error", role: "alert" }),
  };
  const go = h("button", { type: "submit", class: "primary" }, "Continue");
  const form = h("form", { novalidate: true }, field("Action", select), parts.help, parts.fields, parts.told, parts.list,
    parts.confirm, parts.error, h("div", { class: "buttons" }, button("Cancel", () => shown.close()), go));
  const body = h("div", { class: "dialog-body" }, form);
  const shown = dialog(`Act on ${plural(machines.length)}`, body);
  const asked = new Asked(model, machines, parts, go);
  select.addEventListener("change", () => asked.choose(model.verbs.get(select.value)));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const job = await asked.submit();
    if (job) follow(model, job, shown, body);
  });
  asked.choose(model.verbs.get(chosen));
}

// Shows a new job in the dialog in which it was asked for.
export function follow(model, job, shown, body) {
  model.takeAnswer(job);
  announce(`Job ${job.id} has begun: ${title(job.verb)}, ${plural(job.machines)}`);
  const panel = new JobPanel(model, job.id);
  say(shown.heading, panel.title);
  body.replaceChildren(panel.element);
  shown.heading.focus();
  shown.element.addEventListener("close", () => panel.close());
}

// What the dialog asks the server, and what it lets one do.
class Asked {
  #turn = 0;
  #plan = null;
  #timer = 0;

  constructor(model, machines, parts, go) {
    Object.assign(this, { model, machines, parts, go });
    this.verb = null;
    this.inputs = new Map();
  }

  choose(verb) {
    const { go, parts } = this;
    this.verb = verb || null;
    this.inputs.clear();
    // What was asked for another action comes too late.
    this.#turn += 1;
    this.#plan = null;
    clearTimeout(this.#timer);
    for (const part of ["fields", "told", "list", "confirm"]) parts[part].replaceChildren();
    say(parts.error, "");
    say(parts.help, verb ? verb.help : "");
    go.disabled = true;
    go.className = verb && verb.destroys ? "danger filled" : "primary";
    say(go, verb ? title(verb.name) : "Continue");
    if (!verb) return;
    for (const each of verb.parameters) if (SIMPLE.includes(each.kind)) this.#ask(each);
    this.#foretell();
    this.#rehearse();
  }

  // What is known before the clouds are asked, or what they cannot be asked without.
  #foretell() {
    const { go, parts, verb } = this;
    this.#turn += 1;
    this.#plan = null;
    go.disabled = true;
    say(go, title(verb.name));
    say(parts.error, "");
    for (const part of ["list", "confirm"]) parts[part].replaceChildren();
    const missing = this.#missing();
    if (missing.length) parts.told.replaceChildren(h("p", { class: "missing" }, `Still missing: ${missing.map(title).join(", ")}`));
    else this.#tell(foreseen(verb, this.machines), "by their states as they are known; asking the clouds …");
  }

  #missing() {
    return [...this.inputs].filter(([, input]) => input.required && !input.value.trim()).map(([name]) => name);
  }

  #ask(parameter) {
    const isFlag = parameter.kind === "flag";
    const input = isFlag ? h("input", { type: "checkbox" }) : h("input", { type: "text", autocomplete: "off", spellcheck: "false" });
    input.required = parameter.required;
    this.inputs.set(parameter.name, input);
    this.parts.fields.append(field(title(parameter.name), input, parameter.help));
    input.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#foretell();
      this.#timer = setTimeout(() => this.#rehearse(), 400);
    });
    if (["image", "flavor"].includes(parameter.kind)) this.#offer(parameter.kind, input);
  }

  // The names that a field may take, where all machines are on one cloud.
  async #offer(kind, input) {
    const clouds = new Set(this.machines.map((each) => each.cloud));
    if (clouds.size !== 1) return;
    try {
      const list = await get(`/v1/clouds/${encodeURIComponent([...clouds][0])}/${kind}s?columns=name`);
      const names = h("datalist", { id: `${input.id}-names` }, list.items.map((each) => h("option", { value: each.name })));
      input.setAttribute("list", names.id);
      input.after(names);
    } catch (error) {
      say(this.parts.error, error.message);
    }
  }

  #body() {
    const body = { verb: this.verb.name, names: this.machines.map((each) => `${each.cloud}:id=${each.id}`) };
    for (const [name, input] of this.inputs) {
      if (input.type === "checkbox") { if (input.checked) body[name] = true; } else if (input.value.trim()) body[name] = input.value.trim();
    }
    return body;
  }

  async #rehearse() {
    const turn = ++this.#turn;
    this.#plan = null;
    this.go.disabled = true;
    say(this.parts.error, "");
    if (this.#missing().length) return;
    try {
      const plan = await rehearse(this.#body());
      if (turn !== this.#turn) return;
      this.#plan = plan;
      this.#tell(plan.machines, "as the clouds say now.");
      this.#list(plan);
      this.#confirm(plan);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.parts.told.replaceChildren();
      say(this.parts.error, error.message);
    }
  }

  #tell(machines, source) {
    const { destroys } = this.verb;
    const several = new Set(machines.map((each) => each.cloud)).size > 1;
    const lines = [["possible", "will be done"], ["already", "already so, nothing to do"], ["impossible", "cannot"]]
      .map(([kind, text]) => [kind, text, machines.filter((each) => each.result === kind)]).filter(([, , found]) => found.length);
    this.parts.told.replaceChildren(
      h("ul", { class: "counts", "aria-label": "What will become of them" }, lines.map(([kind, text, found]) =>
        h("li", { "data-kind": destroys && kind === "possible" ? "destroyed" : kind },
          h("b", {}, found.length.toLocaleString("en")), ` ${text}`, h("span", { class: "names" }, named(found, several))))),
      h("p", { class: "help" }, `This is ${source}`));
  }

  #list(plan) {
    const notable = plan.machines.filter((each) => each.result === "impossible");
    this.parts.list.replaceChildren(...notable.slice(0, LISTED).map((each) =>
      h("li", {}, h("b", {}, each.name), ` ${each.cloud}: ${each.error ? each.error.message : each.state}`)));
    if (notable.length > LISTED) this.parts.list.append(h("li", {}, `and ${notable.length - LISTED} more`));
    for (const note of plan.notes) this.parts.list.append(h("li", {}, plain(note)));
  }

  #confirm(plan) {
    const { go, parts, verb } = this;
    say(go, plan.possible ? `${title(verb.name)} ${plural(plan.possible)}` : title(verb.name));
    go.disabled = !plan.possible;
    if (!verb.destroys || !plan.possible) { parts.confirm.replaceChildren(); return; }
    const input = h("input", { type: "text", inputmode: "numeric", autocomplete: "off", pattern: "[0-9]*" });
    const number = String(plan.expect);
    const update = () => { go.disabled = input.value.trim() !== number; };
    input.addEventListener("input", update);
    update();
    parts.confirm.replaceChildren(field(`Type ${number}, the number of machines, to go on`, input,
      "What is on their disks is lost, and cannot be brought back."));
  }

  async submit() {
    if (this.go.disabled || !this.#plan) return null;
    this.go.disabled = true;
    try {
      return await create({ ...this.#body(), wait: true, expect: this.#plan.expect });
    } catch (error) {
      say(this.parts.error, error.message);
      this.go.disabled = false;
      return null;
    }
  }
}

const past = (time) => (time ? `${date(time)} (${ago(time)} ago)` : "");

// All that is known of one machine.
export function details(model, machine, actOn, session) {
  const rows = [
    ["Cloud", machine.cloud], ["State", machine.state + (machine.raw_state && machine.raw_state.toLowerCase() !== machine.state ? ` (${machine.raw_state})` : "")],
    ["Fault", machine.fault], ["Addresses", machine.addresses.join(", ")], ["Flavor", machine.flavor], ["Image", machine.image],
    ["Key pair", machine.key], ["Zone", machine.zone], ["Owner", machine.owner], ["Lease", machine.lease],
    ["Created", past(machine.created)], ["Seen", past(machine.refreshed)], ["Id", machine.id],
    ...Object.entries(machine.metadata || {}).map(([name, value]) => [`Metadata ${name}`, String(value)]),
  ].filter(([, value]) => value);
  const list = h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  const buttons = h("div", { class: "buttons" });
  if (session.scope !== "read") {
    buttons.append(button("Act on it…", () => {
      shown.close();
      const now = model.machines.get(keyOf(machine));
      if (now) actOn("", [now]);
    }));
  }
  const shown = dialog(machine.name, h("div", { class: "dialog-body" }, list, buttons));
}
