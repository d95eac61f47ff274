// The way to a mirror that is a server. The messages are described in crates/mirror/src/live/protocol/mod.rs; all numbers of a header
// are little endian.

import { now } from "./clock.js";

const VERSION = 2, HEADER = 16, PICTURE_HEADER = 28, RETRY_MS = 700;

export class Socket {
  // How many pictures came: each takes a moment to be read, and none is shown after a later one.
  #hear; #socket = null; #controls = "{}"; #pictures = 0;

  /** `hear` has `opened()`, `closed()`, `answered(answer)` and `drawn(picture)`. */
  constructor(hear) {
    this.#hear = hear;
    this.#connect();
  }

  /**
   * How many frames may be under way, and for how many times as long as an answer takes the next one waits. The server draws while it does not look: of
   * two cores the eyes may take a third of the time, or reflections would come too seldom. A frame that waits here is exchanged for a newer one.
   */
  get pace() { return { underWay: 1, rest: 2 }; }

  get isOpen() { return this.#socket?.readyState === WebSocket.OPEN; }

  get isReady() { return this.isOpen; }

  /** Says how the next frames are to be reflected, now and after each new connection. */
  tell(controls) {
    this.#controls = controls;
    if (this.isOpen) this.#socket.send(controls);
  }

  /** What goes with a frame. */
  picture(canvas) { return canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 }); }

  /** `picture` is null of a frame without one. */
  send({ seq, width, height, at }, picture) {
    const header = new DataView(new ArrayBuffer(HEADER));
    header.setUint16(0, 0x4d46);
    header.setUint8(2, VERSION);
    header.setUint32(4, seq, true);
    header.setUint16(8, width, true);
    header.setUint16(10, height, true);
    header.setUint32(12, (at * 1000) % 2 ** 32, true);
    this.#socket.send(picture ? new Blob([header.buffer, picture]) : header.buffer);
  }

  /** It does not answer: after a sleep a connection may look open though nobody is at its other end. */
  renew() { this.#socket?.close(); }

  #connect() {
    const mine = this.#socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws`);
    mine.binaryType = "arraybuffer";
    mine.onopen = () => {
      mine.send(this.#controls);
      this.#hear.opened();
    };
    mine.onmessage = ({ data }) => (typeof data === "string" ? this.#hear.answered(JSON.parse(data)) : this.#draw(data));
    mine.onclose = () => {
      this.#socket = null;
      this.#hear.closed();
      setTimeout(() => this.#connect(), RETRY_MS);
    };
  }

  async #draw(data) {
    const order = ++this.#pictures;
    const view = new DataView(data), [analyse, draw, encode] = [16, 20, 24].map(at => view.getUint32(at, true) / 1000);
    const came = now(), age = ((came * 1000 - view.getUint32(12, true)) % 2 ** 32 + 2 ** 32) % 2 ** 32 / 1000;
    const jpeg = new Blob([data.slice(PICTURE_HEADER)], { type: "image/jpeg" });
    const picture = await createImageBitmap(jpeg).catch(() => null);
    if (picture) this.#hear.drawn({ order, seq: view.getUint32(4, true), picture, at: came - age, times: { analyse, draw, encode } });
  }
}
