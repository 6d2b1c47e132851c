/** The one face warp: least-squares similarity of five landmarks, and the crop. */

import {inverted, warp} from './pixels.js';

/** @typedef {import('./pixels.js').Affine} Affine */
/** @typedef {import('./pixels.js').Photo} Photo */
/** @typedef {[number, number]} Point x, y pixels; the first pixel is at 0. */

/**
 * Size of crops, the landmarks in them, and the pixels in which the least squares are
 * left: those of the crop, or of the photo.
 * @typedef {{width: number, height: number, template: Point[], fit: "crop" | "photo"}} CropGeometry
 */

/**
 * The similarity (rotation, one scale, translation) that maps landmarks onto a template.
 *
 * With points as complex numbers it is q = a p + b, and the least-squares a is
 * sum(conj(p) q) / sum |p|^2 of the centred points; fitted in the photo it is
 * sum |q|^2 / sum(conj(q) p).
 * @param {Point[]} landmarks
 * @param {Point[]} template
 * @param {"crop" | "photo"} [fit]
 * @returns {Affine}
 */
export function similarity(landmarks, template, fit = 'crop') {
  const from = mean(landmarks);
  const to = mean(template);
  let real = 0;
  let imaginary = 0;
  let spread = 0;
  let aim = 0;
  landmarks.forEach(([px, py], index) => {
    const [x, y] = [px - from[0], py - from[1]];
    const [u, v] = [template[index][0] - to[0], template[index][1] - to[1]];
    real += x * u + y * v;
    imaginary += x * v - y * u;
    spread += x * x + y * y;
    aim += u * u + v * v;
  });
  let [a, b] = [real / Math.max(spread, 1e-12), imaginary / Math.max(spread, 1e-12)];
  if (fit === 'photo') {
    // aim / conj(real + i imaginary)
    const square = real * real + imaginary * imaginary;
    [a, b] = [(aim * real) / square, (aim * imaginary) / square];
  }
  return [a, -b, to[0] - a * from[0] + b * from[1], b, a, to[1] - b * from[0] - a * from[1]];
}

/**
 * Crops a face so that its landmarks lie on the template.
 * @param {Photo} photo
 * @param {Point[]} landmarks
 * @param {CropGeometry} crop
 * @returns {Uint8Array} height * width * 3, RGB; black outside the photo.
 */
export function alignFace(photo, landmarks, crop) {
  const matrix = similarity(landmarks, crop.template, crop.fit);
  return warp(photo, inverted(matrix), crop.width, crop.height, 0);
}

/**
 * @param {Point[]} points
 * @returns {Point}
 */
export function mean(points) {
  let [x, y] = [0, 0];
  for (const point of points) {
    x += point[0];
    y += point[1];
  }
  return [x / points.length, y / points.length];
}
