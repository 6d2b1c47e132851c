/** Inputs of the detector's networks: pyramid levels of a photo, and square crops. */

import {GREY, NORMALIZED, resizeArea, warp} from './pixels.js';

/** @typedef {import('./pixels.js').Affine} Affine */
/** @typedef {import('./pixels.js').Photo} Photo */
/** @typedef {import('./boxes.js').Box} Box */

// Larger reductions sample a photo too sparsely: 12-megapixel photos become noise.
const LARGEST_REDUCTION = 4;

/**
 * The pyramid levels of a photo, largest first.
 * @param {number} height
 * @param {number} width
 * @param {number} cell Side of the window that is laid over each level, pixels.
 * @param {number} smallestFace Faces of this side fill the window on the first level.
 * @param {number} factor Size of a level as a fraction of the one before.
 */
export function pyramidLevels(height, width, cell, smallestFace, factor) {
  const levels = [];
  for (let scale = cell / smallestFace; Math.min(height, width) * scale >= cell; scale *= factor) {
    levels.push({height: Math.trunc(height * scale), width: Math.trunc(width * scale)});
  }
  return levels;
}

/** The levels of a photo, each resized from a halving of it, which is faster. */
export class Pyramid {
  /** @param {Photo} photo */
  constructor(photo) {
    this.photo = photo;
  }

  /**
   * A level, normalised; no larger than the last.
   * @param {number} height
   * @param {number} width
   */
  level(height, width) {
    while (Math.min(this.photo.height / height, this.photo.width / width) >= 2) {
      this.photo = reduced(this.photo, 0.5);
    }
    const {data} = resizeArea(this.photo, width, height);
    const numbers = new Float32Array(data.length);
    normalize(data, numbers, 0);
    return numbers;
  }
}

/** Cuts crops out of one photo, bilinear, grey outside; its halvings are kept. */
export class Cropper {
  /** @param {Photo} photo */
  constructor(photo) {
    this.halvings = [photo];
  }

  /**
   * Square boxes, resized. The crop's corner pixels are half a pixel up and left of the
   * box's corners.
   * @param {Box[]} squares
   * @param {number} side Of the crops, pixels.
   */
  squares(squares, side) {
    /** @type {Affine[]} */
    const matrices = squares.map(([x1, y1, x2]) => {
      const scale = (x2 - x1) / (side - 1);
      return [scale, 0, x1 - 0.5, 0, scale, y1 - 0.5];
    });
    return this.warped(matrices, side);
  }

  /**
   * @param {Affine[]} matrices Similarities from pixels of the crop to those of the photo.
   * @param {number} side
   * @returns {Float32Array} crops * side * side * 3, normalised.
   */
  warped(matrices, side) {
    const size = side * side * 3;
    const crops = new Float32Array(matrices.length * size);
    const crop = new Uint8Array(size);
    matrices.forEach((matrix, index) => {
      const reduction = Math.max(Math.hypot(matrix[0], matrix[3]), 1);
      const halving = Math.max(Math.ceil(Math.log2(reduction / LARGEST_REDUCTION)), 0);
      const photo = this.halved(halving);
      if (halving) {
        const [whole] = this.halvings;
        matrix = scaled(matrix, photo.width / whole.width, photo.height / whole.height);
      }
      warp(photo, matrix, side, side, GREY, crop);
      normalize(crop, crops, index * size);
    });
    return crops;
  }

  /** @param {number} halving */
  halved(halving) {
    return (this.halvings[halving] ??= reduced(this.halvings[0], 2 ** -halving));
  }
}

/**
 * The same map to a photo of another size: x + 0.5 is what is multiplied.
 * @param {Affine} matrix
 * @param {number} across
 * @param {number} down
 * @returns {Affine}
 */
function scaled([a, b, c, d, e, f], across, down) {
  return [
    a * across, b * across, (c + 0.5) * across - 0.5,
    d * down, e * down, (f + 0.5) * down - 0.5,
  ];
}

/** @param {Photo} photo @param {number} scale */
function reduced(photo, scale) {
  const width = Math.max(1, halfToEven(photo.width * scale));
  return resizeArea(photo, width, Math.max(1, halfToEven(photo.height * scale)));
}

/** @param {number} value */
function halfToEven(value) {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}

/** @param {Uint8Array} bytes @param {Float32Array} numbers @param {number} start */
function normalize(bytes, numbers, start) {
  for (let index = 0; index < bytes.length; index++) {
    numbers[start + index] = NORMALIZED[bytes[index]];
  }
}
