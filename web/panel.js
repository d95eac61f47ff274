// The panel: what the machine sees, what it keeps, what became of it; and the controls that ask it for something else.

import { say, number } from "./words.js";

const part = id => document.getElementById(id);
const TEXT_MS = 500;
/** A slider's steps for a unit of its verdict. */
const scale = slider => Number(slider.dataset.scale ?? 1);

export class Panel {
  #groups; #change; #overrides = {}; #texted = 0; #of = 0;

  /** `groups` are the groups of features; `change` is called when the visitor asks for something else. */
  constructor(groups, change) {
    this.#groups = groups;
    this.#change = change;
    for (const group of groups) {
      const label = document.createElement("label"), box = document.createElement("input"), word = document.createElement("span");
      Object.assign(box, { type: "checkbox", checked: true, value: group });
      word.dataset.text = group;
      label.append(box, " ", word);
      part("groups").append(label);
      box.addEventListener("change", () => change());
    }
    part("features").addEventListener("input", () => { this.#label(); change(); });
    part("hold").addEventListener("change", () => change());
    for (const slider of this.#sliders()) {
      slider.addEventListener("input", () => {
        this.#overrides[slider.dataset.override] = Number(slider.value) / scale(slider);
        part("hold").checked = true;
        this.#label();
        change();
      });
    }
    part("reset-overrides").addEventListener("click", () => {
      this.#overrides = {};
      part("hold").checked = false;
      change();
    });
  }

  /** One for each verdict that may be overridden: its name in the protocol is `data-override`, its label's text `override_NAME`. */
  #sliders() { return document.querySelectorAll("input[data-override]"); }

  get open() { return !part("panel").hidden; }

  set open(open) {
    part("panel").hidden = !open;
    part("toggle-panel").setAttribute("aria-expanded", String(open));
    document.body.classList.toggle("with-panel", open);
    this.#change();
  }

  /** What the visitor asks of the mirror; nothing of the sort while the panel is closed. */
  get controls() {
    if (!this.open) return {};
    const without = [...part("groups").querySelectorAll("input")].filter(b => !b.checked).map(b => b.value);
    const features = Number(part("features").value);
    return {
      features: features < this.#of ? features : null, without, overrides: this.#overrides, hold: part("hold").checked, measure: true,
    };
  }

  /** Shows an answer; `face` is whom it reflects. */
  show({ report, thumb, frame }, face, speed) {
    if (thumb && frame) this.#picture(report, thumb, frame, face);
    const at = performance.now();
    if (at - this.#texted < TEXT_MS) return;
    this.#texted = at;
    this.#sizes(report.sizes);
    this.#follow(face);
    this.#label();
    this.#survived(report.views.find(view => view.viewer !== null));
    part("speed").textContent = say("speed", speed);
  }

  #picture(report, thumb, frame, viewer) {
    const canvas = part("seen"), pen = canvas.getContext("2d");
    if (canvas.width !== 2 * thumb.width || canvas.height !== 2 * thumb.height) {
      [canvas.width, canvas.height] = [2 * thumb.width, 2 * thumb.height];
    }
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(thumb, 0, 0, canvas.width, canvas.height);
    pen.scale(canvas.width / frame.width, canvas.height / frame.height);
    const unit = frame.width / 320;
    for (const face of report.faces) {
      const [x, y, w, h] = face.box;
      pen.globalAlpha = face === viewer ? 1 : 0.55;
      pen.strokeStyle = pen.fillStyle = "#e0bd78";
      pen.lineWidth = 1.2 * unit;
      pen.setLineDash(face.still ? [3 * unit, 3 * unit] : []);
      pen.strokeRect(x, y, w, h);
      for (const [px, py] of face.landmarks) {
        pen.beginPath();
        pen.arc(px, py, 1.1 * unit, 0, 2 * Math.PI);
        pen.fill();
      }
      const sure = Math.round(100 * Math.max(face.gender.female, face.gender.male));
      const gender = face.gender.label === "unsure" ? "?" : `${say(face.gender.label === "female" ? "female_sure" : "male_sure", { n: sure })}`;
      const text = `${Math.round(face.age.mean)} (${Math.round(face.age.low)}–${Math.round(face.age.high)}) · ${gender}`;
      pen.font = `${11 * unit}px system-ui, sans-serif`;
      const wide = pen.measureText(text).width, left = Math.max(0, Math.min(x, frame.width - wide - 6 * unit));
      const top = y > 16 * unit ? y - 16 * unit : y + h;
      pen.globalAlpha *= 0.75;
      pen.fillStyle = "#0a0a0c";
      pen.fillRect(left, top, wide + 6 * unit, 15 * unit);
      pen.globalAlpha = 1;
      pen.fillStyle = "#f2e6cf";
      pen.fillText(text, left + 3 * unit, top + 11 * unit);
    }
    thumb.close();
  }

  #sizes(sizes) {
    if (this.#of !== sizes.of) {
      this.#of = sizes.of;
      Object.assign(part("features"), { max: sizes.of, value: sizes.of });
    }
    const lines = [
      say("size_picture", { n: number(sizes.picture_bytes) }),
      say("size_numbers", { n: number(sizes.features), of: number(sizes.of) }),
      say("size_latent", { n: number(sizes.latent) }),
      say("size_reflection", { n: number(sizes.reflection_bytes) }),
    ];
    part("sizes").replaceChildren(...lines.map(line => Object.assign(document.createElement("li"), { textContent: line })));
  }

  /** A slider shows the machine's own verdict as long as nobody has moved it. */
  #follow(face) {
    for (const slider of this.#sliders()) {
      const verdict = face?.verdicts[slider.dataset.override];
      if (verdict !== undefined && !(slider.dataset.override in this.#overrides)) {
        slider.value = Math.round(verdict * scale(slider));
      }
    }
  }

  #label() {
    part("features-label").textContent = say("features", { n: part("features").value });
    for (const slider of this.#sliders()) {
      part(`${slider.id}-label`).textContent = say(`override_${slider.dataset.override}`, { n: slider.value });
    }
  }

  #survived(view) {
    const measured = this.#groups.filter(group => Number.isFinite(view?.kept?.[group]));
    const rows = measured.map(group => {
      // As much as an average face keeps, or less, is nothing.
      const kept = Math.max(0, Math.min(1, view.kept[group]));
      const row = document.createElement("div"), word = document.createElement("span"), bar = document.createElement("meter");
      const figure = document.createElement("span");
      word.textContent = say(group);
      Object.assign(bar, { min: 0, max: 1, value: kept });
      bar.setAttribute("aria-label", say(group));
      figure.textContent = say("kept", { n: Math.round(100 * kept) });
      row.append(word, bar, figure);
      return row;
    });
    if (view?.distance) {
      const line = document.createElement("p");
      line.textContent = say("strange", { n: view.distance.toFixed(1) });
      rows.push(line);
    }
    part("survived").replaceChildren(...rows);
  }
}
