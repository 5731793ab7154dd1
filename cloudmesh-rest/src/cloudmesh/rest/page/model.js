// What is known of machines, jobs and clouds: read once, and then kept up to date by events.

import { all, get } from "./api.js";

const COLUMNS = "cloud,name,id,state,raw_state,image,flavor,key,addresses,address,created,refreshed," +
  "metadata,owner,zone,fault,lease,rate,rate_unit";
const OVER = ["done", "failed", "cancelled"];

export const keyOf = (machine) => `${machine.cloud} ${machine.id}`;
// Machines of a job have names before they have ids.
export const taskKey = (task) => `${task.cloud} ${task.name}`;
export const isOver = (job) => OVER.includes(job.status);
export const isPassing = (state) => state.endsWith("ing");

export class Model extends EventTarget {
  machines = new Map();
  jobs = new Map();
  clouds = new Map();
  verbs = new Map();
  errors = [];
  // By key: also of machines that are gone.
  names = new Map();
  olderJobs = null;
  isRead = false;
  #queue = null;

  // Reads all lists. Events that come meanwhile are newer, and are taken over afterwards.
  async load() {
    this.#queue = this.#queue || [];
    try {
      // Machines last: a cloud that was never listed is asked for them, and may not answer soon.
      await Promise.all([this.#loadJobs(), this.loadClouds(), this.#loadVerbs(), this.#loadMachines()]);
      await this.#loadReached();
    } finally {
      const queue = this.#queue;
      this.#queue = null;
      for (const [kind, data] of queue) this.apply(kind, data);
    }
  }

  async #loadMachines() {
    const list = await all(`/v1/machines?columns=${COLUMNS}&limit=5000`);
    this.machines = new Map(list.items.map((each) => [keyOf(each), each]));
    for (const each of list.items) this.names.set(keyOf(each), each.name);
    this.errors = list.errors || [];
    this.isRead = true;
    this.#tell("machines");
    // Which of them do not answer may be known only now.
    if (this.errors.length) await this.loadClouds();
  }

  async #loadJobs() {
    const page = await get("/v1/jobs?limit=50");
    this.jobs = new Map(page.items.map((each) => [each.id, { reached: new Set(), ...each }]));
    this.olderJobs = page.next;
    this.#tell("jobs");
  }

  // Of jobs that wait: which machines are there already, by their states. Events tell of the others. A verb that
  // leads back to where a machine was leaves that to the events.
  async #loadReached() {
    for (const job of this.jobs.values()) {
      const verb = this.verbs.get(job.verb);
      if (job.status !== "running" || !job.waits || !job.counts.done || !verb?.target || verb.sources.includes(verb.target)) continue;
      const list = await all(`/v1/jobs/${job.id}/machines?limit=1000`, 10000);
      // What is shelved may be offloaded already, which is another state.
      const isThere = (task) => (this.machines.get(keyOf(task))?.state ?? "deleted").startsWith(verb.target);
      this.takeJob({ ...job, reached: new Set(list.items.filter((each) => each.status === "done" && isThere(each)).map(taskKey)) });
    }
  }

  async #loadVerbs() {
    const list = await get("/v1/verbs");
    this.verbs = new Map((list.items || list).map((each) => [each.name, each]));
    this.#tell("machines");
  }

  async loadClouds() {
    const list = await all("/v1/clouds");
    this.clouds = new Map(list.items.map((each) => [each.name, each]));
    this.#tell("clouds");
  }

  async loadOlderJobs() {
    const page = await get(`/v1/jobs?limit=50&cursor=${encodeURIComponent(this.olderJobs)}`);
    for (const each of page.items) if (!this.jobs.has(each.id)) this.jobs.set(each.id, { reached: new Set(), ...each });
    this.olderJobs = page.next;
    this.#tell("jobs");
  }

  // Asks clouds for their machines, unless a list is younger than so many seconds; what they tell comes as events.
  // Gives why they did not answer.
  async ask(clouds, seconds) {
    const list = await get(`/v1/machines?clouds=${encodeURIComponent(clouds)}&max_age=${seconds}&columns=name&limit=1`);
    return (list.errors || []).map((each) => each.message).join("; ");
  }

  // The same at once, with the health of clouds; gives any reason why that failed.
  async refresh(clouds) {
    let error = "";
    try {
      error = await this.ask(clouds, 0);
    } catch (failure) {
      error = failure.message;
    }
    await this.loadClouds().catch((failure) => { error ||= failure.message; });
    return error;
  }

  // An answer tells of a job, unless events did so since it was asked for: they are newer.
  takeAnswer(job, before) {
    if (this.jobs.get(job.id)?.status === before?.status) this.takeJob(job);
  }

  // What of a job was reached is told by events only.
  takeJob(job) {
    this.jobs.set(job.id, { reached: this.jobs.get(job.id)?.reached || new Set(), ...job });
    this.#tell("jobs", job);
  }

  apply(kind, data) {
    if (this.#queue) {
      this.#queue.push([kind, data]);
    } else if (kind === "machine") {
      this.#machine(data);
    } else if (kind === "job") {
      const { kind: what, time, ...job } = data;
      this.takeJob({ ...this.jobs.get(job.id), ...job });
      this.#tell("job", { ...data, what, time });
    } else if (kind === "task") {
      if (data.id) this.names.set(keyOf(data), data.name);
      const job = this.jobs.get(data.job);
      if (job && data.kind === "reached" && data.status === "done") job.reached.add(taskKey(data));
      if (job) this.takeJob({ ...job, counts: data.counts });
      this.#tell("task", data);
    } else if (kind === "cloud") {
      this.#listed(data);
    }
  }

  #machine(event) {
    const key = keyOf(event);
    this.names.set(key, event.name);
    if (event.gone) this.machines.delete(key);
    else this.machines.set(key, { ...event.machine, refreshed: event.time });
    this.#tell("machines");
  }

  // A whole list of a cloud: what it did not change is as new as it is.
  #listed(event) {
    for (const each of this.machines.values()) {
      if (each.cloud === event.name && each.refreshed < event.listed) each.refreshed = event.listed;
    }
    const cloud = this.clouds.get(event.name);
    if (cloud) {
      const failed = cloud.health.failed && cloud.health.failed > event.listed;
      const machines = [...this.machines.values()].filter((each) => each.cloud === event.name).length;
      cloud.health = { ...cloud.health, listed: event.listed, machines, error: failed ? cloud.health.error : null };
      this.errors = this.errors.filter((each) => each.cloud !== event.name);
      this.#tell("clouds");
    }
    this.#tell("machines");
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
