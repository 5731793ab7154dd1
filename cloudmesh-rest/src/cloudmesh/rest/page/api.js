// Requests to the server that the page came from. Its cookie says who we are; nothing secret is kept here.

// An answer that says what is wrong, as a problem document.
export class Problem extends Error {
  constructor(status, document) {
    super((document && document.detail) || `the server answered ${status}`);
    this.status = status;
    this.document = document || {};
  }
}

let signedOut = () => {};
export function onSignedOut(listener) { signedOut = listener; }

// What a request gives, as JSON. Throws Problem, or Error if the server cannot be reached.
export async function call(method, path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Error("the server cannot be reached; is 'cms rest start' still running?");
  }
  const isJson = (answer.headers.get("content-type") || "").includes("json");
  const told = isJson ? await answer.json() : null;
  if (answer.ok) return told;
  const problem = new Problem(answer.status, told);
  if (answer.status === 401 && !path.startsWith("/v1/session")) signedOut();
  throw problem;
}

export const get = (path) => call("GET", path);

// All items of a list, page by page, with what else its first page tells.
export async function all(path, most = Infinity) {
  const first = await get(path);
  let next = first.next;
  while (next && first.items.length < most) {
    const more = await get(`${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(next)}`);
    first.items.push(...more.items);
    next = more.next;
  }
  return first;
}

// A new job; the key lets the server see that a repeated request means the same job.
export const create = (body) => call("POST", "/v1/jobs", body, { "Idempotency-Key": crypto.randomUUID() });
export const rehearse = (body) => call("POST", "/v1/jobs", { ...body, dryrun: true });
