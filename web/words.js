// The page's words, one file a language.

export const LANGUAGES = ["en", "de", "es", "fr", "zh"];
let texts = {};

/** The text for a key, its places filled. */
export function say(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** A whole number as people of this language write it. */
export const number = n => n.toLocaleString(document.documentElement.lang);

/** The first language of the browser that there are words for. */
export function preferred() {
  const spoken = (navigator.languages ?? []).map(l => l.slice(0, 2).toLowerCase());
  return spoken.find(l => LANGUAGES.includes(l)) ?? LANGUAGES[0];
}

/** Says everything that stands on the page in a language. */
export async function speak(language) {
  texts = await (await fetch(`texts/${language}.json`)).json();
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
}
