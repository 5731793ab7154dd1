// One job: how far it is, what became of each machine, and how to cancel, resume and retry it.

import { all, call } from "./api.js";
import { button, date, h, plural, say } from "./dom.js";
import { isOver, keyOf, taskKey } from "./model.js";
import { jobNames } from "./names.js";

const LISTED = 500;
const FIRST = ["failed", "running", "interrupted", "pending", "not started", "accepted", "done", "already"];

export const jobTitle = (job) => `Job ${job.id}: ${job.verb.replaceAll("_", " ")} ${plural(job.machines)}`;
const isRunning = (job) => ["running", "pending"].includes(job.status);

// How many machines have a call that was accepted, and are not yet in the state that the job waits for.
const accepted = (job) => (isRunning(job) && job.waits ? Math.max(0, job.counts.done - job.reached.size) : 0);
const finished = (job) => job.counts.done + job.counts.already + job.counts.failed - accepted(job);

// How a job stands, in words.
export function told(job) {
  const { already, failed } = job.counts;
  const waiting = accepted(job);
  const done = job.counts.done - waiting;
  const parts = [done && `${done} done`, already && `${already} already so`, failed && `${failed} failed`,
    waiting && `${waiting} accepted`].filter(Boolean);
  const rest = job.machines - finished(job) - waiting;
  if (waiting && !rest) parts.push("waiting for their state");
  if (rest > 0) parts.push(`${rest} ${isOver(job) || job.status === "interrupted" ? "not done" : "to go"}`);
  return parts.join(", ");
}

export function status(job) {
  const tone = { done: "good", failed: "bad", running: "busy", pending: "busy", interrupted: "bad" }[job.status] || "rest";
  return h("span", { class: `state ${tone}` }, job.status);
}

export function progress(job) {
  const bar = h("progress", { "aria-label": `Progress of job ${job.id}` });
  fill(bar, job);
  return bar;
}

export function fill(bar, job) {
  bar.max = Math.max(1, job.machines);
  bar.value = finished(job);
  bar.classList.toggle("bad", job.machines > 0 && job.counts.failed === job.machines);
}

export class JobPanel {
  #machines = new Map();
  // What events have told while the list was read, which is older.
  #newer = new Set();
  #drawn = 0;

  constructor(model, id) {
    Object.assign(this, { model, id });
    this.head = h("div", { class: "job-head" });
    this.bar = h("progress", { "aria-label": `Progress of job ${id}` });
    this.counts = h("p", { class: "job-told" });
    this.facts = h("p", { class: "help" });
    this.error = h("p", { class: "error", role: "alert" });
    this.buttons = h("div", { class: "buttons" });
    this.list = h("ul", { class: "outcomes results", "aria-label": "The result for each machine" });
    this.element = h("div", { class: "job-panel" }, this.head, this.bar, this.counts, this.facts, this.buttons, this.error, this.list);
    this.actions = {
      cancel: button("Cancel job", () => this.#send("cancel")),
      resume: button("Resume", () => this.#send("resume", {})),
      retry: button("Retry what failed", () => this.#send("resume", { failed: true })),
    };
    this.buttons.append(...Object.values(this.actions));
    this.onTask = ({ detail }) => { if (detail.job === id) { this.#task(detail); this.#soon(); } };
    this.onJobs = () => this.#soon();
    model.addEventListener("task", this.onTask);
    model.addEventListener("jobs", this.onJobs);
    this.#load();
    this.#draw();
  }

  get job() { return this.model.jobs.get(this.id); }
  get title() { return jobTitle(this.job); }

  close() {
    this.model.removeEventListener("task", this.onTask);
    this.model.removeEventListener("jobs", this.onJobs);
    clearTimeout(this.#drawn);
  }

  // The lists are read again: some events may not have come.
  async #load() {
    this.#newer.clear();
    try {
      const list = await all(`/v1/jobs/${this.id}/machines?limit=1000`, 10000);
      for (const each of list.items) {
        const key = taskKey(each);
        if (each.id) this.model.names.set(keyOf(each), each.name);
        if (!this.#newer.has(key)) this.#machines.set(key, each);
      }
      this.#draw();
    } catch (error) {
      say(this.error, error.message);
    }
  }

  #task({ cloud, name, id, status: now, seconds, error }) {
    const key = taskKey({ cloud, name });
    this.#newer.add(key);
    this.#machines.set(key, { cloud, name, id, status: now, seconds, error });
  }

  async #send(what, body) {
    say(this.error, "");
    const before = this.job;
    try {
      this.model.takeAnswer(await call("POST", `/v1/jobs/${this.id}/${what}`, body), before);
    } catch (error) {
      say(this.error, error.message);
    }
    this.#load();
  }

  #soon() {
    if (!this.#drawn) this.#drawn = setTimeout(() => { this.#drawn = 0; this.#draw(); }, 100);
  }

  #draw() {
    const { job } = this;
    if (!job) return;
    this.head.replaceChildren(status(job), h("span", {}, ` ${jobNames(this.model, job)}`));
    fill(this.bar, job);
    say(this.counts, told(job));
    say(this.facts, [`began ${date(job.began)}`, job.ended && `ended ${date(job.ended)}`, job.made_by ? `by ${job.made_by}` : "by the shell"]
      .filter(Boolean).join(", "));
    this.#show("cancel", isRunning(job) || job.status === "interrupted");
    this.#show("resume", ["interrupted", "cancelled"].includes(job.status));
    this.#show("retry", !isRunning(job) && job.counts.failed > 0);
    const items = [...this.#machines.values()].map((each) => ({ ...each, status: shown(job, each) }));
    items.sort((one, other) => FIRST.indexOf(one.status) - FIRST.indexOf(other.status));
    this.list.replaceChildren(...items.slice(0, LISTED).map(outcome));
    if (items.length > LISTED) this.list.append(h("li", {}, `and ${items.length - LISTED} more`));
  }

  // A button that vanishes does not take the focus with it.
  #show(name, isShown) {
    const element = this.actions[name];
    if (!isShown && element === document.activeElement) this.element.closest("dialog")?.querySelector("h2")?.focus();
    element.hidden = !isShown;
  }
}

// What is told of one machine: what is accepted is not done, and what nobody goes on with does not run.
function shown(job, { status: now, ...task }) {
  if (!isRunning(job)) return { running: "interrupted", pending: "not started" }[now] || now;
  return now === "done" && job.waits && !job.reached.has(taskKey(task)) ? "accepted" : now;
}

function outcome(each) {
  const tone = { done: "good", already: "rest", failed: "bad", interrupted: "bad", running: "busy", accepted: "busy" }[each.status] || "rest";
  const seconds = each.seconds ? `${each.seconds < 10 ? each.seconds.toFixed(1) : Math.round(each.seconds)} s` : "";
  return h("li", { "data-status": each.status },
    h("b", {}, each.name), h("span", { class: "where" }, each.cloud), h("span", { class: `state ${tone}` }, each.status),
    h("span", { class: "seconds" }, seconds), each.error ? h("p", { class: "why" }, each.error.message) : null);
}
