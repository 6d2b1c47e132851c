/** Consensus landmarks: O-Net asked again about the face upright, and mirrored. */

import {mean, similarity} from './geometry.js';

/** @typedef {import('./geometry.js').Point} Point */
/** @typedef {import('./pixels.js').Affine} Affine */
/** @typedef {import('./boxes.js').Box} Box */

const SIDE = 48;
const ROUNDS = 2;
// Mean landmarks in the boxes that O-Net refines, and those 0.85 times as large.
const EYE_DISTANCE = 19;
/** @type {Point[]} */
export const UPRIGHT = [[14, 17], [33, 17], [23.5, 28], [15, 38], [32, 38]];
// What is left in the picture is right in its mirror image.
const SWAPPED = [1, 0, 2, 4, 3];

/**
 * Landmarks that do not depend on the box in which a face was found.
 *
 * The face is warped upright by its landmarks; O-Net looks at the crop and at its mirror
 * image, and the mean of both answers, back in the photo, replaces them. Twice.
 * @param {(crops: Float32Array, count: number) => Promise<Point[][]>} ask O-Net's
 *   landmarks of crops, in fractions of the crop.
 * @param {import('./crops.js').Cropper} cropper Of the photo.
 * @param {Box[]} boxes
 * @param {Point[][]} landmarks To begin with.
 * @returns {Promise<{landmarks: Point[], confidence: number}[]>} The confidence is 1 less
 *   the mean distance of the last two answers, in distances of the eyes, at least 0. A
 *   face whose landmarks leave its box keeps the first ones, with 0.
 */
export async function agreeOnLandmarks(ask, cropper, boxes, landmarks) {
  const agreed = landmarks.map((points) => ({landmarks: points, confidence: 0}));
  let asked = agreed.map((_, index) => index);
  for (let round = 0; round < ROUNDS; round++) {
    asked = asked.filter((index) => isInBox(agreed[index].landmarks, boxes[index]));
    if (!asked.length) break;
    const matrices = asked.map((index) => toPhoto(agreed[index].landmarks));
    const crops = cropper.warped(matrices, SIDE);
    const answers = await ask(withMirrorImages(crops), 2 * asked.length);
    asked.forEach((index, place) => {
      const mirrored = answers[asked.length + place];
      agreed[index] = meanOpinion(answers[place], mirrored, matrices[place]);
    });
  }
  return agreed.map((face, index) =>
    isInBox(face.landmarks, boxes[index])
      ? face
      : {landmarks: landmarks[index], confidence: 0},
  );
}

/**
 * The mean of two answers, in the photo.
 * @param {Point[]} plain Of the upright crop, in fractions of it.
 * @param {Point[]} mirrored Of its mirror image.
 * @param {Affine} matrix From the crop to the photo.
 */
export function meanOpinion(plain, mirrored, [a, b, c, d, e, f]) {
  let apart = 0;
  /** @type {Point[]} */
  const landmarks = plain.map((point, index) => {
    const [x, y] = inPixels(point);
    const [mirroredX, otherY] = inPixels(mirrored[SWAPPED[index]]);
    const otherX = SIDE - 1 - mirroredX;
    apart += Math.hypot(x - otherX, y - otherY) / plain.length;
    const [u, v] = [(x + otherX) / 2, (y + otherY) / 2];
    return [a * u + b * v + c, d * u + e * v + f];
  });
  return {landmarks, confidence: Math.max(1 - apart / EYE_DISTANCE, 0)};
}

/**
 * The similarity from the upright crop of a face to its photo.
 * @param {Point[]} landmarks
 * @returns {Affine}
 */
export function toPhoto(landmarks) {
  const [a, , , b] = similarity(landmarks, UPRIGHT);
  const size = a * a + b * b;
  const [real, imaginary] = [a / size, -b / size];
  const [x, y] = mean(landmarks);
  const [u, v] = mean(UPRIGHT);
  return [
    real, -imaginary, x - (real * u - imaginary * v),
    imaginary, real, y - (imaginary * u + real * v),
  ];
}

/**
 * True where landmarks are distinct, finite points around a place in their box.
 * @param {Point[]} landmarks
 * @param {Box} box
 */
export function isInBox(landmarks, [x1, y1, x2, y2]) {
  const [x, y] = mean(landmarks);
  const sizes = [0, 1].map((axis) => {
    const values = landmarks.map((point) => point[axis]);
    return Math.max(...values) - Math.min(...values);
  });
  return x >= x1 && y >= y1 && x <= x2 && y <= y2 && sizes[0] >= 1 && sizes[1] >= 1;
}

/** @param {Point} fraction @returns {Point} */
function inPixels([x, y]) {
  return [Math.fround(x * SIDE) - 0.5, Math.fround(y * SIDE) - 0.5];
}

/** @param {Float32Array} crops */
function withMirrorImages(crops) {
  const both = new Float32Array(2 * crops.length);
  both.set(crops);
  const row = SIDE * 3;
  for (let start = 0; start < crops.length; start += row) {
    for (let x = 0; x < row; x += 3) {
      const to = crops.length + start + row - 3 - x;
      both.set(crops.subarray(start + x, start + x + 3), to);
    }
  }
  return both;
}
