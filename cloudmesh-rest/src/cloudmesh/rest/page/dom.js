// Elements, dialogs and what is said to screen readers. Text of the server only ever becomes text.

export const $ = (id) => document.getElementById(id);

// An element with attributes, listeners (on: {click: ...}) and children; strings become text.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [kind, listener] of Object.entries(value)) element.addEventListener(kind, listener);
    } else if (name in element && typeof value === "boolean") {
      element[name] = value;
    } else if (name === "value") {
      element.value = value;
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const button = (text, click, attributes = {}) =>
  h("button", { type: "button", ...attributes, on: { click } }, text);

// Sets the text of an element only if it differs, so that nothing is drawn or read out again.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Tells a screen reader, when it has nothing else to tell.
export function announce(text) {
  const region = $("announce");
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 50);
}

// A field with its label, and a help text that belongs to it.
let numbers = 0;
export function field(text, input, help = "") {
  input.id = `field-${++numbers}`;
  const told = help ? h("p", { class: "help", id: `${input.id}-help` }, help) : null;
  if (told) input.setAttribute("aria-describedby", told.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, text), input, told);
}

export function options(select, list, chosen = "") {
  select.replaceChildren(...list.map(([value, text, disabled = false]) => h("option", { value, disabled }, text)));
  select.value = list.some(([value]) => value === chosen) ? chosen : (list[0] || [""])[0];
}

// A modal dialog. Focus goes into it, and back to where it was at its end.
export function dialog(title, ...children) {
  const before = document.activeElement;
  const heading = h("h2", { id: `dialog-${++numbers}`, tabindex: "-1" }, title);
  const element = h("dialog", { "aria-labelledby": heading.id });
  const close = () => element.close();
  element.append(h("div", { class: "dialog-head" }, heading, button("×", close, { class: "close", "aria-label": "Close" })),
    ...children);
  element.addEventListener("close", () => {
    element.remove();
    if (before && before.isConnected) before.focus({ preventScroll: true });
    // It may have vanished, or be disabled, as when its machines are gone.
    if (document.activeElement !== before) ($("machines").hidden ? $("main") : $("grid")).focus({ preventScroll: true });
  });
  // A click beside the dialog closes it, unless it began inside, as when a text is marked.
  let outside = false;
  element.addEventListener("pointerdown", (event) => { outside = event.target === element; });
  element.addEventListener("click", (event) => { if (outside && event.target === element) close(); });
  document.body.append(element);
  element.showModal();
  heading.focus();
  return { element, heading, close };
}

export const plural = (count, noun = "machine") =>
  `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

// How long ago a time was, in one unit.
export function ago(time, now = Date.now()) {
  if (!time) return "";
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export const date = (time) => (time ? new Date(time).toLocaleString() : "");
