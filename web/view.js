// The reflection alone, as the mirror draws it for whoever stands before it: for a second screen, a projector, or another program's browser.
// The address says what of it is shown, and how:
//   only=2             the second reflection alone
//   crop=10,0,80,100   of each reflection what lies from 10 % and 0 % on, 80 % wide and 100 % high
//   shape=round        within a circle, or an ellipse where it is cropped
//   fit=cover          fills the window, and is cut where that has another shape
//   background=transparent, background=ff0080    what lies around it, black otherwise

import { Dissolve } from "./dissolve.js";

const RETRY_MS = 700;
// Reflections smaller than this are enlarged in two steps, the first of which is smooth.
const SMOOTH = 384;
const part = id => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const wrong = [];

/** One of a list's words. */
function word(name, words) {
  const value = asked.get(name) ?? words[0];
  if (!words.includes(value)) wrong.push(`${name}=${value}: expected ${words.join(" or ")}`);
  return value;
}

function crop() {
  const text = asked.get("crop") ?? "0,0,100,100", [x, y, w, h] = text.split(",").map(n => Number(n) / 100);
  if (x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 1 && y + h <= 1) return { x, y, w, h };
  wrong.push(`crop=${text}: expected left,top,width,height in per cent`);
  return { x: 0, y: 0, w: 1, h: 1 };
}

function background() {
  const text = asked.get("background") ?? "000000";
  if (text === "transparent") return text;
  if (/^[0-9a-f]{6}$/i.test(text)) return `#${text}`;
  wrong.push(`background=${text}: expected transparent or six hexadecimal digits`);
  return "#000000";
}

function only() {
  if (!asked.has("only")) return null;
  const n = Number(asked.get("only"));
  if (Number.isInteger(n) && n >= 1 && n <= 6) return n - 1;
  wrong.push(`only=${asked.get("only")}: expected 1 to 6`);
  return null;
}

const cut = crop(), which = only(), { style } = document.documentElement;
part("reflections").classList.toggle("round", word("shape", ["square", "round"]) === "round");
part("reflections").classList.toggle("cover", word("fit", ["contain", "cover"]) === "cover");
style.setProperty("--background", background());
style.setProperty("--shape", cut.w / cut.h);
for (const name of asked.keys()) {
  if (!["only", "crop", "shape", "fit", "background", "token"].includes(name)) wrong.push(`${name}: expected only, crop, shape, fit or background`);
}
part("wrong").hidden = wrong.length === 0;
part("wrong").textContent = wrong.join("; ");

/** As many canvases as there are reflections to show. */
function canvases(count) {
  const all = part("reflections");
  while (all.children.length > count) all.lastChild.remove();
  while (all.children.length < count) all.append(document.createElement("canvas"));
  style.setProperty("--across", count);
  return all.children;
}

function paint(picture, opacity) {
  const side = picture.height, count = Math.max(1, Math.round(picture.width / side));
  const shown = which === null ? [...Array(count).keys()] : [which].filter(i => i < count);
  const large = side < SMOOTH ? SMOOTH : side;
  const [width, height] = [cut.w, cut.h].map(share => Math.max(1, Math.round(share * large)));
  [...canvases(shown.length)].forEach((canvas, i) => {
    const fresh = canvas.width !== width || canvas.height !== height;
    if (fresh) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.globalAlpha = fresh ? 1 : opacity;
    pen.drawImage(picture, (shown[i] + cut.x) * side, cut.y * side, cut.w * side, cut.h * side, 0, 0, width, height);
  });
}

const dissolve = new Dissolve(paint);
let pictures = 0;

function connect() {
  const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/view/ws`);
  socket.binaryType = "blob";
  socket.onmessage = async ({ data }) => {
    if (typeof data === "string") return style.setProperty("--dim", JSON.parse(data).dim);
    const picture = await createImageBitmap(new Blob([data], { type: "image/jpeg" })).catch(() => null);
    if (!picture) return;
    pictures++;
    dissolve.show(picture);
  };
  // What was there last stays: a mirror that starts anew is back in a moment.
  socket.onclose = () => setTimeout(connect, RETRY_MS);
}
connect();

/** For whoever looks in with the browser's console. */
globalThis.view = { get pictures() { return pictures; }, get wrong() { return wrong; } };
