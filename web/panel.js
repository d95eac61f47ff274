// The panel: what the machine sees, what it keeps, what became of it; and the controls that ask it for something else.

import { label, nearness } from "./members.js";
import { number, percent, say, sayAll, write } from "./words.js";

const part = id => document.getElementById(id);
/** A slider's steps for a unit of its verdict. */
const scale = slider => Number(slider.dataset.scale ?? 1);
/** The machine's own verdicts, as sliders know them. */
const own = ({ age, gender }) => ({ ...(age && { age: age.mean }), ...(gender && { female: gender.female }) });

export class Panel {
  #change; #overrides = {}; #of = 0;
  // What the desk has set: there the panel shows what is in force and asks for nothing.
  #held = {};

  /** `change` is called when the visitor asks for something else. */
  constructor(change) {
    this.#change = () => { this.#label(); change(); };
    part("features").addEventListener("input", this.#change);
    part("hold").addEventListener("change", this.#change);
    for (const slider of this.#sliders()) {
      slider.addEventListener("input", () => {
        this.#overrides[slider.dataset.override] = Number(slider.value) / scale(slider);
        part("hold").checked = true;
        this.#change();
      });
    }
    part("reset").addEventListener("click", () => this.reset());
  }

  /** The groups of features that the mirror knows. */
  set groups(groups) {
    const checks = groups.map(group => {
      const label = document.createElement("label"), box = document.createElement("input"), word = document.createElement("span");
      Object.assign(box, { type: "checkbox", checked: true, value: group });
      label.className = "check";
      word.dataset.text = group;
      label.append(box, " ", word);
      box.addEventListener("change", this.#change);
      return label;
    });
    part("groups").replaceChildren(...checks);
    part("survived").replaceChildren(...groups.map(survivalRow));
    sayAll(part("groups"));
    this.hold(this.#held);
  }

  /** What the house tells of the archive; `null` where the mirror has none. */
  set archive(archive) { part("standing").hidden = !archive; }

  /** Whether it shows whom of the archive the viewer lies nearest to. */
  get asksForNearest() { return this.open && !part("standing").hidden; }

  /** What the desk has set, by control: the visitor cannot change it here. */
  hold(values) {
    const was = this.#held;
    this.#held = values;
    const show = (element, name, set) => {
      if (name in values) set(values[name]);
      else if (name in was) this.#release(element);
      element.disabled = name in values;
    };
    show(part("features"), "features", value => { part("features").value = value; });
    show(part("hold"), "hold", value => { part("hold").checked = value; });
    for (const box of this.#boxes()) show(box, `without/${box.value}`, without => { box.checked = !without; });
    for (const slider of this.#sliders()) {
      show(slider, `override/${slider.dataset.override}`, value => { slider.value = Math.round(value * scale(slider)); });
    }
    // What the visitor had asked for there is over.
    if (Object.keys(was).join() === Object.keys(values).join()) this.#label(); else this.#change();
  }

  /** A control that the desk has let go is as nobody had touched it. */
  #release(element) {
    if (element.type === "checkbox") element.checked = element.id !== "hold";
    else if (element.id === "features") element.value = element.max;
    else delete this.#overrides[element.dataset.override];
  }

  #isHeld(name) { return name in this.#held; }

  /** One for each verdict that may be overridden: its name in the protocol is `data-override`, its label's text `override_NAME`. */
  #sliders() { return document.querySelectorAll("input[data-override]"); }
  #boxes() { return [...part("groups").querySelectorAll("input")]; }

  get open() { return !part("panel").hidden; }
  set open(open) {
    part("panel").hidden = !open;
    this.#change();
  }

  /** The verdicts that were chosen in place of the machine's own, as far as they are in force. */
  get told() {
    const own = this.open ? this.#overrides : {}, desk = {};
    for (const slider of this.#sliders()) {
      const name = slider.dataset.override, key = `override/${name}`;
      if (this.#isHeld(key)) desk[name] = this.#held[key];
    }
    return { ...own, ...desk };
  }

  /** Whether anything is asked for that is not as the machine would have it. */
  get isExperiment() {
    const { value, max, disabled } = part("features"), isOverridden = Object.keys(this.#overrides).length > 0;
    const isHeld = part("hold").checked && !part("hold").disabled, isWithout = this.#boxes().some(b => !b.checked && !b.disabled);
    return (Number(value) < Number(max) && !disabled) || isOverridden || isHeld || isWithout;
  }

  /** All back to the machine's own verdict. */
  reset() {
    this.#overrides = {};
    part("hold").checked = false;
    part("features").value = part("features").max;
    for (const box of this.#boxes()) box.checked = true;
    this.hold(this.#held);
    this.#change();
  }

  /** What the visitor asks of the mirror; nothing of the sort while the panel is closed. */
  get controls() {
    if (!this.open) return {};
    const without = this.#boxes().filter(b => !b.checked && !b.disabled).map(b => b.value);
    const features = Number(part("features").value), isFewer = features < this.#of && !part("features").disabled;
    return {
      features: isFewer ? features : null, without, overrides: this.#overrides,
      hold: part("hold").checked && !part("hold").disabled, measure: true,
    };
  }

  /** Shows an answer's numbers. `view` is the reflection of the first viewer, if there is one; `speed` and `times` are in milliseconds. */
  show({ sizes }, view, speed, times) {
    this.#sizes(sizes);
    if (view?.judgement) this.#follow(own(view.judgement));
    this.#label();
    this.#survived(view);
    this.#stand(view?.standing);
    this.#speed(speed, times);
  }

  #sizes(sizes) {
    if (this.#of !== sizes.of) {
      this.#of = sizes.of;
      Object.assign(part("features"), { max: sizes.of, value: this.#held.features ?? sizes.of });
    }
    items(part("sizes"), [
      say("size_picture", { n: number(sizes.picture_bytes) }),
      say("size_numbers", { n: number(sizes.features), of: number(sizes.of) }),
      say("size_latent", { n: number(sizes.latent) }),
      say("size_reflection", { n: number(sizes.reflection_bytes) }),
    ]);
  }

  /** A slider shows the machine's own verdict as long as nobody has moved it. */
  #follow(verdicts) {
    for (const slider of this.#sliders()) {
      const name = slider.dataset.override;
      if (!(name in verdicts)) continue;
      if (!(name in this.#overrides) && !this.#isHeld(`override/${name}`)) slider.value = Math.round(verdicts[name] * scale(slider));
    }
  }

  /** The values stand beside the names, which stay as they are. */
  #label() {
    value(part("features"), number(Number(part("features").value)));
    value(part("age"), say("years", { n: number(Number(part("age").value)) }));
    value(part("female"), percent(Number(part("female").value) / 100));
  }

  #survived(view) {
    for (const row of part("survived").children) {
      const { group } = row.dataset, kept = view?.kept?.[group];
      row.hidden = !Number.isFinite(kept);
      if (row.hidden) continue;
      // As much as an average face keeps, or less, is nothing.
      fillRow(row, say(group), Math.max(0, Math.min(1, kept)));
    }
    part("strange").textContent = view?.distance ? say("strange", { n: number(view.distance, 1) }) : "";
  }

  /** Whom the viewer lies nearest to, and where among all. */
  #stand(standing) {
    if (!standing) return;
    items(part("nearest"), standing.nearest.map(one => `${label(one)} · ${nearness(one)}`));
    const rows = Object.entries(standing.ranks);
    if (part("ranks").children.length !== rows.length) part("ranks").replaceChildren(...rows.map(([name]) => survivalRow(name)));
    rows.forEach(([name, rank], i) => {
      const row = part("ranks").children[i];
      row.hidden = false;
      fillRow(row, say(`number_${name.replace("/", "_")}`), rank);
    });
  }

  #speed({ rate, p50, p95 }, times) {
    const ms = n => say("milliseconds", { n: number(n, n < 9.95 ? 1 : 0) });
    const { analyse = 0, draw = 0, encode = 0 } = times ?? {};
    const rows = [
      ["time_look", ms(analyse)], ["time_draw", ms(draw)], ["time_encode", ms(encode)],
      ["time_trip", say("time_trip_value", { p50: ms(p50), p95: ms(p95) })], ["time_rate", number(rate, 1)],
    ];
    pairs(part("speed"), rows.map(([key, text]) => [say(key), text]));
  }
}

function survivalRow(group) {
  const row = document.createElement("div"), bar = document.createElement("meter");
  Object.assign(bar, { min: 0, max: 1, value: 0 });
  row.append(document.createElement("span"), bar, document.createElement("span"));
  Object.assign(row, { hidden: true });
  row.dataset.group = group;
  return row;
}

/** Says in such a row what it is of, and which share. */
function fillRow(row, text, share) {
  const [word, bar, figure] = row.children;
  write(word, text);
  bar.value = share;
  bar.setAttribute("aria-label", text);
  write(figure, percent(share));
}

/** A slider's value in words, for eyes and for screen readers. */
function value(slider, text) {
  const shown = part(`${slider.id}-value`);
  if (shown.textContent === text) return;
  shown.textContent = text;
  slider.setAttribute("aria-valuetext", text);
}

/** Sets the texts of a list's items, which are made once. */
function items(list, texts) {
  texts.forEach((text, i) => write(list.children[i] ?? list.appendChild(document.createElement("li")), text));
}

/** The same for a list of names and their values. */
function pairs(list, texts) {
  texts.forEach(([name, value], i) => {
    const pair = list.children[i] ?? list.appendChild(document.createElement("div"));
    if (!pair.children.length) pair.append(document.createElement("dt"), document.createElement("dd"));
    write(pair.children[0], name);
    write(pair.children[1], value);
  });
}
