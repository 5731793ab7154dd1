// A table of thousands of rows, of which only those in sight are in the page. The keyboard and screen readers
// have all of them: each row tells its number, and the table how many there are.

import { h, say } from "./dom.js";

const SPARE = 6;

export class Grid {
  #rows = [];
  #places = new Map();
  #pool = [];
  #active = null;
  #anchor = null;
  #drawn = false;

  // columns: [{name, title, help, text(row), className, sortable, cell(row, element)}]; key(row): what names a row;
  // label(row): for screen readers; heights: [of a row, of one on a phone].
  constructor(root, { label, columns, key, name, heights, changed, opened, sorted }) {
    Object.assign(this, { root, columns, key, name, heights, changed, opened, sorted });
    this.selected = new Set();
    this.narrow = matchMedia("(max-width: 640px)");
    this.all = h("input", { type: "checkbox", "aria-label": "Select all machines shown", on: { change: () => this.#selectAll() } });
    this.heads = columns.map((column) => this.#head(column));
    this.head = h("div", { role: "row", class: "row head", "aria-rowindex": "1" },
      h("div", { role: "columnheader", class: "c-check" }, h("label", { class: "hit" }, this.all)), this.heads);
    this.space = h("div", { role: "rowgroup", class: "space" });
    root.setAttribute("role", "grid");
    root.setAttribute("aria-label", label);
    root.setAttribute("aria-multiselectable", "true");
    root.setAttribute("aria-colcount", String(columns.length + 1));
    root.tabIndex = 0;
    root.append(h("div", { role: "rowgroup", class: "head-group" }, this.head), this.space);
    root.addEventListener("scroll", () => this.draw(), { passive: true });
    root.addEventListener("keydown", (event) => this.#pressed(event));
    root.addEventListener("focus", () => this.#begin());
    this.space.addEventListener("click", (event) => this.#clicked(event));
    new ResizeObserver(() => this.draw()).observe(root);
    this.narrow.addEventListener("change", () => { this.#pool.forEach((each) => { each.key = null; }); this.draw(); });
  }

  get height() { return this.heights[this.narrow.matches ? 1 : 0]; }
  get rows() { return this.#rows; }

  set rows(rows) {
    this.#rows = rows;
    this.#places = new Map(rows.map((row, place) => [this.key(row), place]));
    if (this.#active !== null && !this.#places.has(this.#active)) this.#active = null;
    this.root.setAttribute("aria-rowcount", String(rows.length + 1));
    this.draw();
  }

  // The order that the heads show: the name of a column, and whether the greatest comes first.
  order(name, descending) {
    this.heads.forEach((head, place) => {
      const isOrder = this.columns[place].name === name;
      if (this.columns[place].sortable === false) return;
      head.setAttribute("aria-sort", isOrder ? (descending ? "descending" : "ascending") : "none");
    });
  }

  select(keys) {
    this.selected = new Set(keys);
    this.draw();
    this.changed();
  }

  // Draws soon, and once for all that has changed until then.
  draw() {
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => { this.#drawn = false; this.#draw(); });
  }

  #draw() {
    const { height, root } = this;
    this.space.style.height = `${this.#rows.length * height}px`;
    const first = Math.max(0, Math.floor((root.scrollTop - this.head.offsetHeight) / height) - SPARE);
    const count = Math.min(this.#rows.length - first, Math.ceil(root.clientHeight / height) + 2 * SPARE);
    while (this.#pool.length < count) this.#pool.push(this.#makeRow());
    this.#pool.forEach((each, number) => {
      const place = first + number;
      each.element.hidden = number >= count;
      if (number < count) this.#fill(each, this.#rows[place], place);
    });
    const shown = this.#rows.filter((row) => this.selected.has(this.key(row))).length;
    this.all.checked = shown > 0 && shown === this.#rows.length;
    this.all.indeterminate = shown > 0 && shown < this.#rows.length;
    const active = this.#pool.find((each) => !each.element.hidden && each.key === this.#active);
    if (active) root.setAttribute("aria-activedescendant", active.element.id);
    else root.removeAttribute("aria-activedescendant");
  }

  #makeRow() {
    const check = h("input", { type: "checkbox", tabindex: "-1" });
    const cells = this.columns.map((column, number) =>
      h("div", { role: "gridcell", class: `c-${column.name}`, "aria-colindex": String(number + 2) }));
    const element = h("div", { role: "row", class: "row", id: `row-${this.#pool.length}` },
      h("div", { role: "gridcell", class: "c-check", "aria-colindex": "1" }, h("label", { class: "hit" }, check)), cells);
    this.space.append(element);
    return { element, check, cells, key: null, place: -1 };
  }

  #fill(drawn, row, place) {
    const key = this.key(row);
    const { element, check, cells } = drawn;
    if (drawn.place !== place || drawn.key === null) {
      element.style.transform = `translateY(${place * this.height}px)`;
      element.setAttribute("aria-rowindex", String(place + 2));
    }
    Object.assign(drawn, { key, place });
    const isSelected = this.selected.has(key);
    check.checked = isSelected;
    if (check.dataset.name !== this.name(row)) {
      check.dataset.name = this.name(row);
      check.setAttribute("aria-label", `Select ${this.name(row)}`);
    }
    element.setAttribute("aria-selected", String(isSelected));
    element.classList.toggle("active", key === this.#active);
    this.columns.forEach((column, number) => {
      if (column.cell) column.cell(row, cells[number]);
      else say(cells[number], column.text(row));
    });
  }

  #head(column) {
    const head = h("div", { role: "columnheader", class: `c-${column.name}` });
    if (column.sortable === false) head.append(column.title);
    else head.append(h("button", { type: "button", class: "sort", title: column.help, on: { click: () => this.sorted(column.name) } }, column.title));
    return head;
  }

  #row(target) {
    const element = target.closest(".row");
    return this.#pool.find((each) => each.element === element);
  }

  #clicked(event) {
    const row = this.#row(event.target);
    if (!row) return;
    if (event.target.closest("label.hit")) {
      // The label would click its checkbox once more.
      if (event.target.tagName !== "INPUT") event.preventDefault();
      this.#choose(row.place, event.shiftKey);
    } else if (event.target.closest("button")) {
      this.#move(row.place, false);
      this.opened(this.#rows[row.place]);
      return;
    } else if (event.ctrlKey || event.metaKey || event.shiftKey) {
      getSelection().removeAllRanges();
      this.#choose(row.place, event.shiftKey);
    } else {
      this.#anchor = row.place;
    }
    this.#move(row.place, false);
    this.root.focus({ preventScroll: true });
  }

  // Changes one, or makes all from the last one that was changed like that one.
  #choose(place, isRange) {
    const keys = new Set(this.selected);
    if (isRange && this.#anchor !== null) {
      const [first, last] = [Math.min(place, this.#anchor), Math.max(place, this.#anchor)];
      for (const row of this.#rows.slice(first, last + 1)) keys.add(this.key(row));
    } else {
      const key = this.key(this.#rows[place]);
      if (!keys.delete(key)) keys.add(key);
      this.#anchor = place;
    }
    this.select(keys);
  }

  #selectAll() {
    const isAll = this.#rows.every((row) => this.selected.has(this.key(row)));
    this.select(isAll ? [] : [...this.selected, ...this.#rows.map(this.key)]);
  }

  #begin() {
    if (this.#active === null && this.#rows.length) this.#move(0, false);
  }

  #move(place, isScrolled = true) {
    const most = this.#rows.length - 1;
    if (most < 0) return;
    const to = Math.max(0, Math.min(most, place));
    this.#active = this.key(this.#rows[to]);
    if (isScrolled) {
      const { root, height } = this;
      const head = this.head.offsetHeight;
      const top = to * height;
      if (top < root.scrollTop) root.scrollTop = top;
      else if (top + height + head > root.scrollTop + root.clientHeight) root.scrollTop = top + height + head - root.clientHeight;
    }
    this.draw();
  }

  #pressed(event) {
    if (event.target !== this.root) return;
    const place = this.#places.get(this.#active) ?? 0;
    const page = Math.max(1, Math.floor(this.root.clientHeight / this.height) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      const to = Math.max(0, Math.min(this.#rows.length - 1, place + steps[event.key]));
      if (event.shiftKey && this.#rows.length) {
        if (this.#anchor === null) this.#anchor = place;
        const range = [Math.min(to, this.#anchor), Math.max(to, this.#anchor) + 1];
        this.select(this.#rows.slice(...range).map(this.key));
      }
      this.#move(to);
    } else if (event.key === " ") {
      if (this.#rows.length) this.#choose(place, event.shiftKey);
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      this.select(this.#rows.map(this.key));
    } else if (event.key === "Escape" && this.selected.size) {
      this.select([]);
    } else if (event.key === "Enter" && this.#rows.length) {
      this.opened(this.#rows[place]);
    } else {
      return;
    }
    event.preventDefault();
  }
}
