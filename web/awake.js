// Keeps the screen on. The browser lets it sleep again when the page is hidden or power is low: the lock is then taken anew.

const RETRY_MS = 10000;
let wanted = false, asking = false, lock = null;

/** Whether the screen is to stay on. */
export function keepAwake(want) {
  wanted = want;
  update();
}

/** Whether it does. */
export const isAwake = () => Boolean(lock && !lock.released);

async function update() {
  if (asking || wanted === isAwake() || document.hidden) return;
  asking = true;
  if (wanted) lock = await navigator.wakeLock?.request("screen").catch(() => null);
  else await lock.release().catch(() => {});
  asking = false;
}

document.addEventListener("visibilitychange", update);
setInterval(update, RETRY_MS);
