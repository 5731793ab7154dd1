// Asks clouds again while machines of theirs pass from one state to another: else nobody might ask for minutes.

import { isPassing, keyOf } from "./model.js";

const FIRST_PAUSE = 3000;
const LAST_PAUSE = 30000;
const GROWTH = 1.5;

export class Watch {
  #clouds = new Map();
  #timer = 0;
  #isUp = false;
  #isClosed = false;

  constructor(model) {
    this.model = model;
    model.addEventListener("machines", () => this.#soon());
    model.addEventListener("clouds", () => this.#soon());
    document.addEventListener("visibilitychange", () => this.#soon());
  }

  // Whether the stream of events is connected: without it nobody would see what a cloud tells.
  set isUp(isUp) {
    this.#isUp = isUp;
    this.#soon();
  }

  close() {
    this.#isClosed = true;
    this.#look();
  }

  // Thousands of events may come at once.
  #soon() {
    if (!this.#timer && !this.#isClosed) this.#timer = setTimeout(() => { this.#timer = 0; this.#look(); }, 200);
  }

  #look() {
    const passing = this.#isClosed ? new Map() : this.#passing();
    for (const [name, cloud] of this.#clouds) {
      if (passing.has(name)) continue;
      clearTimeout(cloud.timer);
      this.#clouds.delete(name);
    }
    const mayAsk = this.#isUp && !document.hidden;
    for (const [name, found] of passing) {
      const cloud = this.#clouds.get(name) || { passing: new Set(), pause: FIRST_PAUSE, timer: 0, due: 0, isAsking: false };
      this.#clouds.set(name, cloud);
      const isNew = [...found].some((each) => !cloud.passing.has(each));
      if (isNew) cloud.pause = FIRST_PAUSE;
      cloud.passing = found;
      const isLate = isNew && cloud.due > Date.now() + FIRST_PAUSE;
      if (cloud.timer && (isLate || !mayAsk)) {
        clearTimeout(cloud.timer);
        cloud.timer = 0;
      }
      if (mayAsk && !cloud.timer && !cloud.isAsking) {
        cloud.due = Date.now() + cloud.pause;
        cloud.timer = setTimeout(() => this.#ask(name, cloud), cloud.pause);
      }
    }
  }

  // The machines in a state that passes, by cloud; those of a cloud that cannot be asked are left out.
  #passing() {
    const found = new Map();
    for (const each of this.model.machines.values()) {
      if (!isPassing(each.state) || !this.model.clouds.get(each.cloud)?.active) continue;
      if (!found.has(each.cloud)) found.set(each.cloud, new Set());
      found.get(each.cloud).add(`${keyOf(each)} ${each.state}`);
    }
    return found;
  }

  async #ask(name, cloud) {
    cloud.timer = 0;
    cloud.isAsking = true;
    cloud.pause = Math.min(GROWTH * cloud.pause, LAST_PAUSE);
    try {
      // A list that is as young as this was asked for by somebody else, such as a job that waits.
      const error = await this.model.ask(name, FIRST_PAUSE / 1000);
      if (error) await this.model.loadClouds();
    } catch {
      // The next question, or the stream, tells of what is wrong.
    }
    cloud.isAsking = false;
    this.#soon();
  }
}
