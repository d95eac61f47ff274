// What the machine takes a viewer for, in words: under the glass, on the camera's picture, and for whoever cannot see them.

import { number, percent, say } from "./words.js";

const years = age => Object.fromEntries(Object.entries(age).map(([key, value]) => [key, number(value)]));

/** In a few words: "man, about 43"; of what is not told nothing. */
export function inShort({ age, gender }) {
  const sex = gender && say({ female: "woman", male: "man" }[gender.label] ?? "cannot_tell");
  if (!age) return sex;
  return gender ? say("short_verdict", { sex, age: number(age.mean) }) : say("years", { n: number(age.mean) });
}

/** The lines under a reflection. `told` are the verdicts that somebody chose in place of the machine's own. */
export function lines({ age, gender }, told) {
  if (Object.keys(told).length === 0) {
    if (!gender) return [say("takes_for_an_age", years(age))];
    const sex = { female: "takes_for_a_woman", male: "takes_for_a_man" }[gender.label] ?? "takes_for_neither";
    return age ? [say(sex), say("takes_for_years", years(age))] : [say(`${sex}_alone`)];
  }
  const what = [];
  if ("age" in told) what.push(say("told_years", { n: number(told.age) }));
  if ("female" in told) what.push(say("told_female", { n: percent(told.female) }));
  return [say("it_was_told", { what: what.join(say("and")) }), say("it_had_said", { what: inShort({ age, gender }) })];
}

/**
 * Speaks to a screen reader: when somebody comes or goes, when what is wrong changes, and when the machine takes a viewer for somebody
 * else; not at each change of a number, and not of what lasts no longer than a moment.
 */
export class Announcer {
  #element; #said = ""; #next = ""; #since = 0; #spoke = -Infinity;

  constructor(element) { this.#element = element; }

  /** `key` tells what of the text is new; `text` is spoken once the key has stayed the same for a while. */
  tell(key, text) {
    const now = performance.now();
    if (key !== this.#next) [this.#next, this.#since] = [key, now];
    if (key === this.#said || now - this.#since < STEADY_MS || now - this.#spoke < PAUSE_MS) return;
    [this.#said, this.#spoke] = [key, now];
    this.#element.textContent = text;
  }
}
const STEADY_MS = 1000, PAUSE_MS = 4000;
