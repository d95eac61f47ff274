// The map of the archive on a canvas: a dot a member, a ring a viewer, lines to those whom the viewer lies nearest to.

const BONE = "#e9e3d8", DARK = "#08090b", GOLD = "#e0bd78";
/** Share of the canvas that stays free at each edge. */
const RIM = 0.05;
/** Of the way to where a viewer stands now, what is left after a second. */
const LEFT = 0.02;
/** Letters side by side from which on a map has room for several labels. */
const ROOMY = 35;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class ArchiveMap {
  #canvas; #x = []; #y = []; #colours = []; #labels; #frame; #chosen = null;
  // By viewer: where the ring is, where it goes, and the nearest members.
  #viewers = new Map(); #drawn = 0;

  /** `labels` says a member in words. */
  constructor(canvas, labels) {
    [this.#canvas, this.#labels] = [canvas, labels];
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** The members' places. */
  set points({ x, y }) {
    [this.#x, this.#y] = [x, y];
    const middle = values => {
      const sorted = values.toSorted((a, b) => a - b), at = share => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
      return { low: at(0.002), high: at(0.998) };
    };
    this.#frame = { x: middle(x), y: middle(y) };
    this.draw();
  }

  /** Their colours, each of the list of all. */
  set colours(colours) {
    this.#colours = colours;
    this.draw();
  }

  /** The member that is pointed at; `null`: none. */
  set chosen(member) {
    if (member === this.#chosen) return;
    this.#chosen = member;
    this.draw();
  }

  /** Where viewers stand: a list as the mirror tells it. */
  stand(viewers) {
    const known = this.#viewers;
    this.#viewers = new Map(viewers.map(({ viewer, standing }) => {
      const at = known.get(viewer)?.at ?? standing.at;
      return [viewer, { at, to: standing.at, nearest: standing.nearest }];
    }));
    this.draw();
  }

  /** The members' order from left to right. */
  get order() { return this.#x.map((_, i) => i).sort((a, b) => this.#x[a] - this.#x[b]); }

  /** The member at a place of the canvas, in its style's pixels. */
  at(px, py) {
    const reach = Math.max(14, this.#radius() * 3);
    let [best, least] = [null, reach * reach];
    this.#x.forEach((_, i) => {
      const [x, y] = this.#place(this.#x[i], this.#y[i]), d = (x - px) ** 2 + (y - py) ** 2;
      if (d < least) [best, least] = [i, d];
    });
    return best;
  }

  #radius() { return Math.max(1.6, Math.min(this.#canvas.clientWidth, this.#canvas.clientHeight) / 300); }

  /** From the map to the style's pixels. What lies far out lies on the rim. */
  #place(x, y) {
    const { clientWidth: w, clientHeight: h } = this.#canvas, frame = this.#frame;
    const share = (v, { low, high }) => Math.max(-0.03, Math.min(1.03, (v - low) / (high - low || 1)));
    return [w * (RIM + (1 - 2 * RIM) * share(x, frame.x)), h * (1 - RIM - (1 - 2 * RIM) * share(y, frame.y))];
  }

  /** Draws all of it with the next frame. */
  draw() {
    if (this.#drawn || !this.#frame) return;
    const before = performance.now();
    this.#drawn = requestAnimationFrame(now => {
      this.#drawn = 0;
      const moves = this.#move(Math.min(0.2, Math.max(0, now - before) / 1000) || 1 / 60);
      this.#paint();
      if (moves) this.draw();
    });
  }

  /** Moves the rings on; whether one still moves. */
  #move(seconds) {
    let moves = false;
    for (const viewer of this.#viewers.values()) {
      const share = calm.matches ? 1 : 1 - LEFT ** seconds;
      viewer.at = viewer.at.map((v, i) => v + share * (viewer.to[i] - v));
      moves ||= viewer.at.some((v, i) => Math.abs(v - viewer.to[i]) > 1e-3);
    }
    return moves;
  }

  #paint() {
    const { clientWidth: w, clientHeight: h } = this.#canvas, pixels = devicePixelRatio, pen = this.#canvas.getContext("2d");
    const [width, height] = [w, h].map(side => Math.max(1, Math.round(side * pixels)));
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    pen.setTransform(pixels, 0, 0, pixels, 0, 0);
    pen.clearRect(0, 0, w, h);

    const radius = this.#radius(), isSomebody = this.#viewers.size > 0;
    pen.globalAlpha = isSomebody ? 0.55 : 0.85;
    this.#x.forEach((_, i) => this.#dot(pen, this.#place(this.#x[i], this.#y[i]), radius, this.#colours[i] ?? BONE));
    pen.globalAlpha = 1;
    const size = parseFloat(getComputedStyle(this.#canvas).fontSize), taken = [];
    for (const viewer of this.#viewers.values()) this.#viewer(pen, viewer, radius, size, taken);
    if (this.#chosen !== null) this.#name(pen, this.#chosen, radius, size, taken);
  }

  #viewer(pen, { at, nearest }, radius, size, taken) {
    const [x, y] = this.#place(...at);
    pen.strokeStyle = GOLD;
    pen.lineWidth = Math.max(1, radius / 2);
    for (const { member } of nearest) {
      pen.globalAlpha = 0.7;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(...this.#place(this.#x[member], this.#y[member]));
      pen.stroke();
      pen.globalAlpha = 1;
    }
    // On a small map there is no room for their labels: they stand beside it.
    const isLarge = this.#canvas.clientWidth >= ROOMY * size;
    for (const { member } of nearest) this.#name(pen, member, radius, size, isLarge ? taken : null);
    pen.lineWidth = Math.max(2, radius);
    pen.strokeStyle = "#fff";
    pen.fillStyle = DARK;
    pen.beginPath();
    pen.arc(x, y, 3 * radius, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
  }

  /** A member lit up, with their label beside it where none of those `taken` stands; without a label where there is no such list. */
  #name(pen, member, radius, size, taken) {
    const [x, y] = this.#place(this.#x[member], this.#y[member]);
    this.#dot(pen, [x, y], 2.2 * radius, BONE);
    this.#dot(pen, [x, y], 1.5 * radius, this.#colours[member] ?? GOLD);
    if (!taken) return;
    pen.font = `${0.85 * size}px ${getComputedStyle(this.#canvas).fontFamily}`;
    const text = this.#labels(member), wide = pen.measureText(text).width + 0.6 * size, high = 1.3 * size;
    const left = Math.max(0, Math.min(x + 3 * radius, this.#canvas.clientWidth - wide));
    let top = Math.max(0, y - high);
    while (taken.some(box => left < box.left + box.wide && box.left < left + wide && Math.abs(top - box.top) < high)) top += high;
    taken.push({ left, top, wide });
    pen.globalAlpha = 0.8;
    pen.fillStyle = DARK;
    pen.fillRect(left, top, wide, high);
    pen.globalAlpha = 1;
    pen.fillStyle = BONE;
    pen.fillText(text, left + 0.3 * size, top + 0.95 * size);
  }

  #dot(pen, [x, y], radius, colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.fill();
  }
}
