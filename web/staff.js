// The staff's page: how the mirror does, once a second, and what of it can be set from a telephone.

import { number, offerLanguages, percent, preferred, say, speak, spoken, whenSpoken, write } from "./words.js";

const LOOK_MS = 1000, PATIENCE_MS = 5000;
const part = id => document.getElementById(id);
let status = null, isGone = false, isHeld = false;

// ---- What it says -----------------------------------------------------------------------------------------------------

function show() {
  const state = isGone ? "staff_gone" : status ? `staff_${status.state}` : "";
  write(part("state"), state && say(state));
  const isIll = isGone || status?.state === "stuck";
  document.body.classList.toggle("ill", isIll);
  document.body.classList.toggle("well", !isIll && Boolean(status) && status.state !== "unseen");
  if (!status) return;
  figures();
  troubles();
  desk();
}

function figures() {
  const { performance: speed, pages, up_secs: up, memory_bytes: memory, temperature } = status, none = "–";
  const rows = [
    ["time_rate", number(speed.pictures_per_second, 1)],
    ["staff_latency", say("milliseconds", { n: number(speed.latency_p50_ms) })],
    ["staff_temperature", temperature === null ? none : `${number(temperature)} °C`],
    ["staff_memory", memory === null ? none : `${number(memory / 1e6)} MB`],
    ["staff_pages", number(pages)],
    ["staff_up", since(up)],
  ];
  const list = part("figures");
  rows.forEach(([key, text], i) => {
    const at = 2 * i;
    while (list.children.length < at + 2) list.append(document.createElement(list.children.length % 2 ? "dd" : "dt"));
    write(list.children[at], say(key));
    write(list.children[at + 1], text);
  });
}

/** Days, hours and minutes. */
function since(secs) {
  const parts = [["day", Math.floor(secs / 86400)], ["hour", Math.floor(secs / 3600) % 24], ["minute", Math.floor(secs / 60) % 60]];
  const unit = ([unit, n]) => n.toLocaleString(spoken(), { style: "unit", unit, unitDisplay: "short" });
  const begun = parts.findIndex(([, n]) => n > 0);
  return (begun < 0 ? parts.slice(2) : parts.slice(begun, begun + 2)).map(unit).join(" ");
}

let shownTroubles = "";
function troubles() {
  const key = JSON.stringify([status.troubles, spoken()]);
  if (key === shownTroubles) return;
  shownTroubles = key;
  const element = (tag, textContent) => Object.assign(document.createElement(tag), { textContent });
  const item = ({ at, text }) => {
    const line = document.createElement("li");
    line.append(element("time", new Date(at * 1000).toLocaleString(spoken())), text);
    return line;
  };
  part("troubles").replaceChildren(...(status.troubles.length ? status.troubles.toReversed().map(item) : [element("li", say("staff_no_troubles"))]));
}

function desk() {
  const { look, languages } = status;
  part("desk").hidden = !look;
  if (!look) return;
  const { values, scenes } = look, dim = values.dim ?? 0;
  if (!isHeld) part("dim").value = Math.round(100 * dim);
  write(part("dim-value"), percent(Number(part("dim").value) / 100));
  part("blackout").setAttribute("aria-pressed", String(Boolean(values.blackout)));
  options(part("scene"), [["", "–"], ...scenes.map(({ name }) => [name, name])], values.scene ?? "");
  const named = tag => new Intl.DisplayNames(tag, { type: "language" }).of(tag);
  options(part("shown-language"), [["", say("staff_as_the_visitor_likes")], ...languages.map(tag => [tag, named(tag)])], values.language ?? "");
  part("release").disabled = Object.keys(values).length === 0;
}

/** Fills a list where it has changed, and chooses of it, unless somebody is about to. */
function options(list, wanted, value) {
  const key = JSON.stringify(wanted);
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...wanted.map(([value, text]) => Object.assign(document.createElement("option"), { value, textContent: text })));
  }
  if (document.activeElement !== list) list.value = value;
}

// ---- What it asks -----------------------------------------------------------------------------------------------------

const ask = (method, path) => fetch(path, { method, signal: AbortSignal.timeout(PATIENCE_MS) });
const set = (name, value) => (value === "" ? ask("DELETE", `controls/${name}`) : ask("POST", `controls/${name}?value=${encodeURIComponent(value)}`)).then(look, look);

async function look() {
  try {
    const answer = await ask("GET", "status.json");
    if (!answer.ok) throw new Error(answer.status);
    status = await answer.json();
    isGone = false;
  } catch {
    isGone = true;
  }
  show();
}

part("dim").addEventListener("input", () => {
  isHeld = true;
  write(part("dim-value"), percent(Number(part("dim").value) / 100));
});
part("dim").addEventListener("change", () => {
  const value = part("dim").value / 100;
  set("dim", value || "").then(() => { isHeld = false; });
});
part("blackout").addEventListener("click", () => set("blackout", status?.look?.values.blackout ? "" : "on"));
for (const [id, name] of [["scene", "scene"], ["shown-language", "language"]]) {
  part(id).addEventListener("change", () => { part(id).blur(); set(name, part(id).value); });
}
part("release").addEventListener("click", () => ask("DELETE", "controls").then(look, look));

/** A second touch is asked for. */
function doubt(shown) {
  part("sure").hidden = !shown;
  part("restart").hidden = shown;
  (shown ? part("no") : part("restart")).focus();
}
part("restart").addEventListener("click", () => doubt(true));
part("no").addEventListener("click", () => doubt(false));
part("yes").addEventListener("click", () => { doubt(false); ask("POST", "restart").then(look, look); });

whenSpoken(() => { shownTroubles = ""; show(); });
await speak(preferred());
await offerLanguages(() => {});
await look();
setInterval(() => document.hidden || look(), LOOK_MS);
