// The page: begins and ends a visit, and hands what the mirror answers to whatever shows it.

import { isAwake, keepAwake } from "./awake.js";
import { Camera } from "./camera.js";
import { Glass } from "./glass.js";
import { areKeysFaded, listen, offerFullScreen, press, toggleFullScreen, watch } from "./keys.js";
import { hang } from "./mounting.js";
import { keep, renew } from "./offline.js";
import { Panel } from "./panel.js";
import { nearestOf } from "./members.js";
import { drawSeen } from "./seen.js";
import { Steps } from "./steps.js";
import { Announcer, inShort, lines } from "./verdict.js";
import { judges, measured, onTheWall, opening, own as noticeOf, stored, tell as tellHouse } from "./house.js";
import { number, offerLanguages, percent, preferred, replace, say, speak, spoken, whenSpoken, write } from "./words.js";
import { Scenes } from "./scenes.js";

const CLOSED_SECS = 3, EMPTY_MS = 15000, FORGOTTEN_MS = 2000, AGAIN_MS = 20000, WORDS_MS = 500, RECENT = 300, PANEL_PICTURE_MS = 500;
// From one frame without a picture to the next: as a mirror, and behind the welcome.
const DREAM_MS = 33, WAIT_MS = 80, CLOSED_MS = 1000;
// Before a room that has been empty for a while the mirror looks every so often: nobody who comes waits longer than that.
const VACANT_MS = 4000, REST_MS = 250;
const VERSION = 2;
const part = id => document.getElementById(id);
const kiosk = location.hash === "#kiosk";
// What a desk asks of the page's look where it asks nothing; then what it asks, and what the page had of its own.
const NO_LOOK = { values: {}, style: { texts: {}, colours: {} }, scenes: [], packs: null, recording: false, closed: null };
let asked = NO_LOOK;
// What has a colour that a scene may change (the list is that of display::server::COLOURS), and where the style keeps it.
const COLOURS = { background: "--night", text: "--bone", faint: "--ash", accent: "--gold", line: "--line" };
const own = { words: true, language: preferred() };

const fetchSettings = async () => (await fetch("settings.json")).json();
let settings = await fetchSettings();
// Where the mirror runs in this browser, nobody but the page can bring it up to date.
if (settings.module) await keep();
const glass = new Glass(), announcer = new Announcer(part("status"));
const may = what => settings.house.visitors.includes(what);
const panel = new Panel(tell), steps = new Steps(tell), scenes = new Scenes(() => may("scene"));
takeNumbers();
permit();
whenSpoken(sayHouse);
await speak(preferred());
const link = new Worker("link.js", { type: "module" });
link.postMessage({ open: settings.module });
const troubles = { server: "", camera: "", picture: "" };
const camera = new Camera(link, settings.camera ?? "", (key, values) => trouble("camera", key, values));
let begun = false, latest = null, times = null;

/** The numbers that the mirror knows, which another pack may change. */
function takeNumbers() {
  panel.groups = settings.groups;
  steps.take(settings.numbers, settings.groups);
  panel.archive = settings.house.archive;
  document.body.classList.toggle("tells-nearest", tellsNearest());
}

/** Whether it is said under the reflection whom of the archive a viewer lies nearest to. */
function tellsNearest() { return settings.house.archive?.nearest === "wall"; }

/** What is wrong, as the key of a text; "" when it is well again. */
function trouble(where, key, values) {
  troubles[where] = key && { key, values };
  notice();
}

/** Tells the worker, and through it the server, what is wanted. */
function tell() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const wanted = begun ? { ...panel.controls, steps: steps.open, nearest: tellsNearest() || panel.asksForNearest } : {};
  const controls = { version: VERSION, ...wanted, calm, waiting: !begun };
  const emptyMs = asked.closed ? CLOSED_MS : begun ? DREAM_MS : WAIT_MS;
  link.postMessage({ controls: JSON.stringify(controls), thumb: panel.open || steps.open, emptyMs });
}

// ---- A visit ----------------------------------------------------------------------------------------------------------

/** `event` is what somebody did to begin, where somebody did. */
function begin(event) {
  if (asked.closed) return;
  begun = true;
  showMirror(true);
  lastSomebody = performance.now();
  if (event) part(may("panel") ? "toggle-panel" : "stop").focus();
  keepAwake(true);
  if (!settings.has_camera) camera.start();
  notice();
  tell();
}

function stop() {
  begun = false;
  showMirror(false);
  keepAwake(kiosk);
  part("begin").focus();
  startClean();
  if (settings.module) renew();
  // The gesture needs the camera, which until then looks for closed eyes only.
  if (!settings.gesture) camera.stop();
  beginAgain();
  notice();
  glass.caption([]);
  tell();
}

/** Shows the mirror or the welcome; what is not shown can be neither pressed nor reached. */
function showMirror(shown) {
  document.body.classList.toggle("begun", shown);
  part("welcome").inert = shown;
  for (const id of ["glass", "panel", "steps"]) part(id).inert = !shown;
  part("keys").inert = !shown || areKeysFaded();
}

/** Nothing that one visitor chose remains for the next. */
function startClean() {
  owners = null;
  panel.reset();
  if (!kiosk) return;
  open(panel, false);
  open(steps, false);
  Object.assign(own, { words: true, language: preferred() });
  showWords(asked.values.words ?? own.words);
  speak(asked.values.language ?? own.language).then(refresh);
}

/** A kiosk that somebody stopped begins again, unless it is theirs to begin who close their eyes. */
let again = 0;
function beginAgain() {
  clearTimeout(again);
  if (kiosk && !settings.gesture && !begun) again = setTimeout(() => begun || begin(), AGAIN_MS);
}

let gestureDone = false, lastSomebody = 0;
function gesture(report) {
  if (!settings.gesture) return;
  const closed = report.eyes_closed_secs;
  if (closed < 0.5) gestureDone = false;
  if (closed >= CLOSED_SECS && !gestureDone) {
    gestureDone = true;
    if (begun) stop(); else begin();
  }
  // Whoever comes next is asked anew.
  if (begun && performance.now() - lastSomebody > EMPTY_MS) stop();
}

// What the panel asks for holds for those who were there when it was asked for: once they are gone, it is as it was.
let owners = null, lastOwner = 0;
function watchVisitors(report) {
  const now = performance.now(), here = report.views.map(view => view.viewer).filter(viewer => viewer !== null);
  if (here.length) lastSomebody = now;
  if (!begun) return;
  if (kiosk && now - lastSomebody > EMPTY_MS && (panel.open || steps.open)) startClean();
  if (!panel.isExperiment) {
    owners = null;
  } else if (!owners) {
    [owners, lastOwner] = [new Set(here), now];
  } else if (here.some(viewer => owners.has(viewer))) {
    lastOwner = now;
  } else if (here.length || (owners.size && now - lastOwner > FORGOTTEN_MS)) {
    startClean();
  }
}

// ---- What is shown and said -------------------------------------------------------------------------------------------

/** One thing at a time is said over the glass; under the reflections only while there is nothing else to say. */
function notice() {
  const wrong = troubles.server || (begun && (troubles.camera || troubles.picture));
  let text = wrong ? say(wrong.key, wrong.values) : "";
  if (!text && begun && isLooking() && latest.report.state === "dreaming") {
    const { faces } = latest.report;
    text = say(faces.some(face => face.over) ? "visit_over" : faces.some(face => face.still) ? "still_face" : "nobody");
  }
  write(part("notice"), text);
  return text;
}

/** Whether the mirror looks at what a camera sees. */
const isLooking = () => Boolean(latest && (latest.report.sizes.picture_bytes || settings.has_camera));
const isSomebody = view => view.viewer !== null;

/** All words say the same at the same time: they change together, twice a second. */
let said = -Infinity, labels = new Map();
function refresh() {
  if (!latest) return;
  said = performance.now();
  const { report } = latest, silent = notice() || !begun;
  const here = report.views.filter(isSomebody), judged = here.filter(view => view.judgement);
  labels = new Map(judged.map(view => [view.viewer, inShort(view.judgement)]));
  document.body.classList.toggle("somebody", here.length > 0);

  glass.caption(report.views.map(view => {
    if (silent) return { viewer: view.viewer };
    if (!isSomebody(view)) return { viewer: null, lines: [say("a_dream")] };
    const all = view.judgement ? lines(view.judgement, panel.told) : [];
    if (report.views.length === 1) all.push(numbersLeft(report.sizes.features));
    if (tellsNearest() && view.standing) all.push(nearestOf(view.standing));
    return { viewer: view.viewer, lines: all };
  }));
  announce(here);
  if (panel.open) panel.show(report, report.views.find(isSomebody), speed(), times);
  if (steps.open) steps.say(report, judged.length ? lines(judged[0].judgement, panel.told) : []);
}

/** Age and gender of a view as they stand everywhere: as somebody told the machine, else as it judges. */
function verdicts(view) {
  if (!view?.judgement) return {};
  const { age, gender } = view.judgement, { told } = panel;
  return { age: told.age ?? age?.mean, gender: told.female ?? gender?.female };
}

function announce(here) {
  if (!begun) return announcer.tell(asked.closed ? "closed" : "", part("closed").textContent);
  const wrong = part("notice").textContent;
  const key = wrong || here.map(({ viewer, judgement }) => `${viewer}:${judgement?.gender?.label}`).join();
  const spoken = [say("whose_face"), ...here.flatMap(({ judgement }) => (judgement ? lines(judgement, {}) : []))].join(" ");
  announcer.tell(key, wrong || (here.length ? spoken : ""));
}

/**
 * When pictures were shown, the newest ones; of the first one of each frame also how many milliseconds after that frame had left the camera. Others
 * of it are drawn in between, while the next frame is looked at.
 */
let recent = [], timed = null;
function time(seq, at) {
  const now = performance.timeOrigin + performance.now();
  recent.push({ took: seq === timed ? null : now - at, at: now });
  timed = seq;
  if (recent.length > RECENT) recent.shift();
}

function speed() {
  const took = recent.map(r => r.took).filter(took => took !== null).sort((a, b) => a - b);
  const rank = q => (took.length ? took[Math.ceil(took.length * q) - 1] : 0);
  const span = recent.length > 1 ? recent.at(-1).at - recent[0].at : 0;
  return { rate: span ? (recent.length - 1) / span * 1000 : 0, p50: rank(0.5), p95: rank(0.95) };
}

/** Shows what the camera sees to whatever is open. */
function see(thumb, frame, faces) {
  const seen = { thumb, frame, faces };
  if (panel.open) drawSeen(part("seen"), seen, labels);
  if (steps.open) steps.see(seen, labels);
  thumb.close();
}

const numbersLeft = n => (n === 1 ? say("number_left") : say("numbers_left", { n: number(n) }));

// ---- From the mirror --------------------------------------------------------------------------------------------------

/** All of the settings but what may change while a mirror runs. */
const lasting = ({ look, ...rest }) => JSON.stringify(rest);

/** Where the server that is found again is another, or does other things, the page comes anew. A desk may have forgotten what it asked for. */
async function findAgain() {
  const before = asked, found = await fetchSettings().catch(() => null);
  if (!found) return;
  if (found.version !== VERSION || lasting(found) !== lasting(settings)) return location.reload();
  // What it said meanwhile is newer.
  if (asked === before) look(found.look ?? NO_LOOK);
}

function server(isThere) {
  if (isThere && troubles.server) findAgain();
  if (!isThere) {
    latest = null;
    glass.clear();
    announcer.tell("server_gone", say("server_gone"));
  }
  trouble("server", isThere ? "" : "server_gone");
}

function drew({ order, seq, picture, at, times: took }) {
  times = took;
  glass.show(order, picture);
  if (latest?.frame?.width || settings.has_camera) time(seq, at);
}

function analysed(answer) {
  latest = answer;
  const { report, thumb, frame } = latest;
  if (troubles.picture) trouble("picture", "");
  watchVisitors(report);
  rest(report);
  gesture(report);
  if (performance.now() - said >= WORDS_MS) refresh();
  if (thumb) see(thumb, frame, report.faces);
  if (steps.open) {
    const first = report.views.findIndex(isSomebody), view = report.views[first];
    steps.show(view, verdicts(view), part("views").querySelectorAll("canvas")[first]);
  }
}

link.onmessage = ({ data }) => {
  if ("server" in data) server(data.server);
  if ("fetching" in data) trouble("server", "fetching", { n: percent(data.fetching) });
  if (data.failed) trouble("server", data.failed);
  if (data.stalled) camera.reopen();
  if (data.refused) trouble("picture", "picture_refused", { why: data.refused });
  if (data.look) look(data.look);
  if (data.drawn) drew(data.drawn);
  if (data.analysed) analysed(data.analysed);
};

/** What the desk asks of the page. What it leaves open is as it was before. */
function look(wanted) {
  const { values, style, packs } = wanted, wasFilmed = asked.recording;
  if (!("words" in asked.values)) own.words = hasWords();
  if (!("language" in asked.values)) own.language = spoken();
  if (packs !== null && asked.packs !== null && packs !== asked.packs) takePack();
  asked = packs === null ? { ...wanted, packs: asked.packs } : wanted;

  document.documentElement.style.setProperty("--dim", values.blackout ? 1 : values.dim ?? 0);
  document.body.classList.toggle("blackout", Boolean(values.blackout));
  part("recorded").hidden = !wanted.recording;
  if (wanted.recording !== wasFilmed) sayHouse();
  for (const [part, variable] of Object.entries(COLOURS)) {
    document.documentElement.style.setProperty(variable, style.colours[part] ?? "");
  }
  close(wanted.closed);
  panel.hold(values);
  scenes.show(wanted.scenes, values.scene ?? null);
  showWords(values.words ?? own.words);
  replace(style.texts);
  speak(values.language ?? own.language).then(refresh);
}

/** Outside the opening hours the camera is off, and nothing is shown but when it opens again. */
let wasClosed = false;
function close(closed) {
  part("closed").hidden = !closed;
  write(part("closed"), closed ? opening(closed) : "");
  if (Boolean(closed) === wasClosed) return;
  wasClosed = Boolean(closed);
  if (wasClosed && begun) stop();
  if (wasClosed) camera.stop();
  if (!wasClosed) comeUp();
  tell();
}

/** An installation begins by itself, unless it is theirs to begin who close their eyes. */
function comeUp() {
  if (settings.gesture && !settings.has_camera && (kiosk || !document.hidden)) camera.start();
  if (kiosk && !settings.gesture && !begun) begin();
}

/** What the house does not let visitors do, nothing offers. */
function permit() {
  for (const element of document.querySelectorAll("[data-permission]")) {
    element.toggleAttribute("data-forbidden", !may(element.dataset.permission));
  }
  const isOffered = id => part(id).querySelector("[data-permission]:not([data-forbidden])");
  for (const id of ["how-much", "what-if"]) part(id).toggleAttribute("data-forbidden", !isOffered(id));
  for (const slider of document.querySelectorAll("input[data-override]")) {
    const { override } = slider.dataset, group = { female: "gender" }[override] ?? override;
    if (settings.house.measures[group] !== "told") slider.parentElement.setAttribute("data-forbidden", "");
  }
}

/** What is in force here, on the start page; and what becomes of pictures, also on the wall. */
function sayHouse() {
  write(part("stored"), stored(settings.house, asked.recording));
  write(part("promise"), onTheWall(settings.house, asked.recording));
  write(part("measured"), measured(settings.house));
  part("guesses").hidden = !judges(settings.house);
  const [notice] = noticeOf(settings.house);
  part("house-notice").hidden = !notice;
  write(part("house-notice"), notice ?? "");
  tellHouse(part("house"), settings.house, asked.recording);
  if (asked.closed) write(part("closed"), opening(asked.closed));
}

/** The mirror has another pack: its numbers may be others. */
async function takePack() {
  settings = await fetchSettings().catch(() => settings);
  takeNumbers();
}

/** Looks less often while nobody is there, and at once at full rate when there is a face. */
let lastFace = performance.now(), rests = false;
function rest(report) {
  const now = performance.now();
  if (report.faces.length || report.state === "reflecting") lastFace = now;
  const wants = begun && isLooking() && now - lastFace > VACANT_MS;
  if (wants === rests) return;
  rests = wants;
  link.postMessage({ restMs: rests ? REST_MS : 0 });
}

/** What nobody sees is not drawn, and no camera is on for it. A kiosk's page is always there to be seen. */
function hide() {
  if (kiosk) return;
  link.postMessage({ hidden: document.hidden });
  if (settings.has_camera || asked.closed || !(begun || settings.gesture)) return;
  if (document.hidden) camera.stop(); else camera.start();
}

/** Where the server has the camera, what shows it asks for its pictures. */
async function fetchPicture() {
  if (!settings.has_camera || !(panel.open || steps.open) || !begun || !latest) return;
  const answer = await fetch("camera.jpg").catch(() => null);
  const thumb = answer?.status === 200 ? await createImageBitmap(await answer.blob()).catch(() => null) : null;
  if (thumb) see(thumb, { width: thumb.width, height: thumb.height }, latest.report.faces);
}

// ---- Keys, touch, pointer -----------------------------------------------------------------------------------------------

const narrow = matchMedia("(max-width: 999px)");

/** Opens or closes panel or steps; on a small screen one of them at a time. */
function open(what, isOpen) {
  const [id, other] = what === panel ? ["panel", steps] : ["steps", panel];
  if (isOpen && narrow.matches && other.open) open(other, false);
  const held = part(id).contains(document.activeElement);
  what.open = isOpen;
  press(`toggle-${id}`, isOpen);
  document.body.classList.toggle(`with-${id}`, isOpen);
  if (held && !isOpen) part(`toggle-${id}`).focus();
  refresh();
}

const hasWords = () => !document.body.classList.contains("plain");
function showWords(shown) {
  document.body.classList.toggle("plain", !shown);
  press("toggle-words", shown);
}

listen({
  p: () => begun && may("panel") && open(panel, !panel.open),
  s: () => begun && may("steps") && open(steps, !steps.open),
  h: () => begun && may("words") && !("words" in asked.values) && showWords(!hasWords()),
  f: toggleFullScreen,
  escape: () => begun && stop(),
}, [["toggle-panel", "p"], ["toggle-steps", "s"], ["toggle-words", "h"], ["toggle-full", "f"], ["stop", "escape"]]);
part("begin").addEventListener("click", begin);
matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", tell);
document.addEventListener("visibilitychange", hide);

/** Tells the style how large these are, as `--ID-wide` and `--ID-high`: what lies beside them leaves them room. */
function measure(...ids) {
  const { style } = document.documentElement;
  const observer = new ResizeObserver(sized => sized.forEach(({ target }) => {
    style.setProperty(`--${target.id}-wide`, `${target.offsetWidth}px`);
    style.setProperty(`--${target.id}-high`, `${target.offsetHeight}px`);
  }));
  for (const id of ids) observer.observe(part(id));
}

// ---- Up -----------------------------------------------------------------------------------------------------------------

await offerLanguages(refresh);
part("gesture").hidden = !settings.gesture;
part("again").hidden = !kiosk || settings.gesture;
part("permission").hidden = kiosk;
showMirror(false);
keepAwake(kiosk);
if (kiosk) {
  document.body.classList.add("kiosk");
  part("promise").hidden = false;
} else {
  offerFullScreen();
  if (innerWidth >= 1100 && may("panel")) open(panel, true);
}
hang(link, settings);
watch(beginAgain);
setInterval(fetchPicture, PANEL_PICTURE_MS);
measure("keys", "promise");
// What the desk asks for is known before a camera is opened: it may be closed.
if (settings.look) look(settings.look);
if (!wasClosed) comeUp();
if (document.hidden) hide();
tell();

/** For whoever looks in with the browser's console. */
globalThis.narcissus = {
  get report() { return latest?.report; },
  get controls() { return latest?.controls; },
  get performance() { return latest?.performance; },
  get awake() { return isAwake(); },
  get camera() { return camera.label; },
  get times() { return { ...times, dissolve: glass.dissolve }; },
  speed,
};
