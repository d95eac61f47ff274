// The browser's camera: opens it, finds it again when it is gone, and hands its pictures to the worker.

const RETRY_MS = 3000, WIDTH = 640, HEIGHT = 480;

/** Pictures go to `link`; `trouble` hears the key of what is wrong, or "". */
export class Camera {
  #link; #trouble; #stream = null; #wanted = false; #retry = 0;

  constructor(link, trouble) {
    this.#link = link;
    this.#trouble = trouble;
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#wanted && !this.#stream && this.#open());
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
    const video = { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, frameRate: { ideal: 30 }, facingMode: "user" };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch (error) {
      this.#later(error.name === "NotAllowedError" ? "camera_denied" : "camera_missing");
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

  /** For browsers whose workers cannot read a camera: the page takes the pictures out of a video element. */
  async #play(stream) {
    const video = document.createElement("video");
    video.muted = video.playsInline = true;
    video.srcObject = stream;
    await video.play().catch(() => {});
    const next = video.requestVideoFrameCallback
      ? () => video.requestVideoFrameCallback(take) : () => setTimeout(take, 33);
    const take = async () => {
      if (this.#stream !== stream) return;
      const picture = video.videoWidth ? await createImageBitmap(video).catch(() => null) : null;
      if (picture) this.#link.postMessage({ picture }, [picture]);
      next();
    };
    next();
  }
}
