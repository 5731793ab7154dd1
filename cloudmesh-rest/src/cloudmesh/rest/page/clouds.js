// The view of the clouds: how each of them answers.

import { $, ago, announce, button, date, h, plural, say } from "./dom.js";

export class CloudsView {
  #cards = new Map();

  constructor(model) {
    this.model = model;
    model.addEventListener("clouds", () => this.update());
    setInterval(() => { if (!$("clouds").hidden) this.update(); }, 10000);
  }

  update() {
    const clouds = [...this.model.clouds.values()];
    say($("count-clouds"), String(clouds.length));
    const list = $("cloud-list");
    for (const [name, card] of this.#cards) if (!this.model.clouds.has(name)) { card.element.remove(); this.#cards.delete(name); }
    clouds.forEach((cloud, place) => {
      const card = this.#cards.get(cloud.name) || this.#make(cloud);
      card.fill(cloud);
      if (list.children[place] !== card.element) list.insertBefore(card.element, list.children[place] || null);
    });
    const empty = list.querySelector(".empty");
    if (!clouds.length && !empty) list.append(h("p", { class: "empty" }, "No clouds are configured: cms cloud add adds one."));
    else if (clouds.length && empty) empty.remove();
  }

  #make(cloud) {
    const parts = { state: h("span", { class: "state" }), told: h("p", {}), error: h("p", { class: "error" }) };
    const again = button("Refresh now", () => this.#refresh(cloud.name, again, parts.error), { "aria-label": `Refresh now: ${cloud.name}` });
    const kind = [cloud.title !== cloud.name && cloud.title, cloud.type, cloud.simulated && cloud.type !== "simulated" && "simulated", cloud.default && "default"].filter(Boolean);
    const element = h("article", { class: "card", "aria-label": cloud.name },
      h("div", { class: "card-head" }, h("h2", {}, cloud.name), parts.state), h("p", { class: "help" }, kind.join(", ")),
      parts.told, parts.error, again);
    const fill = (now) => {
      const { health } = now;
      const [tone, word] = !now.active ? ["rest", "not active"] : health.error ? ["bad", "does not answer"]
        : health.listed ? ["good", "answers"] : ["rest", "never asked"];
      parts.state.className = `state ${tone}`;
      say(parts.state, word);
      say(parts.told, health.listed ? `${plural(health.machines)}, listed ${ago(health.listed)} ago` : "not listed yet");
      parts.told.title = date(health.listed);
      say(parts.error, health.error ? `${health.error}${health.failed ? ` (${ago(health.failed)} ago)` : ""}` : "");
      again.hidden = !now.active;
    };
    const card = { element, fill };
    this.#cards.set(cloud.name, card);
    return card;
  }

  async #refresh(name, again, told) {
    if (again.getAttribute("aria-disabled") === "true") return;
    again.setAttribute("aria-disabled", "true");
    again.removeAttribute("aria-label");
    say(again, "Asking …");
    const error = await this.model.refresh(name);
    again.removeAttribute("aria-disabled");
    say(again, "Refresh now");
    again.setAttribute("aria-label", `Refresh now: ${name}`);
    say(told, error);
    announce(error || `${name} was listed`);
  }
}
