// The view of the machines: filter, order, selection, and what can be done to those that are selected.

import { act, details, ready } from "./actions.js";
import { boot } from "./boot.js";
import { $, ago, announce, button, h, options, plural, say } from "./dom.js";
import { Grid } from "./grid.js";
import { isPassing, keyOf } from "./model.js";

// Those that have a button of their own; the others are behind "More".
const USUAL = ["start", "stop", "suspend", "resume", "reboot", "delete"];
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

const COLUMNS = [
  { name: "name", title: "Name", cell: (row, cell) => {
    if (!cell.firstChild) cell.append(h("button", { type: "button", class: "name", tabindex: "-1" }));
    say(cell.firstChild, row.name);
    if (cell.firstChild.title !== row.name) cell.firstChild.title = row.name;
  } },
  { name: "cloud", title: "Cloud", text: (row) => row.cloud },
  { name: "state", title: "State", cell: (row, cell) => state(cell, row.state) },
  { name: "address", title: "Address", text: (row) => row.address || row.addresses[0] || "" },
  { name: "flavor", title: "Flavor", text: (row) => row.flavor },
  { name: "seen", title: "Seen", help: "How long ago its cloud last told of it", text: (row) => ago(row.refreshed) },
  { name: "owner", title: "Owner", text: (row) => row.owner },
  { name: "rate", title: "Rate", text: (row) => (row.rate === null || row.rate === undefined ? "" : `${row.rate} ${row.rate_unit}/h`) },
];

// A state as a coloured word; the colour tells nothing that the word does not.
export function state(cell, value) {
  if (!cell.firstChild) cell.append(h("span", { class: "state" }));
  const element = cell.firstChild;
  if (element.dataset.state === value) return;
  element.dataset.state = value;
  const tone = value === "active" ? "good" : value === "error" ? "bad" : isPassing(value) ? "busy" : "rest";
  element.className = `state ${tone}`;
  say(element, value.replaceAll("_", " "));
}

export class MachinesView {
  #order = ["cloud", false];
  #timer = 0;

  constructor(model, session) {
    Object.assign(this, { model, session });
    this.grid = new Grid($("grid"), {
      label: "Machines",
      columns: COLUMNS,
      key: keyOf,
      name: (row) => `${row.name} on ${row.cloud}`,
      heights: [40, 64],
      changed: () => this.#selected(),
      opened: (row) => details(model, row, (verb, machines) => this.#act(verb, machines), session),
      sorted: (name) => this.#sort(name),
    });
    for (const id of ["filter", "filter-cloud", "filter-state"]) $(id).addEventListener("input", () => this.update());
    $("boot").hidden = session.scope === "read";
    $("boot").addEventListener("click", () => boot(model));
    $("refresh").addEventListener("click", () => this.#refresh());
    $("clear-filter").addEventListener("click", () => this.#clear());
    model.addEventListener("machines", () => this.#soon());
    model.addEventListener("clouds", () => this.#soon());
    // Ages grow while nothing happens.
    setInterval(() => { if (!$("machines").hidden) this.grid.draw(); }, 5000);
  }

  // Thousands of events may come at once.
  #soon() {
    if (!this.#timer) this.#timer = setTimeout(() => { this.#timer = 0; this.update(); }, 80);
  }

  update() {
    const { machines } = this.model;
    const all = [...machines.values()];
    this.#choices(all);
    const [cloud, wanted] = [$("filter-cloud").value, $("filter-state").value];
    const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean).map(pattern);
    const rows = all.filter((row) => (!cloud || row.cloud === cloud) && (!wanted || row.state === wanted)
      && words.every((word) => texts(row).some((text) => word(text))));
    rows.sort(this.#compare());
    const kept = [...this.grid.selected].filter((key) => machines.has(key));
    if (kept.length !== this.grid.selected.size) this.grid.selected = new Set(kept);
    this.grid.rows = rows;
    this.grid.order(...this.#order);
    say($("count-machines"), String(all.length));
    $("boot").disabled = !this.model.clouds.size;
    this.#errors();
    this.#empty(all.length, rows.length);
    this.#selected();
  }

  // Why clouds cannot be used, as their view says it.
  #errors() {
    const { clouds, errors } = this.model;
    const told = new Map(errors.map(({ cloud, message }) => [cloud || message, message]));
    for (const { name, active, health } of clouds.values()) if (active && health.error) told.set(name, health.error);
    const lines = [...told].map(([name, message]) => (message.includes(name) ? message : `${name}: ${message}`));
    const box = $("errors");
    if (box.dataset.shown === JSON.stringify(lines)) return;
    box.dataset.shown = JSON.stringify(lines);
    box.replaceChildren(...lines.map((line) => h("p", { class: "note warn" },
      h("span", { title: line }, line), h("a", { href: "#clouds" }, "Details"))));
  }

  #empty(count, shown) {
    const { model, session } = this;
    $("empty").hidden = !model.isRead || shown > 0;
    $("clear-filter").hidden = !count;
    const hint = !model.clouds.size ? "; cms cloud add adds a cloud" : session.scope === "read" ? "" : "; Boot… makes the first";
    say($("empty-told"), count ? "No machine matches" : `No machines yet${hint}`);
  }

  #clear() {
    for (const id of ["filter", "filter-cloud", "filter-state"]) $(id).value = "";
    this.update();
    $("filter").focus();
  }

  // Asks all clouds that are shown.
  async #refresh() {
    const button = $("refresh");
    if (button.getAttribute("aria-disabled") === "true") return;
    const chosen = $("filter-cloud").value;
    const clouds = [...this.model.clouds.values()].filter((each) => each.active && (!chosen || each.name === chosen));
    if (!clouds.length) return;
    button.setAttribute("aria-disabled", "true");
    say(button, "Asking …");
    const error = await this.model.refresh(clouds.map((each) => each.name).join(","));
    button.removeAttribute("aria-disabled");
    say(button, "Refresh");
    announce(error || "The clouds were asked");
  }

  // The clouds and states that there are; what is chosen stays, even if nothing has it any more.
  #choices(all) {
    const lists = [
      ["filter-cloud", "All clouds", [...this.model.clouds.keys()]],
      ["filter-state", "All states", [...new Set(all.map((each) => each.state))]],
    ];
    for (const [id, none, found] of lists) {
      const select = $(id);
      const values = [...new Set([...found, select.value].filter(Boolean))].sort(collator.compare);
      const shown = values.map((value) => [value, value.replaceAll("_", " ")]);
      if (select.dataset.values !== JSON.stringify(values)) {
        select.dataset.values = JSON.stringify(values);
        options(select, [["", none], ...shown], select.value);
      }
    }
  }

  #sort(name) {
    const [before, descending] = this.#order;
    this.#order = [name, name === before ? !descending : false];
    this.update();
  }

  // What is empty comes last, whichever way; names decide where all else is the same.
  #compare() {
    const [name, descending] = this.#order;
    const sign = descending ? -1 : 1;
    const value = name === "seen" ? (row) => row.refreshed || ""
      : name === "rate" ? (row) => row.rate ?? "" : COLUMNS.find((each) => each.name === name).text || ((row) => row[name]);
    return (one, other) => {
      const [a, b] = [value(one), value(other)];
      if ((a === "") !== (b === "")) return a === "" ? 1 : -1;
      // What was seen last comes first.
      const order = name === "seen" ? collator.compare(b, a) : typeof a === "number" ? a - b : collator.compare(a, b);
      return sign * order || collator.compare(one.cloud, other.cloud) || collator.compare(one.name, other.name);
    };
  }

  #selected() {
    const { grid, model } = this;
    const count = grid.selected.size;
    const shown = new Set(grid.rows.map(keyOf));
    const hidden = [...grid.selected].filter((key) => !shown.has(key)).length;
    const what = !model.isRead ? "reading the machines …" : grid.rows.length === model.machines.size ? plural(model.machines.size)
      : `${grid.rows.length.toLocaleString("en")} of ${plural(model.machines.size)}`;
    say($("selected"), count ? `${count.toLocaleString("en")} selected${hidden ? `, ${hidden} of them not shown` : ""}` : what);
    const bar = $("verbs");
    if (this.session.scope === "read" || !model.verbs.size) return;
    if (!bar.firstChild) {
      const verbs = USUAL.map((name) => model.verbs.get(name)).filter((verb) => verb && ready(verb, this.session));
      bar.append(...verbs.map((verb) => button(label(verb), () => this.#act(verb.name),
        { class: verb.destroys ? "danger" : "", "data-verb": verb.name })), button("More…", () => this.#act("")));
    }
    bar.parentElement.classList.toggle("none", !count);
    const had = document.activeElement;
    for (const each of bar.children) each.disabled = !count;
    // A button that can do nothing more does not take the focus with it.
    if (!count && had?.parentElement === bar) $("grid").focus({ preventScroll: true });
  }

  #act(verb, machines = [...this.grid.selected].map((key) => this.model.machines.get(key)).filter(Boolean)) {
    if (machines.length) act(this.model, this.session, verb, machines);
  }
}

const label = (verb) => verb.name[0].toUpperCase() + verb.name.slice(1).replaceAll("_", " ");
const texts = (row) => [row.name, row.cloud, row.state, row.flavor, row.owner, row.image, ...row.addresses]
  .map((each) => (each || "").toLowerCase());

// A word of the filter: found anywhere, or a glob for the whole.
function pattern(word) {
  if (!/[*?]/.test(word)) return (text) => text.includes(word);
  const escaped = word.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
  const glob = new RegExp(`^${escaped}$`);
  return (text) => glob.test(text);
}
