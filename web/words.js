// The page's words and numbers, one file of words a language.

export const LANGUAGES = ["en", "de", "es", "fr", "zh"];
/** How the browser knows a language, where its two letters say too little. */
const known = tag => ({ zh: "zh-Hans" })[tag] ?? tag;
let texts = {};
// What a scene says in place of them, by language and key.
let replaced = {};

/** The text for a key, its places filled. */
export function say(key, values = {}) {
  return (replaced[spoken()]?.[key] ?? texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Sets a text that has changed. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets a text of several lines, each of which wraps by itself. */
export function writeLines(element, lines) {
  if (element.textContent === lines.join("\n")) return;
  const line = textContent => Object.assign(document.createElement("span"), { className: "line", textContent });
  element.replaceChildren(...lines.flatMap((text, i) => (i ? ["\n", line(text)] : [line(text)])));
}

const language = () => document.documentElement.lang;

/** A number as people of this language write it, with so many digits after the point. */
export const number = (n, digits = 0) =>
  n.toLocaleString(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" });

/** A share of one in the language's per cent. */
export const percent = share => Math.max(0, share).toLocaleString(language(), { style: "percent", maximumFractionDigits: 0 });

/** The first language of the browser that there are words for. */
export function preferred() {
  const spoken = (navigator.languages ?? []).map(l => l.slice(0, 2).toLowerCase());
  return spoken.find(l => LANGUAGES.includes(l)) ?? LANGUAGES[0];
}

/** Fills the lists of languages; every choice holds for all of them. */
export async function offerLanguages(changed) {
  const lists = [...document.querySelectorAll("select.language")];
  for (const tag of LANGUAGES) {
    const { name } = await (await fetch(`texts/${tag}.json`)).json();
    for (const list of lists) {
      list.append(Object.assign(document.createElement("option"), { value: tag, textContent: name, lang: known(tag) }));
    }
  }
  for (const list of lists) list.addEventListener("change", () => speak(list.value).then(changed));
}

/** The language that is spoken, by its two letters. */
export const spoken = () => language().slice(0, 2);

/** Says everything that stands on the page in a language. */
export async function speak(tag) {
  if (known(tag) === language() && Object.keys(texts).length) return;
  texts = await (await fetch(`texts/${tag}.json`)).json();
  document.documentElement.lang = known(tag);
  for (const list of document.querySelectorAll("select.language")) list.value = tag;
  sayAll();
}

/** Says these texts in place of the page's own, by language and key, until there are others. */
export function replace(others) {
  if (JSON.stringify(others) === JSON.stringify(replaced)) return;
  replaced = others;
  sayAll();
}

/** Several words as a language strings them together. */
export const list = words => new Intl.ListFormat(language(), { type: "conjunction" }).format(words);

const hearers = [];
/** Calls a function whenever all is said anew, as in another language. */
export const whenSpoken = hearer => { hearers.push(hearer); };

/** Says all that stands on the page, or on a part of it. */
export function sayAll(root = document) {
  if (root === document) for (const hearer of hearers) hearer();
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
}
