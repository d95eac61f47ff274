// The page at /archive: a map of the members whose faces the mirror is made of, and where whoever stands before it lies.

import { ArchiveMap } from "./map.js";
import { label, nearness } from "./members.js";
import { Announcer } from "./verdict.js";
import { number, offerLanguages, preferred, say, speak, whenSpoken, write } from "./words.js";

const RETRY_MS = 700, ANNOUNCE_MS = 500, FAINT = "#6f6a61";
const part = id => document.getElementById(id);
const element = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

const answer = await fetch("archive.json");
const points = answer.ok ? await answer.json() : { x: [], y: [], source: [], year: [], gender: [] };
const member = i => ({ name: points.name?.[i], source: points.source[i], year: points.year[i] });
const map = new ArchiveMap(part("map"), i => label(member(i)));
map.points = points;
const announcer = new Announcer(part("status"));

/** A value's place in bands that begin at these numbers. */
const band = starts => value => (value === null ? null : starts.findLastIndex(start => value >= start));
const span = (starts, i, before, between, from) => {
  if (i === 0) return say(before, { n: starts[1] });
  return i === starts.length - 1 ? say(from, { n: starts[i] }) : say(between, { from: starts[i], to: starts[i + 1] - 1 });
};
const YEARS = [0, 1950, 1975, 1990, 2000, 2010, 2020], AGES = [0, 30, 40, 50, 60, 70];
const SOURCES = ["congress", "parliament", "fellows"], GENDERS = ["female", "male"];
const RAMP = ["#5b4b8a", "#4a6fa5", "#3f9d9b", "#6bb36b", "#b9c04f", "#e3a857", "#e8745a"];

/** By what the points may be coloured: what a member has of it (an index or `null`), the colours, and what each is called. */
const WAYS = {
  gender: { of: i => GENDERS.indexOf(points.gender[i]), colours: ["#e3a857", "#5f9ac4"], name: i => say(["woman", "man"][i]) },
  year: { of: i => band(YEARS)(points.year[i]), colours: RAMP, name: i => span(YEARS, i, "years_before", "years_between", "years_from") },
  skin: { of: i => points.skin[i], colours: ["#7a4b32", "#a06a45", "#c48d63", "#ddb28b", "#f3d9bd"], name: i => say("skin_band", { n: number(i + 1) }) },
  age: { of: i => band(AGES)(points.age[i]), colours: RAMP, name: i => span(AGES, i, "ages_before", "ages_between", "ages_from") },
  source: { of: i => SOURCES.indexOf(points.source[i]), colours: ["#e3a857", "#5f9ac4", "#d98fb0"], name: i => say(`source_${SOURCES[i]}`) },
};
const ways = Object.keys(WAYS).filter(way => points[way]);

/** Colours the points as it was chosen, and says what the colours mean. */
function paint() {
  const { of, colours, name } = WAYS[part("colour").value] ?? WAYS.source, kinds = points.x.map((_, i) => of(i));
  map.colours = kinds.map(kind => colours[kind] ?? FAINT);
  const there = [...new Set(kinds)].filter(kind => colours[kind]).sort((a, b) => a - b);
  const unknown = kinds.filter(kind => !colours[kind]).length;
  const counts = there.map(kind => [colours[kind], name(kind), kinds.filter(other => other === kind).length]);
  if (unknown) counts.push([FAINT, say("not_recorded"), unknown]);
  part("legend").replaceChildren(...counts.map(([colour, text, count]) => element("li", {}, swatch(colour), `${text} (${number(count)})`)));
}

function swatch(colour) {
  const [picture, dot] = ["svg", "circle"].map(tag => document.createElementNS("http://www.w3.org/2000/svg", tag));
  for (const [name, value] of Object.entries({ cx: 5, cy: 5, r: 5, fill: colour })) dot.setAttribute(name, value);
  picture.setAttribute("viewBox", "0 0 10 10");
  picture.setAttribute("aria-hidden", "true");
  picture.append(dot);
  return picture;
}

/** Points at a member. */
let chosen = null;
function choose(i) {
  chosen = i;
  map.chosen = i;
  write(part("named"), i === null ? say("archive_hint") : label(member(i)));
}

/** Those who stand before the mirror, and whom they lie nearest to. */
let viewers = [], isThere = true;
function tell() {
  map.stand(viewers);
  const list = ({ standing: { nearest } }) => element("ul", {}, ...nearest.map(one =>
    element("li", {}, label(one), element("small", { textContent: nearness(one) }))));
  const all = viewers.flatMap(viewer => [element("h2", { textContent: say("nearest") }), list(viewer)]);
  const told = all.length ? all : [element("p", { textContent: nobody() })];
  const shown = told.map(part => part.textContent).join("\n");
  if (shown !== part("viewers").dataset.shown) part("viewers").replaceChildren(...told);
  part("viewers").dataset.shown = shown;
}

const nobody = () => say(isThere ? "archive_nobody" : "server_gone");

/** A screen reader hears whom, not how near at every look. */
function announce() {
  const names = viewers.map(({ standing: { nearest } }) => nearest.map(label).join(", ")).join("; ");
  announcer.tell(names || nobody(), names ? `${say("nearest")}: ${names}` : nobody());
}

function listen() {
  const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/archive/ws`);
  socket.onopen = () => { isThere = true; };
  socket.onmessage = ({ data }) => {
    viewers = JSON.parse(data);
    tell();
  };
  socket.onclose = () => {
    [viewers, isThere] = [[], false];
    tell();
    setTimeout(listen, RETRY_MS);
  };
}

/** All words anew, as in another language. */
whenSpoken(() => {
  write(part("lead"), say("archive_lead", { n: number(points.x.length) }));
  const { value } = part("colour");
  part("colour").replaceChildren(...ways.map(way => element("option", { value: way, textContent: say(`colour_${way}`) })));
  part("colour").value = value || ways[0];
  paint();
  choose(chosen);
  tell();
});

part("colour").addEventListener("change", paint);
for (const name of ["pointermove", "pointerdown"]) part("map").addEventListener(name, event => choose(map.at(event.offsetX, event.offsetY)));
// A finger that is lifted leaves, too: what it touched stays.
part("map").addEventListener("pointerleave", event => event.pointerType === "touch" || choose(null));
part("map").addEventListener("keydown", event => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (event.key === "Escape") choose(null);
  if (!step || !points.x.length) return;
  event.preventDefault();
  const { order } = map, at = order.indexOf(chosen);
  choose(order[(at + step + order.length) % order.length]);
});
await speak(preferred());
await offerLanguages(() => {});
listen();
setInterval(announce, ANNOUNCE_MS);

/** For whoever looks in with the browser's console. */
globalThis.archive = { points, get viewers() { return viewers; }, get chosen() { return chosen; }, choose };
