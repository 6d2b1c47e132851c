/** Boxes and names over a picture; the text of a mirrored picture is not mirrored. */

import {score, whoText} from './words.js';

/** @typedef {import('../protocol.js').FrameFace} FrameFace */
/** @typedef {import('../protocol.js').FrameResult} FrameResult */

// On a picture, which is neither light nor dark; dashes tell them apart without colours.
const STYLES = {
  known: {colour: '#3ddc84', dash: []},
  'not sure': {colour: '#ffc14d', dash: [10, 5]},
  unknown: {colour: '#e4e8ec', dash: [4, 5]},
};

export class Overlay {
  /** @param {HTMLCanvasElement} canvas Covers the picture. */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {FrameResult | null} */
    this.result = null;
    this.mirrored = false;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /**
   * @param {FrameResult | null} result
   * @param {boolean} mirrored Whether the picture below is shown mirrored.
   */
  show(result, mirrored) {
    this.result = result;
    this.mirrored = mirrored;
    this.draw();
  }

  draw() {
    const context = this.canvas.getContext('2d');
    if (!context) return;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const pixels = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * pixels);
    this.canvas.height = Math.round(height * pixels);
    if (!this.result || !width) return;
    context.setTransform(pixels, 0, 0, pixels, 0, 0);
    context.font = '600 15px system-ui, sans-serif';
    context.textBaseline = 'middle';
    for (const face of this.result.faces) {
      drawFace(context, face, this.#placed(face.box, width, height), width);
    }
  }

  /**
   * A box of the picture on the screen: as `object-fit: contain` places it.
   *
   * @param {FrameFace['box']} box
   * @param {number} width
   * @param {number} height
   */
  #placed([x1, y1, x2, y2], width, height) {
    const {width: from, height: high} = /** @type {FrameResult} */ (this.result);
    const scale = Math.min(width / from, height / high);
    const left = (width - from * scale) / 2;
    const top = (height - high * scale) / 2;
    const [start, end] = this.mirrored ? [from - x2, from - x1] : [x1, x2];
    return {
      x: left + start * scale,
      y: top + y1 * scale,
      width: (end - start) * scale,
      height: (y2 - y1) * scale,
    };
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {FrameFace} face
 * @param {{x: number, y: number, width: number, height: number}} box
 * @param {number} right Edge of the canvas.
 */
function drawFace(context, face, box, right) {
  const {colour, dash} = STYLES[face.decision ?? 'unknown'];
  context.setLineDash([]);
  context.lineWidth = 5;
  context.strokeStyle = 'rgb(0 0 0 / 45%)';
  outline(context, box);
  context.setLineDash(dash);
  context.lineWidth = 2.5;
  context.strokeStyle = colour;
  outline(context, box);

  const text = label(face);
  const shown = shortened(context, text, Math.max(120, right - 24));
  const width = context.measureText(shown).width + 18;
  const x = Math.max(2, Math.min(box.x - 1, right - width - 2));
  const y = box.y >= 32 ? box.y - 31 : box.y + 4;
  context.fillStyle = 'rgb(8 12 16 / 82%)';
  context.beginPath();
  context.roundRect(x, y, width, 27, 8);
  context.fill();
  context.fillStyle = colour;
  context.fillText(shown, x + 9, y + 14.5);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number, width: number, height: number}} box
 */
function outline(context, {x, y, width, height}) {
  context.beginPath();
  context.roundRect(x, y, width, height, 10);
  context.stroke();
}

/** @param {FrameFace} face */
function label(face) {
  const who = whoText(face);
  return face.similarity === null ? who : `${who}  ${score(face.similarity)}`;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} most Width, pixels.
 */
function shortened(context, text, most) {
  let shown = text;
  while (shown.length > 1 && context.measureText(shown).width > most) {
    shown = `${shown.slice(0, -2)}…`;
  }
  return shown;
}
