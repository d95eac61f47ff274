// The camera's picture with what the machine finds in it.

const GOLD = "#e0bd78", INK = "#f2e6cf", DARK = "#0a0a0c";

/**
 * Draws the camera's picture onto a canvas: each face in its box, with its points. `texts` has what is said of a face, by its number;
 * whoever has a text has a reflection. `pair` are two points that a line joins.
 */
export function drawSeen(canvas, { thumb, frame, faces }, texts, pair = null) {
  if (canvas.width !== 2 * thumb.width || canvas.height !== 2 * thumb.height) {
    [canvas.width, canvas.height] = [2 * thumb.width, 2 * thumb.height];
  }
  const pen = canvas.getContext("2d"), unit = Math.max(frame.width, frame.height) / 320;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.globalAlpha = 1;
  pen.drawImage(thumb, 0, 0, canvas.width, canvas.height);
  pen.scale(canvas.width / frame.width, canvas.height / frame.height);
  for (const face of faces) {
    const text = texts.get(face.id);
    pen.globalAlpha = text ? 1 : 0.55;
    drawFace(pen, unit, face);
    if (text && pair) joinPoints(pen, unit, pair.map(i => face.landmarks[i]));
    if (text) label(pen, unit, face.box, text, frame);
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

function label(pen, unit, [x, y, , h], text, frame) {
  pen.font = `${11 * unit}px system-ui, sans-serif`;
  const wide = pen.measureText(text).width + 6 * unit;
  const left = Math.max(0, Math.min(x, frame.width - wide)), top = y > 16 * unit ? y - 16 * unit : y + h;
  pen.globalAlpha = 0.75;
  pen.fillStyle = DARK;
  pen.fillRect(left, top, wide, 15 * unit);
  pen.globalAlpha = 1;
  pen.fillStyle = INK;
  pen.fillText(text, left + 3 * unit, top + 11 * unit);
}
