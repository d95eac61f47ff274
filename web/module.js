// The way to a mirror that runs in this browser: two workers (half.js) with an instance of the WebAssembly module each. One looks while the
// other draws. Frames go to the first and nowhere else; crates/wasm/src/lib.rs says what the module takes and gives.

import { now } from "./clock.js";

// More threads share a picture of this size badly. Both halves work at the same time: each has half of the processors.
const MOST_THREADS = 4;
// A module of one function with a relaxed multiply-add: the module with threads has such operations, too.
const RELAXED = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 8, 1, 0x60, 3, 0x7b, 0x7b, 0x7b, 1, 0x7b, 3, 2, 1, 0,
  10, 13, 1, 11, 0, 0x20, 0, 0x20, 1, 0x20, 2, 0xfd, 0x85, 2, 0x0b,
);
// After this long without a frame everybody is forgotten, as by a server.
const SILENCE_MS = 2000;
const RETRY_MS = 700, AGAIN_MS = 7000, SPEED_MS = 5000;
const GENERATOR = "generator.safetensors", MANIFEST = "pack.toml";

export class Module {
  #site; #hear; #controls = "{}"; #parts = null; #halves = null; #isOpen = false;
  // What is to be drawn next, and whether something is being drawn and looked at.
  #request = null; #draws = false; #looks = false;
  #silence = 0; #isSilent = false;
  // What draws, if it is not the processor.
  #device = "";
  #analysed = []; #drawn = [];
  #since = now(); #mayUseCard = true; #mayShareMemory = globalThis.crossOriginIsolated;

  /** `site` is the entry `module` of settings.json; `hear` as a Socket has it, with `fetching(share)` and `failed(key)`. */
  constructor(site, hear) {
    this.#site = site;
    this.#hear = hear;
    this.#open();
  }

  get isOpen() { return this.#isOpen; }

  /** Whether a frame would be looked at now and its reflection be drawn next: what is looked at beyond that only takes time from drawing. */
  get isReady() { return this.#isOpen && !this.#looks && !this.#request; }

  tell(controls) {
    this.#controls = controls;
    if (this.#isOpen) this.#halves.eyes.postMessage({ controls });
  }

  picture(canvas) { return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer; }

  /** Two frames under way keep the eyes busy while the next picture is made: they have a core of their own. See socket.js. */
  get pace() { return { underWay: 2, rest: 0 }; }

  send({ seq, width, height, at }, pixels) {
    this.#looks = true;
    this.#isSilent = false;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#forget(), SILENCE_MS);
    this.#halves.eyes.postMessage({ look: { seq, width, height, at, pixels } }, pixels ? [pixels] : []);
  }

  /** Lets both halves forget everybody. */
  #forget() {
    this.#isSilent = true;
    this.#request = null;
    this.#halves.eyes.postMessage({ forget: true });
  }

  /** Something broke or does not answer: both halves begin anew, before nobody. */
  renew() {
    this.#end();
    this.#hear.closed();
    setTimeout(() => this.#open(), RETRY_MS);
  }

  /** With a worker end those that it began. */
  #end() {
    for (const half of Object.values(this.#halves ?? {})) half.terminate();
    this.#halves = null;
    this.#device = "";
    this.#isOpen = this.#draws = this.#looks = false;
    this.#request = null;
    clearTimeout(this.#silence);
  }

  async #open() {
    if (!globalThis.WebAssembly) return this.#hear.failed("cannot_run_here");
    const isShared = Boolean(this.#site.threads) && this.#mayShareMemory && WebAssembly.validate(RELAXED);
    const threads = isShared ? Math.max(1, Math.min(navigator.hardwareConcurrency >> 1, MOST_THREADS)) : 0;
    try {
      this.#parts ??= await this.#fetch(isShared);
    } catch (error) {
      // A browser that cannot compile the module will not learn to.
      if (error instanceof WebAssembly.CompileError) return this.#hear.failed("cannot_run_here");
      this.#hear.failed("not_fetched");
      return setTimeout(() => this.#open(), AGAIN_MS);
    }
    const { module, files } = this.#parts, { views, max_resolution: maxResolution, device = "cpu" } = this.#site;
    const isFor = { eyes: name => name !== GENERATOR, hand: name => name === GENERATOR || name === MANIFEST };
    const halves = this.#halves = {};
    const open = which => new Promise(opened => {
      const half = halves[which] = new Worker("half.js", { type: "module", name: which });
      half.onmessage = ({ data }) => {
        if (this.#halves !== halves) return;
        if (data.opened) return opened();
        if (data.broken) return this.#isOpen ? this.#broke(data.broken) : this.#failed(data.broken);
        this.#heard(data);
      };
      half.onerror = event => this.#halves === halves && this.#broke(event.message);
      const mine = files.filter(file => isFor[which](file.name));
      half.postMessage({ open: { which, module, threads, files: mine, views, maxResolution, device: this.#mayUseCard ? device : "cpu", since: this.#since } });
    });
    await Promise.all([open("eyes"), open("hand")]);
    if (this.#halves !== halves) return;
    this.#isOpen = true;
    this.#hear.opened();
    this.tell(this.#controls);
  }

  /** Module and pack, while it is told how much of them has come. */
  async #fetch(withThreads) {
    const code = withThreads ? this.#site.threads : this.#site.plain;
    const all = [code, ...this.#site.files], total = all.reduce((sum, file) => sum + file.bytes, 0);
    let came = 0;
    // One file that cannot be fetched ends the others too: what still came of them would be told over the failure.
    const stop = new AbortController(), { signal } = stop;
    const read = async ({ url, name, bytes: size }) => {
      const answer = await fetch(url, { signal });
      if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
      const bytes = new Uint8Array(size);
      let at = 0;
      for (const reader = answer.body.getReader(); ;) {
        const { value, done } = await reader.read();
        if (done) break;
        bytes.set(value, at);
        at += value.length;
        came += value.length;
        signal.throwIfAborted();
        this.#hear.fetching(came / total);
      }
      if (at !== size) throw new Error(`${url}: ${at} bytes, not ${size}`);
      return { name, bytes };
    };
    this.#hear.fetching(0);
    try {
      const [{ bytes }, ...files] = await Promise.all(all.map(read));
      return { module: await WebAssembly.compile(bytes), files };
    } finally {
      stop.abort();
    }
  }

  /** A frame broke the module: the next ones are seen by a new one. */
  #broke(why) {
    console.error(why);
    // What broke may have been what draws.
    this.#mayUseCard = false;
    this.#hear.answered({ type: "refused", seq: 0, error: why });
    this.renew();
  }

  /** It does not come up: a file is damaged, or there is less memory to share than the browser said. */
  #failed(why) {
    console.error(why);
    this.#mayShareMemory = false;
    this.#parts = null;
    this.#end();
    this.#hear.failed("not_fetched");
    setTimeout(() => this.#open(), AGAIN_MS);
  }

  #heard({ seen, drawn, refused, forgotten, device }) {
    if (device !== undefined) this.#device = device;
    if (forgotten) this.#halves.hand.postMessage({ forgotten });
    if (refused) {
      this.#looks = false;
      this.#hear.answered({ type: "refused", seq: refused.seq, error: refused.why });
    }
    if (seen) {
      this.#looks = false;
      const { seq, at, took, report, controls, request } = seen;
      count(this.#analysed, 0);
      this.#request = { seq, at, analyse: took, request };
      this.#hear.answered({ type: "analysed", seq, report, controls, performance: this.#performance() });
    }
    if (drawn) {
      this.#draws = false;
      const { seq, at, analyse, took: draw, picture, message } = drawn;
      if (picture && !this.#isSilent) {
        count(this.#drawn, now() - at);
        this.#halves.eyes.postMessage({ shown: message }, [message]);
        this.#hear.drawn({ order: seq, seq, picture, at, times: { analyse, draw, encode: 0 } });
      }
    }
    if (this.#draws || !this.#request) return;
    this.#draws = true;
    this.#halves.hand.postMessage({ draw: this.#request });
    this.#request = null;
    this.#hear.ready();
  }

  #performance() {
    const rate = list => list.length / SPEED_MS * 1000;
    const took = this.#drawn.map(entry => entry.took).sort((a, b) => a - b);
    const rank = q => took[Math.max(0, Math.ceil(took.length * q) - 1)] ?? 0;
    return {
      frames_per_second: rate(this.#analysed), pictures_per_second: rate(this.#drawn),
      latency_p50_ms: rank(0.5), latency_p95_ms: rank(0.95), device: this.#device,
    };
  }
}

/** Adds what happens now to a list of the last seconds. */
function count(list, took) {
  const at = now();
  list.push({ at, took });
  while (list[0].at < at - SPEED_MS) list.shift();
}
