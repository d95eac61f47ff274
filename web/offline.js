// For a mirror that runs in this browser: the page comes without a network, too, and comes anew when there is a newer one. sw.js keeps the
// files, and tells the browser that nobody else may look into the page, which then may have threads.

const PATIENCE_MS = 4000, ONCE = "narcissus-came-anew";

/** Before anything large is fetched. A page that would have threads if it came once more does so, and then this never ends. */
export async function keep() {
  const workers = navigator.serviceWorker;
  const registration = await workers?.register("sw.js").catch(() => null);
  if (!registration) return;
  if (registration.waiting) return takeOver(registration.waiting);
  const isKept = new Promise(resolve => (workers.controller ? resolve() : workers.addEventListener("controllerchange", resolve, { once: true })));
  await Promise.race([isKept, new Promise(resolve => setTimeout(resolve, PATIENCE_MS))]);
  if (!workers.controller || globalThis.crossOriginIsolated || sessionStorage.getItem(ONCE)) return;
  sessionStorage.setItem(ONCE, "1");
  location.reload();
  await new Promise(() => {});
}

/** Takes a newer page, if one has come: for moments at which nobody is before the mirror. */
export async function renew() {
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration?.waiting) takeOver(registration.waiting);
  else registration?.update().catch(() => {});
}

/** Never ends: the newer page comes. */
function takeOver(newer) {
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  newer.postMessage("take over");
  return new Promise(() => {});
}
