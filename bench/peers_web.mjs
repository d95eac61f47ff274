// The default pack's generator as WebAssembly in Node, ours and onnxruntime-web's, one thread each, in turns:
//   packaging/web/module.sh && narcissus export --out /tmp/generator.onnx && npm install --prefix /tmp onnxruntime-web
// For relaxed SIMD, as browsers with threads have it: RUSTFLAGS="-C target-feature=+simd128,+relaxed-simd" cargo build --profile module
// --target wasm32-unknown-unknown -p wasm --lib, and node --experimental-wasm-relaxed-simd.
//   node bench/peers_web.mjs target/release/narcissus.wasm packs/office /tmp/generator.onnx [ROUNDS]
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { NOTHING, instance, median } from "../crates/wasm/tests/instance.mjs";

const [modulePath, pack, onnxPath, rounds = "30"] = process.argv.slice(2);
const ort = createRequire(`${dirname(onnxPath)}/x.js`)("onnxruntime-web");
ort.env.wasm.numThreads = 1;

const call = await instance(await WebAssembly.compile(await readFile(modulePath)), pack, ["generator.safetensors"]);
call("open_hand", NOTHING, 1, 1024);
const session = await ort.InferenceSession.create(await readFile(onnxPath), { executionProviders: ["wasm"] });

const size = 256, latent = Float32Array.from({ length: size }, (_, i) => Math.sin(12.9898 * i) * 1.4);
const request = Buffer.from(JSON.stringify({ epoch: 0, targets: [{ viewer: null, latent: [...latent] }] }));
const input = { [session.inputNames[0]]: new ort.Tensor("float32", latent, [1, size]) };
const took = { ours: [], theirs: [] };
for (let i = 0; i < Number(rounds) + 20; i++) {
  const began = performance.now();
  call("draw", request, i / 30);
  const between = performance.now();
  await session.run(input);
  // The first rounds compile.
  if (i >= 20) { took.ours.push(between - began); took.theirs.push(performance.now() - between); }
}
const [ours, theirs] = [median(took.ours), median(took.theirs)];
console.log(`narcissus ${ours.toFixed(1)} ms, onnxruntime-web ${theirs.toFixed(1)} ms: ${(theirs / ours).toFixed(1)} times as fast`);
