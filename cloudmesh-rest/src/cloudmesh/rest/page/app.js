// The page: signs in, reads the lists, opens the one stream of events, and shows the view of the address.

import { call, get, onSignedOut } from "./api.js";
import { CloudsView } from "./clouds.js";
import { $, announce, say } from "./dom.js";
import { JobsView } from "./jobs.js";
import { MachinesView } from "./machines.js";
import { Model } from "./model.js";
import { Stream } from "./stream.js";
import { Watch } from "./watch.js";

const VIEWS = ["machines", "jobs", "clouds"];
let running = null;
let watch = null;

async function begin() {
  // A code that works once stands behind the #, which no server sees; it leaves the address at once.
  const code = /^#code=(.+)$/.exec(location.hash);
  if (code) history.replaceState(null, "", location.pathname);
  if (!code && !wasHere()) { signIn(); return; }
  try {
    if (code) start(await call("POST", "/v1/session", { code: decodeURIComponent(code[1]) }));
    else start(await get("/v1/session"));
  } catch (error) {
    if (error.status === 401) wasHere(false);
    signIn(error.status !== 401 ? error.message : code ? "This code was used already, or is too old." : "");
  }
}

// Whether somebody is signed in, as far as this browser remembers; the cookie itself cannot be seen.
function wasHere(is) {
  try {
    if (is === true) localStorage.setItem("signed-in", "yes");
    if (is === false) localStorage.removeItem("signed-in");
    return localStorage.getItem("signed-in") === "yes";
  } catch {
    return true;
  }
}

function signIn(message = "") {
  stop();
  $("top").hidden = true;
  $("running").hidden = true;
  for (const view of VIEWS) $(view).hidden = true;
  for (const each of document.querySelectorAll("dialog")) each.close();
  $("sign-in").hidden = false;
  say($("sign-in-error"), message);
  document.title = "Sign in – cloudmesh";
  $("token").focus();
}

$("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = $("token").value.trim();
  say($("sign-in-error"), token ? "" : "Paste a token first.");
  if (!token) return;
  try {
    const session = await call("POST", "/v1/session", { token });
    $("token").value = "";
    start(session);
  } catch (error) {
    say($("sign-in-error"), error.status === 401 ? "This is no valid token." : error.message);
    $("token").select();
  }
});

$("sign-out").addEventListener("click", async () => {
  try {
    await call("DELETE", "/v1/session");
    wasHere(false);
    // What was shown is forgotten with the page.
    location.assign("/");
  } catch (error) {
    announce(error.message);
    say($("link"), error.message);
  }
});

function stop() {
  if (running) running.close();
  if (watch) watch.close();
  running = watch = null;
}

// The views are made once; who signs in anew gets a new page.
function start(session) {
  if ($("top").dataset.started) { location.reload(); return; }
  $("top").dataset.started = "yes";
  wasHere(true);
  $("sign-in").hidden = true;
  $("top").hidden = false;
  say($("who"), `${session.name} (${session.scope})`);
  const model = new Model();
  new MachinesView(model, session);
  new JobsView(model);
  new CloudsView(model);
  watch = new Watch(model);
  running = new Stream({
    take: (kind, data) => model.apply(kind, data),
    state: (isUp) => link(isUp),
    reset: () => load(model),
    refused: () => { call("GET", "/v1/session").catch((error) => { if (error.status === 401) ended(); }); },
  });
  link(null);
  addEventListener("hashchange", show);
  show();
  running.open();
  setInterval(() => { if (!document.hidden) model.loadClouds().catch(() => {}); }, 60000);
}

onSignedOut(ended);

function ended() {
  wasHere(false);
  signIn("The session has ended; sign in again.");
}

async function load(model) {
  try {
    await model.load();
  } catch (error) {
    announce(error.message);
    say($("link"), error.message);
    $("link").className = "link cut";
    setTimeout(() => { if (running) load(model); }, 3000);
    return;
  }
  link(true);
}

function link(isUp) {
  if (watch) watch.isUp = Boolean(isUp);
  const element = $("link");
  element.className = `link ${isUp ? "up" : isUp === null ? "" : "cut"}`;
  say(element, isUp ? "live" : isUp === null ? "connecting …" : "cut off, connecting again …");
}

function show() {
  const asked = location.hash.slice(1);
  const view = VIEWS.includes(asked) ? asked : VIEWS.find((each) => !$(each).hidden) || VIEWS[0];
  for (const each of VIEWS) $(each).hidden = each !== view;
  for (const each of document.querySelectorAll("nav a")) {
    if (each.hash === `#${view}`) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
  document.title = `${view[0].toUpperCase()}${view.slice(1)} – cloudmesh`;
}

begin();
