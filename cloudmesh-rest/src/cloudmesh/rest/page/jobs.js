// The view of the jobs, and the strip of those that run, which stands below all views.

import { $, ago, announce, button, dialog, h, say } from "./dom.js";
import { JobPanel, fill as fillBar, jobTitle, progress, status, told } from "./job.js";
import { isOver } from "./model.js";
import { jobNames } from "./names.js";

const SHOWN = 3;

export class JobsView {
  #timer = 0;
  #items = new Map();

  constructor(model) {
    this.model = model;
    model.addEventListener("jobs", () => this.#soon());
    // They have the names for jobs that have only ids.
    model.addEventListener("machines", () => this.#soon());
    model.addEventListener("job", ({ detail }) => this.#said(detail));
    $("older").addEventListener("click", () => model.loadOlderJobs().catch((error) => announce(error.message)));
    setInterval(() => { if (!$("jobs").hidden) this.update(); }, 10000);
  }

  #soon() {
    if (!this.#timer) this.#timer = setTimeout(() => { this.#timer = 0; this.update(); }, 100);
  }

  update() {
    const jobs = [...this.model.jobs.values()].sort((one, other) => other.id - one.id);
    const running = jobs.filter((job) => ["running", "pending"].includes(job.status));
    say($("count-jobs"), running.length ? `${running.length} running` : "");
    $("older").hidden = !this.model.olderJobs;
    this.#list(jobs);
    const strip = $("running");
    strip.hidden = !running.length;
    // Drawn only if it differs, so that the focus stays.
    const shown = JSON.stringify(running.map((job) => [job.id, told(job)]));
    if (strip.dataset.shown === shown) return;
    strip.dataset.shown = shown;
    strip.replaceChildren(...running.slice(0, SHOWN).map((job) => h("div", { class: "strip" },
      h("span", {}, jobTitle(job)), progress(job), h("span", { class: "told" }, told(job)),
      button("Show", () => showJob(this.model, job.id), { "aria-label": `Show job ${job.id}` }))));
    if (running.length > SHOWN) strip.append(h("p", { class: "help" }, `and ${running.length - SHOWN} more`));
  }

  // Rows that are there already stay, so that the focus does.
  #list(jobs) {
    const list = $("job-list");
    if (!jobs.length) {
      list.replaceChildren(h("p", { class: "empty" }, "No jobs yet: whatever is done to machines is one."));
      this.#items.clear();
      return;
    }
    const known = new Set(jobs.map((job) => job.id));
    for (const [id, item] of this.#items) if (!known.has(id)) { item.element.remove(); this.#items.delete(id); }
    if (list.firstElementChild?.className === "empty") list.replaceChildren();
    jobs.forEach((job, place) => {
      const item = this.#items.get(job.id) || this.#make(job);
      item.fill(job);
      if (list.children[place] !== item.element) list.insertBefore(item.element, list.children[place] || null);
    });
  }

  #make(job) {
    const parts = { state: h("span", {}), told: h("span", { class: "told" }), bar: h("progress", { "aria-label": `Progress of job ${job.id}` }),
      when: h("span", { class: "when" }), names: h("span", { class: "names" }) };
    const element = h("article", { class: "job", "aria-label": jobTitle(job) },
      button(jobTitle(job), () => showJob(this.model, job.id), { class: "name" }),
      parts.state, parts.names, parts.bar, parts.told, parts.when);
    const fill = (now) => {
      parts.state.replaceChildren(status(now));
      say(parts.names, jobNames(this.model, now));
      fillBar(parts.bar, now);
      parts.bar.hidden = isOver(now);
      say(parts.told, told(now));
      say(parts.when, `${ago(now.began)} ago${now.made_by ? ` by ${now.made_by}` : ""}`);
    };
    const item = { element, fill };
    this.#items.set(job.id, item);
    return item;
  }

  #said(event) {
    const job = this.model.jobs.get(event.id);
    if (event.what === "closed" || event.what === "interrupted" || event.what === "cancelled") {
      announce(`${jobTitle(job)}: ${job.status === "done" || job.status === "failed" ? told(job) : job.status}`);
    }
  }
}

export function showJob(model, id) {
  const panel = new JobPanel(model, id);
  const shown = dialog(panel.title, h("div", { class: "dialog-body" }, panel.element));
  shown.element.addEventListener("close", () => panel.close());
}
