// How the camera hangs: turned by quarters, mirrored or not. The browser remembers what was chosen here; until then it is as the server says.

const part = id => document.getElementById(id);
const KEY = "narcissus-camera";

function remembered() {
  // A browser may forbid to remember, or hand back what somebody else wrote.
  try {
    const { rotate, mirror } = JSON.parse(localStorage.getItem(KEY));
    return [0, 90, 180, 270].includes(rotate) && typeof mirror === "boolean" ? { rotate, mirror } : null;
  } catch {
    return null;
  }
}

function remember(mounting) {
  try { localStorage.setItem(KEY, JSON.stringify(mounting)); } catch { /* It then holds until the page is closed. */ }
}

/** `link` is told at once and after each change. A camera of the server is turned there. */
export function hang(link, { rotate, mirror, has_camera }) {
  const mounting = remembered() ?? { rotate, mirror };
  part("mounting").hidden = has_camera;
  part("mirror-camera").checked = mounting.mirror;
  const tell = () => link.postMessage({ mounting: { quarters: mounting.rotate / 90, mirror: mounting.mirror } });
  const change = () => { remember(mounting); tell(); };
  part("turn-camera").addEventListener("click", () => { mounting.rotate = (mounting.rotate + 90) % 360; change(); });
  part("mirror-camera").addEventListener("change", event => { mounting.mirror = event.target.checked; change(); });
  tell();
}
