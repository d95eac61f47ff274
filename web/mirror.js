// The page: begins and ends, shows reflections, says what the machine says.

import { isAwake, keepAwake } from "./awake.js";
import { Camera } from "./camera.js";
import { Dissolve } from "./dissolve.js";
import { hang } from "./mounting.js";
import { Panel } from "./panel.js";
import { LANGUAGES, preferred, say, speak } from "./words.js";

const CLOSED_SECS = 3, EMPTY_MS = 15000, WORDS_MS = 1000, IDLE_MS = 3000, RECENT = 300, PANEL_PICTURE_MS = 500, SMOOTH = 384;
// From one frame without a picture to the next: as a mirror, and behind the welcome.
const DREAM_MS = 33, WAIT_MS = 80;
const VERSION = 2;
const part = id => document.getElementById(id);
const kiosk = location.hash === "#kiosk";

const fetchSettings = async () => (await fetch("settings.json")).json();
const settings = await fetchSettings();
const link = new Worker("link.js");
const troubles = { server: "", camera: "", picture: "" };
const camera = new Camera(link, key => trouble("camera", key && say(key)));
const panel = new Panel(settings.groups, tell);
let begun = false;

function trouble(where, text) {
  if (troubles[where] === text) return;
  troubles[where] = text;
  part("notice").textContent = troubles.server || (begun && (troubles.camera || troubles.picture)) || "";
}

/** Tells the worker, and through it the server, what is wanted. */
function tell() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const controls = { version: VERSION, ...(begun ? panel.controls : {}), calm, waiting: !begun };
  link.postMessage({ controls: JSON.stringify(controls), thumb: panel.open, emptyMs: begun ? DREAM_MS : WAIT_MS });
}

// ---- Begin and end ----------------------------------------------------------------------------------------------------

function begin() {
  begun = true;
  lastSomebody = performance.now();
  document.body.classList.add("begun");
  part("welcome").inert = true;
  keepAwake(true);
  if (!settings.has_camera) camera.start();
  trouble("camera", troubles.camera);
  tell();
}

function stop() {
  begun = false;
  document.body.classList.remove("begun");
  part("welcome").inert = false;
  keepAwake(kiosk);
  part("begin").focus();
  part("words").textContent = "";
  // The gesture needs the camera, which until then looks for closed eyes only.
  if (!settings.gesture) camera.stop();
  tell();
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
  if (report.state === "reflecting") lastSomebody = performance.now();
  if (begun && performance.now() - lastSomebody > EMPTY_MS) stop();
}

// ---- What is shown ----------------------------------------------------------------------------------------------------

// A dissolve moves nothing: it stays where less motion is wanted.
const dissolve = new Dissolve(paint);
let drawn = 0;
function show(seq, picture) {
  if (seq > drawn || drawn - seq > 1000) {
    drawn = seq;
    dissolve.show(picture);
    part("views").classList.add("there");
  } else {
    picture.close();
  }
}

function paint(picture, opacity) {
  const side = picture.height, count = Math.max(1, Math.round(picture.width / side));
  const views = part("views");
  while (views.children.length > count) views.lastChild.remove();
  while (views.children.length < count) {
    const view = document.createElement("div");
    view.append(document.createElement("canvas"));
    views.append(view);
  }
  views.style.setProperty("--count", count);
  // Enlarged in two steps, the first of which is smooth: the second alone shows the grid of pixels.
  const large = side < SMOOTH ? SMOOTH : side;
  views.querySelectorAll("canvas").forEach((canvas, i) => {
    const fresh = canvas.width !== large;
    if (fresh) canvas.width = canvas.height = large;
    const pen = canvas.getContext("2d", { alpha: false });
    pen.imageSmoothingQuality = "high";
    pen.globalAlpha = fresh ? 1 : opacity;
    pen.drawImage(picture, i * side, 0, side, side, 0, 0, large, large);
  });
}

/** Milliseconds from a picture's leaving the camera to its reflection on the canvas, and when that was; the newest ones. */
let recent = [];
function time(at) {
  const now = performance.timeOrigin + performance.now();
  recent.push({ took: now - at, at: now });
  if (recent.length > RECENT) recent.shift();
}

function speed() {
  const took = recent.map(r => r.took).sort((a, b) => a - b);
  const rank = q => (took.length ? took[Math.ceil(took.length * q) - 1] : 0);
  const span = recent.length > 1 ? recent.at(-1).at - recent[0].at : 0;
  const [rate, p50, p95] = [span ? (recent.length - 1) / span * 1000 : 0, rank(0.5), rank(0.95)];
  return { rate: rate.toFixed(1), p50: p50.toFixed(0), p95: p95.toFixed(0), exact: { rate, p50, p95 } };
}

let said = 0;
function describe(report) {
  if (performance.now() - said < WORDS_MS || !begun) return;
  said = performance.now();
  const viewers = report.views.map(view => report.faces.find(face => face.id === view.viewer)).filter(Boolean);
  const lines = viewers.map(({ age, gender }) => {
    const years = Object.fromEntries(Object.entries(age).map(([k, v]) => [k, Math.round(v)]));
    const sure = n => ({ n: Math.round(100 * n) });
    const sex = gender.label === "female" ? say("female_sure", sure(gender.female))
      : gender.label === "male" ? say("male_sure", sure(gender.male)) : say("unsure");
    return `${say("about_years", years)}\n${sex}`;
  });
  let text = "";
  if (lines.length) {
    text = [say("the_machine_says"), ...lines, say("numbers_left", { n: report.sizes.features })].join("\n");
  } else if (report.state === "dreaming") {
    text = say(report.faces.some(face => face.still) ? "still_face" : "nobody");
  }
  if (part("words").textContent !== text) part("words").textContent = text;
}

/** A page that is older than the server it finds again comes anew. */
async function checkVersion() {
  const { version } = await fetchSettings().catch(() => settings);
  if (version !== VERSION) location.reload();
}

let latest = null, times = null;
link.onmessage = ({ data }) => {
  if ("server" in data) {
    if (data.server && troubles.server) checkVersion();
    trouble("server", data.server ? "" : say("server_gone"));
    if (!data.server) {
      part("views").classList.remove("there");
      part("words").textContent = "";
      drawn = 0;
      dissolve.begin();
    }
  }
  if (data.stalled) camera.reopen();
  if (data.refused) trouble("picture", say("picture_refused", { why: data.refused }));
  if (data.drawn) {
    times = data.drawn.times;
    show(data.drawn.seq, data.drawn.picture);
    if (latest?.frame?.width || settings.has_camera) time(data.drawn.at);
  }
  if (!data.analysed) return;
  latest = data.analysed;
  const { report, thumb } = latest;
  trouble("picture", "");
  describe(report);
  gesture(report);
  const first = report.views.find(view => view.viewer !== null);
  if (panel.open) panel.show(latest, report.faces.find(face => face.id === first?.viewer), speed());
  else thumb?.close();
};

/** Where the server has the camera, the panel asks for its pictures. */
async function fetchPicture() {
  if (!settings.has_camera || !panel.open || !begun || !latest) return;
  const answer = await fetch("camera.jpg").catch(() => null);
  const thumb = answer?.status === 200 ? await createImageBitmap(await answer.blob()).catch(() => null) : null;
  if (!thumb) return;
  const { report } = latest, first = report.views.find(view => view.viewer !== null);
  const frame = { width: thumb.width, height: thumb.height };
  panel.show({ report, thumb, frame }, report.faces.find(face => face.id === first?.viewer), speed());
}

// ---- Keys, touch, pointer -----------------------------------------------------------------------------------------------

const keys = {
  p: () => { panel.open = !panel.open; },
  h: () => {
    const plain = document.body.classList.toggle("plain");
    part("toggle-words").setAttribute("aria-pressed", String(!plain));
  },
  escape: () => begun && stop(),
};

addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("select")) return;
  keys[event.key.toLowerCase()]?.();
});
for (const [id, key] of [["toggle-panel", "p"], ["toggle-words", "h"], ["stop", "escape"]]) {
  part(id).addEventListener("click", keys[key]);
}
part("begin").addEventListener("click", begin);
matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", tell);

let idle = 0;
function stir() {
  document.body.classList.remove("idle");
  clearTimeout(idle);
  idle = setTimeout(() => document.body.classList.add("idle"), IDLE_MS);
}
for (const kind of ["pointermove", "pointerdown", "keydown"]) addEventListener(kind, stir);

// ---- Up -----------------------------------------------------------------------------------------------------------------

const chosen = part("language");
for (const language of LANGUAGES) {
  const { name } = await (await fetch(`texts/${language}.json`)).json();
  chosen.append(Object.assign(document.createElement("option"), { value: language, textContent: name }));
}
chosen.value = preferred();
chosen.addEventListener("change", () => speak(chosen.value));
await speak(chosen.value);
part("gesture").hidden = !settings.gesture;
keepAwake(kiosk);
if (kiosk) {
  document.body.classList.add("kiosk");
  part("promise").hidden = false;
} else if (innerWidth >= 1100) {
  panel.open = true;
}
if (settings.gesture && !settings.has_camera) camera.start();
hang(link, settings);
stir();
setInterval(fetchPicture, PANEL_PICTURE_MS);
// An installation comes up by itself, its notice stays on the wall.
if (kiosk && !settings.gesture) begin();
tell();

/** For whoever looks in with the browser's console. */
globalThis.narcissus = {
  get report() { return latest?.report; },
  get controls() { return latest?.controls; },
  get performance() { return latest?.performance; },
  get awake() { return isAwake(); },
  get times() { return { ...times, dissolve: dissolve.length }; },
  speed: () => speed().exact,
};
