// The one stream of events: it comes back by itself, goes on where it was, and tells whether it is cut.

const KINDS = ["machine", "job", "task", "cloud"];
const FIRST_PAUSE = 1000;
const LAST_PAUSE = 15000;

export class Stream {
  #source = null;
  #last = "";
  #pause = FIRST_PAUSE;
  #timer = 0;

  // take(kind, data): an event; state(isUp): whether it is connected; reset(): what was missed is not told again;
  // refused(): the server was reached, and did not give a stream. They may return promises.
  constructor({ take, state, reset, refused }) {
    Object.assign(this, { take, state, reset, refused });
  }

  open() {
    this.close();
    const place = this.#last ? `?last_event_id=${encodeURIComponent(this.#last)}` : "";
    const source = new EventSource(`/v1/events${place}`);
    // Without a place events may have been missed since the lists were read.
    let isNew = !this.#last;
    this.#source = source;
    source.onopen = () => {
      this.#pause = FIRST_PAUSE;
      if (isNew) this.reset();
      isNew = false;
      this.state(true);
    };
    source.onerror = () => {
      this.state(false);
      // Else the browser comes again by itself, with the id of the last event.
      if (source.readyState === EventSource.CLOSED && source === this.#source) this.#again();
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        this.#last = event.lastEventId;
        this.take(kind, JSON.parse(event.data));
      });
    }
    source.addEventListener("reset", (event) => {
      this.#last = event.lastEventId;
      this.reset();
    });
  }

  close() {
    clearTimeout(this.#timer);
    if (this.#source) this.#source.close();
    this.#source = null;
  }

  #again() {
    this.refused();
    this.#timer = setTimeout(() => this.open(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, LAST_PAUSE);
  }
}
