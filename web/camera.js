// The browser's camera: opens it, finds it again when it is gone, and hands its pictures to the worker.

const RETRY_MS = 3000, WIDTH = 640, HEIGHT = 480;

/** There are cameras, and none is called so. */
class NoneCalledSo extends Error {}

/**
 * Pictures go to `link`; `trouble` hears the key of what is wrong, or "", and what its text names. `name` is a part of the camera's name, or ""
 * for the one that the browser takes.
 */
export class Camera {
  #link; #name; #trouble; #stream = null; #wanted = false; #retry = 0;

  constructor(link, name, trouble) {
    this.#link = link;
    this.#name = name;
    this.#trouble = trouble;
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#wanted && !this.#stream && this.#open());
  }

  /** What the camera that is on is called; "" of none. */
  get label() {
    return this.#stream?.getVideoTracks()[0].label ?? "";
  }

  start() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#open();
  }

  stop() {
    this.#wanted = false;
    this.#close();
    this.#trouble("");
  }

  /** The pictures have stopped though the camera seems to be there: a laptop slept, or a driver hangs. */
  reopen() {
    if (!this.#stream) return;
    this.#close();
    this.#later("camera_stalled");
  }

  #close() {
    clearTimeout(this.#retry);
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#link.postMessage({ pictures: null });
  }

  #later(key) {
    this.#trouble(key);
    clearTimeout(this.#retry);
    if (this.#wanted) this.#retry = setTimeout(() => this.#open(), RETRY_MS);
  }

  async #open() {
    clearTimeout(this.#retry);
    let stream;
    try {
      stream = await this.#find();
    } catch (error) {
      if (!this.#wanted || this.#stream) return;
      // Another camera would only blink: it is looked for again when one is plugged in.
      if (error instanceof NoneCalledSo) this.#trouble("camera_other", { name: this.#name, all: error.message });
      else this.#later(error.name === "NotAllowedError" ? "camera_denied" : "camera_missing");
      return;
    }
    if (!this.#wanted || this.#stream) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.#stream = stream;
    const [track] = stream.getVideoTracks();
    track.addEventListener("ended", () => {
      if (this.#stream !== stream) return;
      this.#close();
      this.#later("camera_gone");
    });
    this.#trouble("");
    if (globalThis.MediaStreamTrackProcessor) {
      const { readable } = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 });
      this.#link.postMessage({ pictures: readable }, [readable]);
    } else {
      this.#play(stream);
    }
  }

  /**
   * The pictures of the camera that is wanted. Where the browser tells the names of cameras, no other is opened; some tell them only to a page that
   * uses one.
   */
  async #find() {
    const video = { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, frameRate: { ideal: 30 } };
    const ask = more => navigator.mediaDevices.getUserMedia({ video: { ...video, ...more }, audio: false });
    if (!this.#name) return ask({ facingMode: "user" });

    const is = ({ label }) => label.toLowerCase().includes(this.#name.toLowerCase());
    const cameras = async () => (await navigator.mediaDevices.enumerateDevices()).filter(device => device.kind === "videoinput" && device.label);
    let all = await cameras();
    if (!all.length) {
      const first = await ask({ facingMode: "user" });
      if (is(first.getVideoTracks()[0])) return first;
      all = await cameras();
      for (const track of first.getTracks()) track.stop();
    }
    const wanted = all.find(is);
    if (!wanted) throw new NoneCalledSo(all.map(({ label }) => label).join(", "));
    if (!this.#wanted) throw new Error("the visit has ended meanwhile");
    return ask({ deviceId: { exact: wanted.deviceId } });
  }

  /** For browsers whose workers cannot read a camera: the page takes the pictures out of a video element. */
  async #play(stream) {
    const video = document.createElement("video");
    video.muted = video.playsInline = true;
    video.srcObject = stream;
    await video.play().catch(() => {});
    const next = video.requestVideoFrameCallback
      ? () => video.requestVideoFrameCallback(take) : () => setTimeout(take, 33);
    let shown = -1;
    const take = async () => {
      if (this.#stream !== stream) return;
      // A camera that hangs shows its last picture on.
      const isNew = video.currentTime !== shown;
      shown = video.currentTime;
      const picture = video.videoWidth && isNew ? await createImageBitmap(video).catch(() => null) : null;
      if (picture) this.#link.postMessage({ picture }, [picture]);
      next();
    };
    next();
  }
}
