// An instance of the module in Node. See crates/wasm/src/lib.rs for its functions.
import { readFile } from "node:fs/promises";

/** Gives `call(name, message, ...values)` of a new instance, which has the manifest and these files of a pack; an answer is a Buffer. */
export async function instance(module, pack, files) {
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
  for (const name of ["pack.toml", ...files]) {
    call("file", Buffer.concat([Buffer.from(name), await readFile(`${pack}/${name}`)]), name.length);
  }
  return call;
}

export const NOTHING = Buffer.alloc(0);

export const median = values => [...values].sort((a, b) => a - b)[values.length >> 1];
