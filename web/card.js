// Draws with the graphics card, through WebGPU, what crate `gpu` plans: the same steps and shaders as the program's.

// A picture that takes longer will not come. The first may: some drivers translate shaders when they first run.
const PATIENCE_MS = 1500, FIRST_PATIENCE_MS = 20000;
const BUFFERS = ["latent", "sums", "even", "odd", "picture"];

export class Card {
  #device; #weights; #steps; #programs = new Map(); #pipelines = new Map(); #lost = "";

  /** What the browser calls it. */
  name;

  /** The browser's card; null where it has none, or only a software renderer and that may not be (`mayBeSoftware`). */
  static async open(mayBeSoftware) {
    const adapter = await globalThis.navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter || adapter.info.isFallbackAdapter && !mayBeSoftware) return null;
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
    const { description, vendor, architecture } = adapter.info;
    return new Card(device, description || [vendor, architecture].filter(Boolean).join(" ") || "WebGPU");
  }

  constructor(device, name) {
    this.#device = device;
    this.name = name;
    device.lost.then(({ message }) => { this.#lost = `the card was lost: ${message}`; });
    device.onuncapturederror = ({ error }) => { this.#lost ||= error.message; };
  }

  /** Takes a plan: its weights, and what gives the program of a picture of so many pixels a side: `latent_bytes` and `steps`. */
  load(weights, steps) {
    const { STORAGE, COPY_DST } = GPUBufferUsage;
    this.#weights = this.#device.createBuffer({ size: weights.length, usage: STORAGE | COPY_DST });
    this.#device.queue.writeBuffer(this.#weights, 0, weights);
    this.#steps = steps;
  }

  /** Red, green, blue and 255 of each pixel of a latent's picture. */
  async draw(latent, side) {
    const program = await this.#program(side), isFirst = !program.hasDrawn;
    this.#device.queue.writeBuffer(program.buffers.latent, 0, latent);
    const encoder = this.#device.createCommandEncoder(), pass = encoder.beginComputePass();
    for (const { pipeline, bindings, workgroups } of program.steps) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    encoder.copyBufferToBuffer(program.buffers.picture, 0, program.reading, 0, program.reading.size);
    this.#device.queue.submit([encoder.finish()]);

    await within(isFirst ? FIRST_PATIENCE_MS : PATIENCE_MS, program.reading.mapAsync(GPUMapMode.READ));
    if (this.#lost) throw new Error(this.#lost);
    const pixels = new Uint8Array(program.reading.getMappedRange()).slice();
    program.reading.unmap();
    program.hasDrawn = true;
    return pixels;
  }

  /** Draws a first picture of a size, which takes longer than others. */
  async prepare(side) {
    const { latentBytes } = await this.#program(side);
    await this.draw(new Float32Array(latentBytes / 4).fill(1), side);
  }

  /** All that pictures of a size take, made once. */
  #program(side) {
    if (!this.#programs.has(side)) this.#programs.set(side, this.#laidOut(this.#steps(side)));
    return this.#programs.get(side);
  }

  /** Pictures of all sizes have most of their steps in common. */
  #pipeline(label, code) {
    if (!this.#pipelines.has(code)) {
      const module = this.#device.createShaderModule({ label, code });
      this.#pipelines.set(code, this.#device.createComputePipelineAsync({ label, layout: "auto", compute: { module, entryPoint: "main" } }));
    }
    return this.#pipelines.get(code);
  }

  async #laidOut({ latent_bytes: latentBytes, steps }) {
    const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage, device = this.#device;
    const bytes = name => Math.max(16, ...steps.filter(step => step.output === name).map(step => step.output_bytes));
    const buffers = Object.fromEntries(BUFFERS.map(name => [name, device.createBuffer({
      size: name === "latent" ? latentBytes : bytes(name), usage: STORAGE | COPY_DST | COPY_SRC,
    })]));
    const reading = device.createBuffer({ size: bytes("picture"), usage: MAP_READ | COPY_DST });
    const laidOut = await Promise.all(steps.map(async ({ layer, shader, bindings, workgroups }) => {
      const pipeline = await this.#pipeline(layer, shader);
      const entries = bindings.map(([binding, { buffer, weights }]) => ({
        binding,
        resource: weights
          ? { buffer: this.#weights, offset: weights.start, size: weights.end - weights.start }
          : { buffer: buffers[buffer] },
      }));
      return { pipeline, workgroups, bindings: device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }) };
    }));
    return { latentBytes, buffers, reading, steps: laidOut, hasDrawn: false };
  }

  close() { this.#device.destroy(); }
}

function within(ms, promise) {
  let timer = 0;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no picture after ${ms} ms`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
