// Plays frames to the module and writes what it draws: node play.mjs MODULE PACK FRAME WIDTH HEIGHT COUNT. FRAME has four bytes a pixel; each
// is 1/30 s after the one before. Prints how long looking and drawing took, milliseconds, medians.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { NOTHING, instance, median } from "./instance.mjs";

const [modulePath, pack, framePath, ...sizes] = process.argv.slice(2), [width, height, count] = sizes.map(Number);
const module = await WebAssembly.compile(await readFile(modulePath)), frame = await readFile(framePath);
const HAND = ["generator.safetensors"], NEITHER = ["visitors.safetensors", "archive.safetensors"];
const EYES = (await readdir(pack)).filter(name => name.endsWith(".safetensors") && ![...HAND, ...NEITHER].includes(name));

const [eyes, hand] = [await instance(module, pack, EYES), await instance(module, pack, HAND)];
const took = { look: [], draw: [] };
eyes("open_eyes", NOTHING, 1);
hand("open_hand", NOTHING, 1, 1024);
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
console.log(`look ${median(took.look).toFixed(1)} ms, draw ${median(took.draw).toFixed(1)} ms`);
