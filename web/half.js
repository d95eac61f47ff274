// A worker with one half of a mirror that runs in this browser (module.js): an instance of the WebAssembly module, and the workers that are
// its other threads. crates/wasm/src/lib.rs says what the module takes and gives.

import { Card } from "./card.js";
import { now } from "./clock.js";

const STACK_BYTES = 1 << 20;
// WebAssembly counts memory in pages of 64 KiB: what a shared one begins with, and how far it may grow.
const FIRST_PAGES = 512, MOST_PAGES = 16384;
const encoder = new TextEncoder(), decoder = new TextDecoder();
let instance = null, memory = null, began = 0;

onmessage = async ({ data }) => {
  try {
    if (data.open) await open(data.open);
    if (data.thread) await work(data.thread);
    if (data.controls) call("controls", encoder.encode(data.controls));
    if (data.look) look(data.look);
    if (data.shown) call("shown", new Uint8Array(data.shown));
    if (data.draw) await draw(data.draw);
    if (data.forget) postMessage({ forgotten: text(call("forget", NOTHING)) });
    if (data.forgotten) call("forget_drawn", NOTHING, BigInt(data.forgotten));
  } catch (error) {
    // After a trap the instance is of no use; its answer is the panic's words.
    const isTrap = error instanceof WebAssembly.RuntimeError, why = isTrap ? `${error.message}: ${text(answer())}` : error.message;
    // So it is where a picture cannot be had: nothing would ask for another.
    postMessage(isTrap || data.open || data.draw ? { broken: why } : { refused: { seq: data.look?.seq ?? 0, why } });
  }
};

// ---- Calls --------------------------------------------------------------------------------------------------------------

/** Calls a function of the module with a message; gives its answer. */
function call(name, message, ...values) {
  const exports = instance.exports, at = exports.room(message.length);
  // The memory may have moved.
  new Uint8Array(memory.buffer, at, message.length).set(message);
  if (exports[name](...values)) return answer();
  throw new Error(text(answer()));
}

/** A copy: the module's memory changes, and may be shared, which some functions of browsers do not take. */
function answer() {
  const { answer_at: at, answer_bytes: bytes } = instance.exports;
  return new Uint8Array(memory.buffer, at(), bytes()).slice();
}

const text = bytes => decoder.decode(bytes);
const NOTHING = new Uint8Array(0);

// ---- Beginning ------------------------------------------------------------------------------------------------------------

async function open({ which, module, threads, files, views, maxResolution, device, since }) {
  began = since;
  const isShared = threads > 0;
  memory = isShared ? new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES, shared: true }) : null;
  instance = await WebAssembly.instantiate(module, isShared ? { env: { memory } } : {});
  memory ??= instance.exports.memory;
  instance.exports.start();
  if (isShared) await startThreads(module, threads - 1);

  give(files);
  if (which === "eyes") call("open_eyes", NOTHING, views); else call("open_hand", NOTHING, views, maxResolution);
  postMessage({ opened: true });
  if (which === "hand" && device !== "cpu") await openCard(files, maxResolution, device === "gpu");
}

function give(files) {
  for (const { name, bytes } of files) {
    const encoded = encoder.encode(name), message = new Uint8Array(encoded.length + bytes.length);
    message.set(encoded);
    message.set(bytes, encoded.length);
    call("file", message, encoded.length);
  }
}

/** Each of the others has its stack and its thread-local values in the memory of all. */
async function startThreads(module, count) {
  const { reserve, __tls_size: size, start_threads: start } = instance.exports;
  const others = Array.from({ length: count }, () => new Worker("half.js", { type: "module", name: "thread" }));
  const ready = others.map(other => new Promise(resolve => {
    other.onmessage = resolve;
    const [stack, local] = [reserve(STACK_BYTES) + STACK_BYTES, reserve(Math.max(16, size.value))];
    other.postMessage({ thread: { module, memory, stack, local } });
  }));
  await Promise.all(ready);
  if (!start(count)) throw new Error("its threads do not start");
}

/** One of the other threads: works until its worker ends. */
async function work({ module, memory, stack, local }) {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  exports.__stack_pointer.value = stack;
  exports.__wasm_init_tls(local);
  postMessage({ ready: true });
  exports.work();
}

// ---- A frame --------------------------------------------------------------------------------------------------------------

const seconds = () => (now() - began) / 1000;

function look({ seq, width, height, at, pixels }) {
  const since = now();
  const seen = JSON.parse(text(call("look", pixels ? new Uint8Array(pixels) : NOTHING, width, height, seconds())));
  postMessage({ seen: { ...seen, seq, at, took: now() - since } });
}

async function draw({ seq, at, analyse, request }) {
  const since = now(), asked = encoder.encode(JSON.stringify(request)), then = seconds();
  const message = (mayCardDraw(request) && await byCard(asked, then)) || byProcessor(asked, then);
  if (message.length === 0) return postMessage({ drawn: { seq } });
  const took = now() - since, { said, rest } = parts(message);
  const picture = await createImageBitmap(new ImageData(new Uint8ClampedArray(message.buffer, rest.byteOffset), said.width, said.height));
  postMessage({ drawn: { seq, at, analyse, took, picture, message: message.buffer } }, [picture, message.buffer]);
}

function byProcessor(request, then) {
  const since = now(), message = call("draw", request, then);
  processorMs = [...processorMs.slice(1 - COMPARED), now() - since];
  return message;
}

/** A message's JSON, and what follows it. */
function parts(message) {
  const begins = 4 + new DataView(message.buffer, message.byteOffset).getUint32(0, true);
  return { said: JSON.parse(text(message.subarray(4, begins))), rest: message.subarray(begins) };
}

// ---- The graphics card ------------------------------------------------------------------------------------------------------

// Draws of the processor that the card is compared with.
const COMPARED = 5;
// The card's pictures are the processor's but for rounding: of their values this share at most may differ by more than this much.
const MAX_WRONG_SHARE = 0.01, ROUNDING = 4;
// `isProven`: it has drawn the processor's picture, and faster. What the processor took for draws of this size.
let card = null, mustDraw = false, isProven = false, processorMs = [], resolution;

/** Opens the card while the processor draws. */
async function openCard(files, maxResolution, must) {
  let opened = null;
  try {
    opened = await Card.open(must);
    if (!opened) return console.info("the processor draws: this browser has no graphics card for WebGPU");
    give(files);
    const weights = call("open_plan", NOTHING, maxResolution);
    opened.load(weights, side => JSON.parse(text(call("steps", NOTHING, side))));
    await opened.prepare(maxResolution);
    card = opened;
    mustDraw = must;
  } catch (error) {
    opened?.close();
    // After a trap the whole half begins anew.
    if (error instanceof WebAssembly.RuntimeError) throw error;
    console.warn(`the processor draws: ${error.message}`);
  }
}

/** Whether it is the card's turn: always once it is proven; before, as soon as there is something to compare it with. */
function mayCardDraw(request) {
  if (request.resolution !== resolution) [resolution, processorMs] = [request.resolution, []];
  return Boolean(card) && (isProven || mustDraw || processorMs.length === COMPARED);
}

/** What the card draws; null where it cannot, and then it is not asked again. */
async function byCard(request, then) {
  try {
    const since = now(), message = await painted(request, then);
    if (!isProven && message.length > 0) await prove(message, now() - since, request, then);
    return message;
  } catch (error) {
    letGo(error.message);
    if (error instanceof WebAssembly.RuntimeError) throw error;
    return null;
  }
}

/** Throws unless the card drew, of the same moment, what the processor draws, and, if it need not draw, faster. */
async function prove(message, took, request, then) {
  // Some drivers compute what is wrong and say nothing.
  call("due", request, then);
  const wrong = difference(parts(message).rest, parts(call("paint", NOTHING)).rest);
  if (wrong > MAX_WRONG_SHARE) throw new Error(`${(100 * wrong).toFixed(1)} % of what ${card.name} draws is wrong`);
  const median = processorMs.toSorted((a, b) => a - b)[processorMs.length >> 1];
  if (!mustDraw && took >= median) {
    // The first of a size takes longer.
    const since = now();
    await painted(request, then);
    const again = now() - since;
    if (again >= median) throw new Error(`${card.name} takes ${again.toFixed(1)} ms, the processor ${median.toFixed(1)}`);
  }
  isProven = true;
  postMessage({ device: card.name });
}

async function painted(request, then) {
  const { said: { sides }, rest: latents } = parts(call("due", request, then)), size = latents.length / sides.length;
  const pictures = new Uint8Array(sides.reduce((sum, side) => sum + 4 * side * side, 0));
  let at = 0;
  for (const [i, side] of sides.entries()) {
    pictures.set(await card.draw(latents.subarray(i * size, (i + 1) * size), side), at);
    at += 4 * side * side;
  }
  return call("painted", pictures);
}

/** The share of red, green and blue values that are further apart than rounding makes them. */
function difference(a, b) {
  return a.reduce((sum, value, i) => sum + (Math.abs(value - b[i]) > ROUNDING), 0) / (a.length * 3 / 4);
}

function letGo(why) {
  console.warn(`the processor draws: ${why}`);
  card.close();
  card = null;
  postMessage({ device: "" });
}
