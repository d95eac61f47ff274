// The glass: reflections side by side, under each what is said of it, and one notice over all of them.

import { Dissolve } from "./dissolve.js";
import { say, write, writeLines } from "./words.js";

// Reflections smaller than this are enlarged in two steps, the first of which is smooth: the second alone shows the grid of pixels.
const SMOOTH = 384;
/** For so long a new viewer is told whose face this is. */
const WHOSE_MS = 6000;
const part = id => document.getElementById(id);

function element(name, attributes, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

export class Glass {
  #drawn = 0; #viewers = [];
  // A dissolve moves nothing: it stays where less motion is wanted.
  #dissolve = new Dissolve((picture, opacity) => this.#paint(picture, opacity));

  /** Shows a picture of the reflections, squares from left to right, and closes it; not one that comes after a later one by its `order`. */
  show(order, picture) {
    if (order > this.#drawn || this.#drawn - order > 1000) {
      this.#drawn = order;
      this.#dissolve.show(picture);
      part("views").classList.add("there");
    } else {
      picture.close();
    }
  }

  /** Shows nothing, until there is another picture. */
  clear() {
    part("views").classList.remove("there");
    this.caption([]);
    this.#drawn = 0;
    this.#dissolve.begin();
  }

  /** Of each reflection from left to right whom it shows (`null`: nobody), and the lines under it. */
  caption(views) {
    if (views.length) this.#views(views.length);
    [...part("views").children].forEach((view, i) => {
      const { viewer = null, lines = [] } = views[i] ?? {};
      const [, whose, words] = view.children;
      view.classList.toggle("dream", viewer === null);
      if (viewer !== (this.#viewers[i] ?? null)) this.#greet(whose, viewer);
      this.#viewers[i] = viewer;
      write(whose, viewer === null ? "" : say("whose_face"));
      writeLines(words, lines);
    });
  }

  /** For how long a picture dissolves into the next, milliseconds. */
  get dissolve() { return this.#dissolve.length; }

  #greet(whose, viewer) {
    clearTimeout(whose.timer);
    whose.classList.toggle("there", viewer !== null);
    if (viewer !== null) whose.timer = setTimeout(() => whose.classList.remove("there"), WHOSE_MS);
  }

  /** As many as there are reflections. */
  #views(count) {
    const views = part("views");
    while (views.children.length > count) views.lastChild.remove();
    while (views.children.length < count) {
      const canvas = element("canvas", { role: "img", ariaLabel: say("the_reflection") });
      canvas.dataset.label = "the_reflection";
      views.append(element("div", { className: "view" }, canvas, element("p", { className: "whose" }), element("p", { className: "words" })));
    }
    views.style.setProperty("--count", count);
    return views.querySelectorAll("canvas");
  }

  #paint(picture, opacity) {
    const side = picture.height, large = side < SMOOTH ? SMOOTH : side;
    this.#views(Math.max(1, Math.round(picture.width / side))).forEach((canvas, i) => {
      const fresh = canvas.width !== large;
      if (fresh) canvas.width = canvas.height = large;
      const pen = canvas.getContext("2d", { alpha: false });
      pen.imageSmoothingQuality = "high";
      pen.globalAlpha = fresh ? 1 : opacity;
      pen.drawImage(picture, i * side, 0, side, side, 0, 0, large, large);
    });
  }
}
