// All steps of a reflection side by side, for a class: the camera's picture, the numbers, the latent, the drawn face. A number that is touched
// is explained in a sentence; where it is a distance, a line joins its two points on the camera's picture.

import { drawSeen } from "./seen.js";
import { number, percent, say, write, writeLines } from "./words.js";

/** From one update of the bars to the next. */
const UPDATE_MS = 100;
const GOLD = [201, 169, 106], BLUE = [96, 128, 186], NIGHT = [19, 19, 22];
const part = id => document.getElementById(id);

/** Of the 68 points, what each lies on: the last whose number is not greater. */
const PARTS = [
  [0, "jaw_left"], [7, "chin"], [10, "jaw_right"], [17, "brow_left"], [22, "brow_right"], [27, "nose_bridge"], [30, "nose_tip"],
  [31, "nostrils"], [36, "eye_left"], [42, "eye_right"], [48, "mouth_left"], [49, "upper_lip"], [54, "mouth_right"], [55, "lower_lip"],
  [60, "mouth_left"], [61, "upper_lip"], [64, "mouth_right"], [65, "lower_lip"],
];
const pointName = i => say("point", { i, part: say(`point_${PARTS.findLast(([first]) => first <= i)[1]}`) });

/** The points and the direction of a distance, from its name; `null` for other numbers. */
function distance(name) {
  const [, a, b, axis] = /^(\d+)-(\d+)\/([xy])$/.exec(name) ?? [];
  return axis ? { pair: [Number(a), Number(b)], axis } : null;
}

/** Where a number stands among the others: by its group, a colour's as they are called: L, a, b. */
const place = ({ group, name, unit }, groups) => groups.indexOf(group) + (unit === "lab" ? "lab".indexOf(name.at(-1)) / 3 : 0);

/** What stands for a number's name in the keys of its texts. */
const textKey = name => name.replace("/", "_");

export class Steps {
  #change; #numbers; #distances; #rows; #chosen = 0; #updated = 0; #steps = null;

  /** `change` is called when it opens or closes. */
  constructor(change) {
    this.#change = change;
    const slider = part("distance"), bars = part("bars");
    slider.addEventListener("input", () => this.#choose(this.#distances[slider.value].i));
    const touch = event => {
      if (event.type === "pointermove" && !event.buttons) return;
      const { left, width } = bars.getBoundingClientRect();
      slider.value = Math.floor((event.clientX - left) / width * this.#distances.length);
      this.#choose(this.#distances[slider.value].i);
    };
    for (const kind of ["pointerdown", "pointermove"]) bars.addEventListener(kind, touch);
  }

  /** `numbers` are those of the inverter's order, `groups` the order in which they are shown. */
  take(numbers, groups) {
    this.#numbers = numbers.map((about, i) => ({ ...about, i, distance: distance(about.name) }));
    this.#distances = this.#numbers.filter(n => n.distance);
    const others = this.#numbers.filter(n => !n.distance && n.unit !== "untold").sort((a, b) => place(a, groups) - place(b, groups));
    // Numbers that are not told stand together in one row, under the name of their group.
    const untold = this.#numbers.find(n => n.unit === "untold");
    if (untold) others.push(Object.assign(untold, { name: untold.group }));
    this.#rows = others.map(about => this.#row(about));
    part("numbers").replaceChildren(...this.#rows.map(({ button }) => button));
    [this.#chosen, this.#steps] = [others[0]?.i ?? 0, null];
    part("distance").max = Math.max(0, this.#distances.length - 1);
  }

  get open() { return !part("steps").hidden; }
  set open(open) {
    part("steps").hidden = !open;
    this.#change();
  }

  /** Draws the camera's picture; see `drawSeen`. */
  see(seen, texts) {
    drawSeen(part("step-camera"), seen, texts, this.#numbers[this.#chosen]?.distance?.pair);
  }

  /** Shows the steps of a view, at most so often; `own` are its verdicts as they stand everywhere else, `face` the canvas with its reflection. */
  show(view, own, face) {
    const now = performance.now();
    if (now - this.#updated < UPDATE_MS) return;
    this.#updated = now;
    this.#steps = view?.steps ? this.#withVerdicts(view.steps, own) : null;
    part("steps").classList.toggle("nobody", !this.#steps);
    const { values, ranks, given, latent } = this.#steps ?? {};
    for (const { button, bar, figure, about: { i, unit } } of this.#rows) {
      button.classList.toggle("unused", Boolean(given && !given[i]));
      bar.style.setProperty("--rank", ranks?.[i] ?? 0.5);
      write(figure, values ? format(values[i], unit) : "");
    }
    this.#bars(ranks, given);
    if (latent) drawLatent(part("latent"), latent);
    if (face && this.#steps) part("step-face").getContext("2d").drawImage(...fitted(part("step-face"), face));
  }

  /** Says what changes slowly: how much data there is at each step, what the chosen number means, the lines on what the face is taken for. */
  say({ sizes }, verdict) {
    const bytes = n => say("bytes", { n: number(n) });
    write(part("step-camera-size"), sizes.picture_bytes ? bytes(sizes.picture_bytes) : "");
    write(part("step-numbers-size"), number(sizes.features));
    write(part("step-latent-size"), number(sizes.latent));
    write(part("step-face-size"), bytes(sizes.reflection_bytes));
    writeLines(part("step-verdict"), verdict);
    for (const { name, about } of this.#rows) write(name, say(`number_${textKey(about.name)}`));
    this.#explain();
  }

  /** What the mirror takes from a verdict lies within what it has learned; what is shown is the verdict. */
  #withVerdicts(steps, own) {
    const values = [...steps.values];
    for (const { i, name } of this.#numbers) if (name in own) values[i] = own[name];
    return { ...steps, values };
  }

  #row(about) {
    const button = document.createElement("button"), [name, bar, figure] = ["span", "i", "span"].map(n => document.createElement(n));
    button.type = "button";
    button.append(name, bar, figure);
    button.addEventListener("click", () => this.#choose(about.i));
    return { button, name, bar, figure, about };
  }

  #choose(i) {
    this.#chosen = i;
    this.#explain();
  }

  #explain() {
    const about = this.#numbers[this.#chosen];
    if (!about) return;
    for (const row of this.#rows) row.button.setAttribute("aria-pressed", String(row.about === about));
    const { values, ranks, given } = this.#steps ?? {};
    const meaning = about.distance
      ? say(`explain_distance_${about.distance.axis}`, { a: pointName(about.distance.pair[0]), b: pointName(about.distance.pair[1]) })
      : say(`explain_${textKey(about.name)}`);
    const lines = [meaning];
    if (values && values[about.i] !== null) lines.push(say("explain_now", { value: format(values[about.i], about.unit), n: number(100 * ranks[about.i]) }));
    if (given && !given[about.i]) lines.push(say("explain_unused"));
    writeLines(part("explained"), lines);
    const name = this.#distances[part("distance").value]?.distance;
    if (name) part("distance").setAttribute("aria-valuetext", name.pair.map(pointName).join(" – "));
  }

  /** A bar for each distance, up from the middle where most people have less of it, down where most have more. */
  #bars(ranks, given) {
    const canvas = part("bars"), [width, height] = [canvas.clientWidth, canvas.clientHeight].map(n => Math.max(1, Math.round(n * devicePixelRatio)));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d"), step = width / this.#distances.length;
    pen.clearRect(0, 0, width, height);
    this.#distances.forEach(({ i }, at) => {
      const rank = ranks?.[i] ?? 0.5, tall = Math.max(2, Math.abs(rank - 0.5) * height);
      pen.fillStyle = i === this.#chosen ? "#fff" : given && !given[i] ? "#4a4844" : `rgb(${GOLD})`;
      pen.fillRect(at * step + 0.15 * step, rank < 0.5 ? height / 2 : height / 2 - tall, 0.7 * step, tall);
    });
  }
}

/** A number in its unit. */
function format(value, unit) {
  return {
    eye_distance: () => number(value, 2), degrees: () => say("degrees", { n: number(value) }), lab: () => number(value),
    years: () => say("years", { n: number(value) }), probability: () => percent(value),
    untold: () => say("untold"),
  }[unit]?.() ?? number(value, 2);
}

/** Each coordinate of a latent as a square: gold above zero, blue below, as strong as it is large. */
function drawLatent(canvas, latent) {
  const side = Math.ceil(Math.sqrt(latent.length)), pen = canvas.getContext("2d");
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const picture = pen.createImageData(side, side);
  latent.forEach((z, i) => {
    const strength = Math.min(1, Math.abs(z) / 2.5), colour = z > 0 ? GOLD : BLUE;
    picture.data.set([...NIGHT.map((dark, c) => dark + (colour[c] - dark) * strength), 255], 4 * i);
  });
  pen.putImageData(picture, 0, 0);
}

/** What `drawImage` needs to draw one canvas onto another of its size. */
function fitted(canvas, from) {
  if (canvas.width !== from.width) canvas.width = canvas.height = from.width;
  return [from, 0, 0];
}
