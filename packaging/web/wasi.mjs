// Runs a test binary for WebAssembly (wasm32-wasip1) in Node: node --no-warnings wasi.mjs BINARY [ARGUMENTS].
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const args = process.argv.slice(2), env = process.env;
const wasi = new WASI({ version: "preview1", args, env, preopens: { "/": "/", ".": "." }, returnOnExit: true });
const { instance } = await WebAssembly.instantiate(await readFile(args[0]), wasi.getImportObject());
process.exitCode = wasi.start(instance);
