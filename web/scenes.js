// Scenes: a list in the panel, and a key for each that has one.

const part = id => document.getElementById(id);

export class Scenes {
  #scenes = []; #shown = "";

  /** `may` says whether a visitor may switch them. */
  constructor(may) {
    part("scene").addEventListener("change", () => choose(part("scene").value));
    addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("select")) return;
      const scene = may() && this.#scenes.find(({ key }) => key === event.key.toLowerCase());
      if (scene) choose(scene.name);
    });
  }

  /** The scenes that there are, `[{ name, key }]`, and the name of the one that is on, or `null`. */
  show(scenes, current) {
    this.#scenes = scenes;
    const list = part("scene"), names = JSON.stringify(scenes);
    if (names !== this.#shown) {
      this.#shown = names;
      const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
      list.replaceChildren(option("", "–"), ...scenes.map(({ name, key }) => option(name, key ? `${name} (${key})` : name)));
    }
    part("scenes").hidden = scenes.length === 0;
    list.value = current ?? "";
  }
}

/** Asks the mirror for a scene; "" for none. */
function choose(name) {
  const [method, query] = name ? ["POST", `?value=${encodeURIComponent(name)}`] : ["DELETE", ""];
  fetch(`controls/scene${query}`, { method }).catch(() => {});
}
