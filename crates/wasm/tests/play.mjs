// Plays frames to the module and writes what it draws: node play.mjs MODULE PACK FRAME WIDTH HEIGHT COUNT. FRAME has four bytes a pixel; each
// is 1/30 s after the one before. Prints how long looking and drawing took, milliseconds, medians.
import { readFile, writeFile } from "node:fs/promises";

const [modulePath, pack, framePath, ...sizes] = process.argv.slice(2), [width, height, count] = sizes.map(Number);
const module = await WebAssembly.compile(await readFile(modulePath)), frame = await readFile(framePath);
const EYES = ["detector", "landmarks", "attributes", "inverter"].map(net => `${net}.safetensors`), HAND = ["generator.safetensors"];

async function half(files) {
  const { exports } = await WebAssembly.instantiate(module, {});
  const call = (name, message, ...values) => {
    const at = exports.room(message.length);
    new Uint8Array(exports.memory.buffer, at, message.length).set(message);
    const isWell = exports[name](...values);
    const answer = Buffer.from(new Uint8Array(exports.memory.buffer, exports.answer_at(), exports.answer_bytes()));
    if (!isWell) throw new Error(`${name}: ${answer}`);
    return answer;
  };
  exports.start();
  for (const name of ["pack.toml", ...files]) call("file", Buffer.concat([Buffer.from(name), await readFile(`${pack}/${name}`)]), name.length);
  return call;
}

const eyes = await half(EYES), hand = await half(HAND), none = Buffer.alloc(0), took = { look: [], draw: [] };
eyes("open_eyes", none, 1);
hand("open_hand", none, 1, 1024);
const timed = (what, f) => {
  const began = performance.now(), result = f();
  took[what].push(performance.now() - began);
  return result;
};
let drawn;
for (let i = 0; i < count; i++) {
  const seen = JSON.parse(timed("look", () => eyes("look", frame, width, height, i / 30)));
  drawn = timed("draw", () => hand("draw", Buffer.from(JSON.stringify(seen.request)), i / 30));
  eyes("shown", drawn);
}
await writeFile(`${framePath}.drawn`, drawn);
const median = values => values.sort((a, b) => a - b)[values.length >> 1].toFixed(1);
console.log(`look ${median(took.look)} ms, draw ${median(took.draw)} ms`);
