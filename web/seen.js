// The camera's picture with what the machine finds in it.

const GOLD = "#e0bd78", INK = "#f2e6cf", DARK = "#0a0a0c";

/**
 * Draws the camera's picture onto a canvas: each face in its box, with its points. `texts` has what is said of a face, by its number;
 * whoever has a text has a reflection. `pair` are two points that a line joins.
 */
export function drawSeen(canvas, { thumb, frame, faces }, texts, pair = null) {
  // As many pixels as the screen has for it. Its letters are as large as those beside it, however small it is.
  const shown = Math.max(1, canvas.clientWidth), width = Math.round(shown * devicePixelRatio);
  const height = Math.round(width * frame.height / frame.width), unit = frame.width / shown, line = Math.max(frame.width, frame.height) / 320;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  const letters = Math.max(12, 0.85 * parseFloat(getComputedStyle(canvas).fontSize)) * unit;
  pen.imageSmoothingQuality = "high";
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.globalAlpha = 1;
  pen.drawImage(thumb, 0, 0, canvas.width, canvas.height);
  pen.scale(canvas.width / frame.width, canvas.height / frame.height);
  for (const face of faces) {
    const text = texts.get(face.id);
    pen.globalAlpha = text ? 1 : 0.55;
    drawFace(pen, line, face);
    if (text && pair) joinPoints(pen, line, pair.map(i => face.landmarks[i]));
    if (text) label(pen, letters, face.box, text, frame);
  }
}

function drawFace(pen, unit, { box: [x, y, w, h], landmarks, still }) {
  pen.strokeStyle = pen.fillStyle = GOLD;
  pen.lineWidth = 1.2 * unit;
  pen.setLineDash(still ? [3 * unit, 3 * unit] : []);
  pen.strokeRect(x, y, w, h);
  for (const [px, py] of landmarks) dot(pen, px, py, 1.1 * unit);
}

function joinPoints(pen, unit, [[ax, ay], [bx, by]]) {
  pen.strokeStyle = pen.fillStyle = INK;
  pen.lineWidth = 2 * unit;
  pen.beginPath();
  pen.moveTo(ax, ay);
  pen.lineTo(bx, by);
  pen.stroke();
  dot(pen, ax, ay, 2.6 * unit);
  dot(pen, bx, by, 2.6 * unit);
}

function dot(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

function label(pen, size, [x, y, , h], text, frame) {
  pen.font = `${size}px system-ui, sans-serif`;
  const wide = pen.measureText(text).width + 0.5 * size, high = 1.3 * size;
  const left = Math.max(0, Math.min(x, frame.width - wide)), top = y > high ? y - high : y + h;
  pen.globalAlpha = 0.75;
  pen.fillStyle = DARK;
  pen.fillRect(left, top, wide, high);
  pen.globalAlpha = 1;
  pen.fillStyle = INK;
  pen.fillText(text, left + 0.25 * size, top + size);
}
