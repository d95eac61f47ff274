// Keys, touch and pointer: what a key does, its button does too. Whoever lets go of them for a while is shown the glass alone.

const IDLE_MS = 3000, FRESH_MS = 400;
const part = id => document.getElementById(id);
const html = document.documentElement;

/** `keys` says what each key does, by its name in lower case; `buttons` is [id, key] of each button. */
export function listen(keys, buttons) {
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("select")) return;
    keys[event.key.toLowerCase()]?.();
  });
  for (const [id, key] of buttons) part(id).addEventListener("click", () => keys[key]());
}

/** Whether a button says that what it stands for is on. */
export const press = (id, on) => part(id).setAttribute(part(id).hasAttribute("aria-expanded") ? "aria-expanded" : "aria-pressed", String(on));

const fades = () => document.body.classList.contains("kiosk") || document.body.classList.contains("plain");

/** Whether the keys cannot be seen, since nobody has stirred for a while. */
export const areKeysFaded = () => document.body.classList.contains("idle") && fades();

/**
 * Tells when somebody stirs. What fades when nobody does is `inert`: what cannot be seen cannot be pressed, and neither can what the
 * same touch has brought back.
 */
export function watch(stirred) {
  let idle = 0, fresh = 0;
  const rest = () => {
    // Whoever goes from key to key with the keyboard sees where they are.
    if (part("keys").querySelector(":focus-visible")) return void (idle = setTimeout(rest, IDLE_MS));
    document.body.classList.add("idle");
    part("keys").inert = fades();
  };
  const stir = event => {
    clearTimeout(idle);
    idle = setTimeout(rest, IDLE_MS);
    document.body.classList.remove("idle");
    if (event?.type === "keydown") part("keys").inert = false;
    else if (part("keys").inert && !fresh) {
      fresh = setTimeout(() => { fresh = 0; part("keys").inert = areKeysFaded(); }, FRESH_MS);
    }
    stirred();
  };
  for (const kind of ["pointermove", "pointerdown", "keydown"]) addEventListener(kind, stir);
  stir();
}

/** The button for the full screen, where the browser has one. */
export function offerFullScreen() {
  part("toggle-full").hidden = !document.fullscreenEnabled;
  document.addEventListener("fullscreenchange", () => press("toggle-full", Boolean(document.fullscreenElement)));
}

/** To the full screen and back. */
export function toggleFullScreen() {
  if (!document.fullscreenEnabled) return;
  // A browser may refuse, then all stays as it is.
  (document.fullscreenElement ? document.exitFullscreen() : html.requestFullscreen({ navigationUI: "hide" })).catch(() => {});
}
