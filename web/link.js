// A worker: the camera's pictures to the mirror, answers and reflections back. The mirror is a server (socket.js), or runs in this browser
// (module.js).

import { now } from "./clock.js";
import { Module } from "./module.js";
import { Socket } from "./socket.js";

const WIDTH = 640, THUMB = 320;
const PATIENCE_MS = 2000, DEAF_MS = 10000, STALL_MS = 2000;
// No camera is looked through more than 30 times a second; its pictures come a little early or late.
const LEAST_MS = 33, EARLY_MS = 8;
// The mirror is let rest between two frames, but it does not lose sight of whoever moves.
const SELDOM_MS = 80;

let mirror = null, seq = 0;
let underWay = [];        // Frames that wait for their answer, oldest first.
let newest = null;        // The picture that goes next; a newer one takes its place.
let making = false, showsThumb = false, isHidden = false;
let reader = null, lastPicture = 0, lastAnswer = 0, unanswered = null;
let mounting = { quarters: 0, mirror: true };   // Quarters clockwise, then left and right exchanged.
let emptyMs = 0;          // From one frame without a picture to the next, while there is no camera; 0: none.
let isOn = false;         // Whether a camera gives pictures, or should.
let restMs = 0;           // From one picture to the next, at least: before an empty room the mirror looks less often.
let lastTaken = 0;
let readyAt = 0, waiting = 0;   // When the mirror wants the next frame.

onmessage = ({ data }) => {
  if ("open" in data) open(data.open);
  if ("pictures" in data) {
    isOn = Boolean(data.pictures);
    read(data.pictures);
  }
  if (data.picture) {
    isOn = true;
    take(data.picture);
  }
  if (data.controls) mirror.tell(data.controls);
  if (data.mounting) mounting = data.mounting;
  if ("thumb" in data) showsThumb = data.thumb;
  if ("emptyMs" in data) emptyMs = data.emptyMs;
  if ("restMs" in data) restMs = data.restMs;
  if ("hidden" in data) isHidden = data.hidden;
};

// ---- From the camera --------------------------------------------------------------------------------------------------

async function read(pictures) {
  reader?.cancel().catch(() => {});
  const mine = reader = pictures?.getReader() ?? null;
  newest?.close();
  newest = null;
  lastPicture = now();
  while (mine && mine === reader) {
    const { value, done } = await mine.read().catch(() => ({ done: true }));
    if (done) break;
    if (mine === reader) take(value); else value.close();
  }
}

function take(picture) {
  lastPicture = now();
  if (isHidden || lastPicture - lastTaken < Math.max(restMs, LEAST_MS) - EARLY_MS) return picture.close();
  newest?.close();
  newest = picture;
  newest.at = lastTaken = lastPicture;
  send();
}

/** Frames that wait for no answer any more. */
function forget(which) {
  for (const frame of underWay) if (which(frame)) frame.thumb?.close();
  underWay = underWay.filter(frame => !which(frame));
}

// ---- To the mirror -------------------------------------------------------------------------------------------------------

// Read at every frame: kept where it can read.
const ON_THE_CPU = { alpha: false, willReadFrequently: true };
const canvas = new OffscreenCanvas(1, 1), pen = canvas.getContext("2d", ON_THE_CPU);

async function send() {
  if (making || !newest || !mirror?.isReady) return;
  forget(frame => now() - frame.at >= PATIENCE_MS);
  if (underWay.length >= mirror.pace.underWay) return;
  const wait = readyAt - now();
  if (wait > 0) {
    clearTimeout(waiting);
    waiting = setTimeout(send, wait);
    return;
  }
  making = true;
  const picture = newest;
  newest = null;
  try {
    const [w, h] = [picture.displayWidth ?? picture.width, picture.displayHeight ?? picture.height];
    const scale = Math.min(1, WIDTH / Math.max(w, h));
    const [width, height] = [w, h].map(side => Math.max(1, Math.round(side * scale)));
    const upright = mounting.quarters % 2 ? { width: height, height: width } : { width, height };
    if (canvas.width !== upright.width || canvas.height !== upright.height) Object.assign(canvas, upright);
    await paint(picture, width, height);
    const frame = { seq: ++seq, at: picture.at, ...upright, thumb: showsThumb && seq % 2 ? await thumbnail() : null };
    const made = await mirror.picture(canvas);
    if (mirror.isReady) post(frame, made);
  } finally {
    picture.close();
    making = false;
  }
  send();
}

// The picture is turned, and mirrored, before the machine looks: box and landmarks then fit what is shown.
let pixels = null;
async function paint(picture, width, height) {
  const whole = picture.visibleRect;
  if (whole?.width !== width || whole.height !== height || !await copy(picture, width, height)) {
    // The columns of the matrix: where a step to the right and a step down lead; last, where the top left corner comes to lie.
    const [a, b, c, d, e, f] = [
      [1, 0, 0, 1, 0, 0], [0, 1, -1, 0, height, 0], [-1, 0, 0, -1, width, height], [0, -1, 1, 0, 0, width],
    ][mounting.quarters];
    pen.setTransform(...(mounting.mirror ? [-a, b, -c, d, canvas.width - e, f] : [a, b, c, d, e, f]));
    pen.drawImage(picture, 0, 0, width, height);
  }
}

/** As drawing it, but Chromium keeps hundreds of frames that were drawn for a while, and none that was copied. */
async function copy(frame, width, height) {
  if (pixels?.width !== width || pixels.height !== height) pixels = new ImageData(width, height);
  try {
    await frame.copyTo(pixels.data, { format: "RGBA" });
  } catch {
    return false;
  }
  pen.putImageData(upright(pixels), 0, 0);
  return true;
}

let turned = null;
function upright(picture) {
  const { quarters, mirror } = mounting, { width, height } = picture;
  const from = new Uint32Array(picture.data.buffer);
  if (quarters === 0) {
    if (mirror) for (let y = 0; y < height; y++) from.subarray(y * width, (y + 1) * width).reverse();
    return picture;
  }
  const [w, h] = quarters % 2 ? [height, width] : [width, height];
  if (turned?.width !== w || turned.height !== h) turned = new ImageData(w, h);
  const to = new Uint32Array(turned.data.buffer);
  // Where the first pixel comes from, and what a step to the right and a step down mean there.
  const [first, right, down] = [
    null, [(height - 1) * width, -width, 1], [width * height - 1, -1, -width], [width - 1, width, -1],
  ][quarters];
  for (let y = 0, at = 0; y < h; y++) {
    let source = first + y * down + (mirror ? (w - 1) * right : 0);
    for (let x = 0; x < w; x++, source += mirror ? -right : right) to[at++] = from[source];
  }
  return turned;
}

// One canvas for all: what each new one holds is let go of late.
const small = new OffscreenCanvas(1, 1), smallPen = small.getContext("2d", ON_THE_CPU);

function thumbnail() {
  const scale = Math.min(1, THUMB / canvas.width);
  const [width, height] = [Math.round(canvas.width * scale), Math.round(canvas.height * scale)];
  if (small.width !== width || small.height !== height) [small.width, small.height] = [width, height];
  smallPen.drawImage(canvas, 0, 0, width, height);
  return createImageBitmap(small);
}

function post(frame, made) {
  frame.sent = now();
  // Since when the mirror owes an answer: frames that take too long are forgotten one by one, and that it is silent is not.
  unanswered ??= frame.sent;
  underWay.push(frame);
  mirror.send(frame, made);
}

function sendEmpty() {
  if (!emptyMs || isHidden || !mirror?.isReady || underWay.length) return;
  const at = now();
  if (at - lastPicture < 300) return;
  post({ seq: ++seq, at, width: 0, height: 0, thumb: null }, null);
}

// ---- And back -----------------------------------------------------------------------------------------------------------

/** `module` says where the module and the pack are, if the mirror is to run in this browser. */
function open(module) {
  const hear = {
    opened() {
      forget(() => true);
      lastAnswer = now();
      unanswered = null;
      postMessage({ server: true });
    },
    closed: () => postMessage({ server: false }),
    fetching: share => postMessage({ fetching: share }),
    failed: key => postMessage({ failed: key }),
    ready: send,
    answered,
    drawn,
  };
  mirror = module ? new Module(module, hear) : new Socket(hear);
}

function answered(answer) {
  lastAnswer = now();
  unanswered = null;
  if (answer.type === "look") return postMessage({ look: answer });
  const { type, seq: which } = answer;
  const frame = underWay.find(f => f.seq === which);
  if (frame) readyAt = Math.min(now() + mirror.pace.rest * (now() - frame.sent), frame.sent + SELDOM_MS);
  const thumb = type === "analysed" && frame?.thumb || null;
  if (thumb) frame.thumb = null;
  // An answer acknowledges every older frame; one that was skipped may be answered before an older one.
  forget(f => (type === "skipped" ? f.seq === which : f.seq <= which));
  send();
  if (type === "refused") postMessage({ refused: answer.error });
  if (type !== "analysed") return;
  const of = frame && { at: frame.at, width: frame.width, height: frame.height };
  const { report, controls, performance } = answer;
  postMessage({ analysed: { report, controls, performance, thumb, frame: of } }, thumb ? [thumb] : []);
}

function drawn(drawn) {
  lastAnswer = now();
  postMessage({ drawn }, [drawn.picture]);
}

setInterval(() => {
  const at = now();
  if (mirror?.isOpen && unanswered !== null && at - Math.max(lastAnswer, unanswered) > DEAF_MS) mirror.renew();
  if (isOn && at - lastPicture > STALL_MS) { lastPicture = at; postMessage({ stalled: true }); }
}, 500);

let lastEmpty = 0;
setInterval(() => {
  if (now() - lastEmpty < Math.max(emptyMs, restMs) - 4) return;
  lastEmpty = now();
  sendEmpty();
}, 16);
