// Pictures that come too slowly to be taken for motion: each dissolves into the next until that is due.

// From 24 pictures a second on they are shown as they come; below, the dissolve soon fills the time from one to the next.
const FLUENT_MS = 1000 / 24;
// From one step of a dissolve to the next, at least: a browser without a graphics card draws each by itself.
const STEP_MS = 25;
const LONGEST_MS = 1000, RECENT = 3;

export class Dissolve {
  #paint; #clock; #nextFrame;
  #came = null; #took = [];                                // When the last picture came; from one to the next, milliseconds.
  #picture = null; #began = 0; #stepped = 0; #done = 0;    // What is dissolved into, since when, how much of it is done.
  #waits = false;

  /** `paint(picture, opacity)` paints over what is there. */
  constructor(paint, clock = () => performance.now(), nextFrame = step => requestAnimationFrame(step)) {
    [this.#paint, this.#clock, this.#nextFrame] = [paint, clock, nextFrame];
  }

  /** For how long a picture dissolves into the next at the pace at which they come, milliseconds: a single late one changes nothing. */
  get length() {
    const interval = [...this.#took].sort((a, b) => a - b)[(this.#took.length - 1) >> 1] ?? 0;
    return Math.max(0, Math.min(interval, 2 * (interval - FLUENT_MS)));
  }

  /** Shows a picture and closes it; one that is not shown whole yet gives way from where it is. */
  show(picture) {
    const now = this.#clock();
    if (this.#came !== null) {
      this.#took.push(Math.min(now - this.#came, LONGEST_MS));
      if (this.#took.length > RECENT) this.#took.shift();
    }
    this.#came = now;
    this.#picture?.close();
    [this.#picture, this.#began, this.#done] = [picture, now, 0];
    if (this.length) this.#wait(); else this.#step(1);
  }

  /** What is shown next has nothing to do with what was shown before. */
  begin() {
    this.#picture?.close();
    [this.#picture, this.#came, this.#took] = [null, null, []];
  }

  #wait() {
    if (this.#waits) return;
    this.#waits = true;
    this.#nextFrame(() => { this.#waits = false; this.#frame(); });
  }

  #frame() {
    if (!this.#picture) return;
    const now = this.#clock(), share = Math.min(1, (now - this.#began) / this.length);
    if (share === 1 || now - this.#stepped >= STEP_MS) {
      this.#stepped = now;
      this.#step(share);
    }
    if (this.#picture) this.#wait();
  }

  /** What is there already holds `done` of the picture. */
  #step(share) {
    this.#paint(this.#picture, (share - this.#done) / (1 - this.#done));
    this.#done = share;
    if (share < 1) return;
    this.#picture.close();
    this.#picture = null;
  }
}
