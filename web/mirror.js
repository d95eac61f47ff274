"use strict";
// Camera in, reflection out. A frame is "MF", version 1, format 0 (JPEG), seq u32, width u16, height u16, t_us u32, all
// little endian, then the JPEG. The answer has the same header, then decode, engine and encode times (u32 each,
// microseconds) and the JPEG of the reflection, empty when nobody stands there; before it comes, as text, the JSON of
// what was seen. An answer acknowledges every older frame.

const HEADER = 16, REPLY_HEADER = 28, WIDTH = 640, PATIENCE_MS = 2000, TURN_MS = 4000;
const part = id => document.getElementById(id);
const [reflection, words, notice, panel, seenCanvas, numbers, welcome] =
  ["reflection", "words", "notice", "panel", "seen", "numbers", "welcome"].map(part);

const camera = document.createElement("video");
camera.muted = camera.playsInline = true;
let standIn = null;       // A picture that stands in for the camera; the server has them where it was told to.
let socket = null;
let seq = 0, underWay = [], sending = false;  // underWay: frames that wait for their answer, oldest first.
let troubles = { camera: "", server: "", picture: "" };

function trouble(where, text) {
  if (troubles[where] === text) return;
  troubles[where] = text;
  notice.textContent = troubles.server || troubles.camera || troubles.picture;
}

// ---- Camera -------------------------------------------------------------------------------------------------------

async function openCamera() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: WIDTH }, height: { ideal: 480 }, facingMode: "user" }, audio: false });
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      camera.srcObject = null;
      reflection.classList.remove("there");
      trouble("camera", "The camera is gone. Waiting for it.");
      setTimeout(openCamera, 1500);
    });
    camera.srcObject = stream;
    await camera.play();
    trouble("camera", "");
  } catch (error) {
    const refused = error.name === "NotAllowedError";
    trouble("camera", refused ? "The mirror may not use the camera. Allow it in the address bar; it then begins by itself."
      : "No camera yet. Plug one in; the mirror finds it.");
    setTimeout(openCamera, 3000);
  }
}

async function nextStandIn() {
  const answer = await fetch("viewer.jpg").catch(() => null);
  if (answer?.status !== 200) return false;
  const picture = await createImageBitmap(await answer.blob()).catch(() => null);
  if (!picture) return standIn !== null;
  standIn?.close();
  standIn = picture;
  return true;
}

function source() {
  if (standIn) return [standIn, standIn.width, standIn.height, 1];
  const ready = camera.srcObject && camera.videoWidth && camera.readyState >= 2;
  // A mirror exchanges left and right, before the machine looks: box and landmarks then fit what is shown.
  return ready ? [camera, camera.videoWidth, camera.videoHeight, -1] : null;
}

// ---- To the server and back ---------------------------------------------------------------------------------------

async function send() {
  // Two under way keep the server busy while the next picture is made; more would only grow old.
  if (sending || socket?.readyState !== WebSocket.OPEN) return;
  underWay = underWay.filter(frame => performance.now() - frame.at < PATIENCE_MS);
  const from = source();
  if (!from || underWay.length >= 2) return;
  sending = true;
  try {
    const [picture, w, h, facing] = from;
    const scale = Math.min(1, WIDTH / Math.max(w, h));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale)));
    const pen = canvas.getContext("2d");
    if (facing < 0) pen.setTransform(-1, 0, 0, 1, canvas.width, 0);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const frame = { seq: ++seq, at: performance.now(), canvas };
    const jpeg = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
    const header = new DataView(new ArrayBuffer(HEADER));
    header.setUint16(0, 0x4d46);
    header.setUint8(2, 1);
    header.setUint32(4, frame.seq, true);
    header.setUint16(8, canvas.width, true);
    header.setUint16(10, canvas.height, true);
    header.setUint32(12, (frame.at * 1000) % 2 ** 32, true);
    if (socket?.readyState === WebSocket.OPEN) {
      underWay.push(frame);
      socket.send(new Blob([header.buffer, jpeg]));
    }
  } finally {
    sending = false;
  }
}

function connect() {
  const mine = new WebSocket(`ws://${location.host}/ws`);
  socket = mine;
  mine.binaryType = "arraybuffer";
  let about = null;
  mine.addEventListener("open", () => { underWay = []; trouble("server", ""); });
  mine.addEventListener("message", async ({ data }) => {
    if (typeof data === "string") { about = JSON.parse(data); return; }
    const view = new DataView(data), answered = view.getUint32(4, true);
    const frame = underWay.find(f => f.seq === answered);
    // A frame that a newer one overtook has neither words nor a picture; it may be answered before an older one.
    underWay = underWay.filter(f => (about?.dropped ? f.seq !== answered : f.seq > answered));
    send();
    if (!about || about.dropped) return;
    const [seen, times] = [about, [16, 20, 24].map(at => view.getUint32(at, true) / 1000)];
    describe(seen);
    if (frame && !panel.hidden) drawSeen(seen, frame, times);
    await show(data.slice(REPLY_HEADER));
  });
  mine.addEventListener("close", () => {
    if (socket === mine) socket = null;
    reflection.classList.remove("there");
    words.textContent = "";
    trouble("server", "The mirror has stopped. It comes back by itself.");
    setTimeout(connect, 1000);
  });
}

// ---- What is shown ------------------------------------------------------------------------------------------------

let shown = 0, drawn = 0;
async function show(jpeg) {
  const turn = ++shown;
  if (!jpeg.byteLength) { drawn = turn; reflection.classList.remove("there"); return; }
  const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" })).catch(() => null);
  if (!picture) return;
  if (turn > drawn) {
    drawn = turn;
    if (reflection.width !== picture.width || reflection.height !== picture.height) {
      [reflection.width, reflection.height] = [picture.width, picture.height];
    }
    reflection.getContext("2d").drawImage(picture, 0, 0);
    reflection.classList.add("there");
  }
  picture.close();
}

const area = face => face.box[2] * face.box[3];
const nearest = seen => (seen.faces ?? []).reduce((best, face) => (!best || area(face) > area(best) ? face : best), null);

function describe(seen) {
  trouble("picture", seen.error ? `The mirror cannot read the picture: ${seen.error}` : "");
  const face = nearest(seen);
  if (!face) { words.textContent = seen.error ? "" : "Nobody is there."; return; }
  const lines = [];
  if (face.age) lines.push(`about ${Math.round(face.age.mean)} years, ${Math.round(face.age.low)} to ${Math.round(face.age.high)}`);
  if (face.gender) {
    const {label} = face.gender;
    lines.push(label in face.gender ? `${label}, ${Math.round(face.gender[label] * 100)} % sure` : "not sure whether female or male");
  }
  if (face.features) lines.push(`${face.features.length} numbers are left of you; the rest is invented`);
  const text = `The machine says:\n${lines.join("\n")}`;
  if (words.textContent !== text) words.textContent = text;
}

function drawSeen(seen, frame, times) {
  [seenCanvas.width, seenCanvas.height] = [frame.canvas.width, frame.canvas.height];
  const pen = seenCanvas.getContext("2d");
  pen.drawImage(frame.canvas, 0, 0);
  const unit = frame.canvas.width / 320;
  const near = nearest(seen);
  for (const face of seen.faces ?? []) {
    pen.globalAlpha = face === near ? 1 : 0.5;
    pen.strokeStyle = pen.fillStyle = "#c9a96a";
    pen.lineWidth = 1.5 * unit;
    pen.strokeRect(...face.box);
    for (const [x, y] of face.landmarks ?? []) {
      pen.beginPath();
      pen.arc(x, y, 1.1 * unit, 0, 2 * Math.PI);
      pen.fill();
    }
  }
  const pose = near?.pose;
  const held = pose ? `\nyaw ${Math.round(pose.yaw)}°, pitch ${Math.round(pose.pitch)}°, roll ${Math.round(pose.roll)}°` : "";
  const [decode, engine, encode] = times.map(ms => ms.toFixed(1));
  numbers.textContent = `${(performance.now() - frame.at).toFixed(0)} ms there and back: ` +
    `${decode} open, ${engine} look and draw, ${encode} pack${held}`;
}

// ---- Begin --------------------------------------------------------------------------------------------------------

addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key === "p") panel.hidden = !panel.hidden;
  if (key === "h") document.body.classList.toggle("plain");
});

async function begin() {
  welcome.classList.add("gone");
  connect();
  if (await nextStandIn()) setInterval(nextStandIn, TURN_MS);
  else openCamera();
  setInterval(send, 15);
}

// An installation comes up by itself, its notice hangs on the wall.
if (location.hash === "#kiosk") begin();
else part("begin").addEventListener("click", begin, { once: true });
