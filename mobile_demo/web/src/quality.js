/** Quality of a face at its enrolment, and the reasons not to take it. */

import {areaOf} from './boxes.js';

/** @typedef {import('./cascade.js').Face} Face */
/** @typedef {import('./protocol.js').QualityCode} QualityCode */
/** @typedef {import('./geometry.js').CropGeometry} CropGeometry */
/** @typedef {import('./geometry.js').Point} Point */

/**
 * Measurements of a face, as the exchange file has them.
 * @typedef {object} Quality
 * @property {number} score
 * @property {number} eyes Their distance in the photo, pixels.
 * @property {number} brightness Mean of the crop's middle, 0..255.
 * @property {number} sharpness Deviation of the finest details over that of the others.
 * @property {number} turn Of the nose from the middle between the eyes; 0 is frontal.
 * @property {number | null} landmark_confidence
 */

/** @typedef {Quality & {contrast: number, rival: number, eyes_needed: number}} Measurements */

// As Python's gallery has them, with their reasons.
const MOST_ENLARGEMENT = 1.5;
const LEAST_SHARPNESS = 0.04;
const [DARKEST, BRIGHTEST, LEAST_CONTRAST] = [45, 215, 12];
const MOST_TURN = 0.36;
const LEAST_SCORE = 0.9;
const LEAST_LANDMARK_CONFIDENCE = 0.93;
const MOST_RIVAL = 0.25;
// exp(-x^2 / 2) at 0, 1, 2, 3, of sum 1: a Gaussian of sigma 1 in 7 pixels.
const GAUSSIAN = gaussian(3);
// Where the nose lies between the eyes (0) and the mouth (1) of a frontal face.
const FRONTAL_NOSE = 0.494;

/**
 * @param {Face} face In pixels of the photo.
 * @param {Face[]} others The other faces of the photo.
 * @param {Uint8Array} crop RGB.
 * @param {CropGeometry} geometry
 * @returns {Measurements}
 */
export function measure(face, others, crop, geometry) {
  const grey = greyOf(crop);
  const middle = middleOf(grey, geometry.width, geometry.height);
  const {eyes, turn} = eyesAndTurn(face.landmarks);
  const [left, right] = geometry.template;
  const area = areaOf(face.box);
  return {
    score: face.score,
    eyes: digits(eyes, 2),
    brightness: digits(meanOf(middle), 1),
    sharpness: digits(sharpnessOf(grey, geometry.width, geometry.height), 4),
    turn: digits(turn, 3),
    landmark_confidence: face.confidence === null ? null : digits(face.confidence, 4),
    contrast: deviationOf(middle),
    rival: Math.max(0, ...others.map((other) => areaOf(other.box) / area)),
    eyes_needed: Math.hypot(right[0] - left[0], right[1] - left[1]) / MOST_ENLARGEMENT,
  };
}

/**
 * The reasons why a face is not good enough to be compared with others.
 * @param {Measurements} measured
 * @returns {QualityCode[]}
 */
export function reasonsAgainst(measured) {
  const dark = measured.brightness < DARKEST;
  const bright = measured.brightness > BRIGHTEST;
  const sure = measured.landmark_confidence;
  /** @type {[QualityCode, boolean][]} */
  const found = [
    ['too_small', measured.eyes < measured.eyes_needed],
    ['too_dark', dark],
    ['too_bright', bright],
    ['low_contrast', !dark && !bright && measured.contrast < LEAST_CONTRAST],
    ['blurred', measured.sharpness < LEAST_SHARPNESS],
    ['turned', Math.abs(measured.turn) > MOST_TURN],
    ['hardly_a_face', measured.score < LEAST_SCORE],
    ['uncertain_landmarks', sure !== null && sure < LEAST_LANDMARK_CONFIDENCE],
    ['two_people', measured.rival > MOST_RIVAL],
  ];
  return found.filter(([, holds]) => holds).map(([code]) => code);
}

/**
 * The measurements that a gallery keeps.
 * @param {Measurements} measured
 * @returns {Quality}
 */
export function kept({score, eyes, brightness, sharpness, turn, landmark_confidence}) {
  return {score, eyes, brightness, sharpness, turn, landmark_confidence};
}

/**
 * Turn of the head, as protocol.js describes it.
 * @param {Point[]} landmarks
 */
export function headTurn(landmarks) {
  const [left, right, nose, leftMouth, rightMouth] = landmarks;
  const middle = [(left[0] + right[0]) / 2, (left[1] + right[1]) / 2];
  const mouth = [(leftMouth[0] + rightMouth[0]) / 2, (leftMouth[1] + rightMouth[1]) / 2];
  const down = [mouth[0] - middle[0], mouth[1] - middle[1]];
  const way = [nose[0] - middle[0], nose[1] - middle[1]];
  const across = [right[0] - left[0], right[1] - left[1]];
  return {yaw: share(way, across), pitch: share(way, down) - FRONTAL_NOSE};
}

/**
 * Length of a vector along an axis, in lengths of the axis.
 * @param {number[]} vector @param {number[]} axis
 */
function share(vector, axis) {
  const square = Math.max(axis[0] ** 2 + axis[1] ** 2, 1e-6);
  return Math.min(1e3, Math.max(-1e3, (vector[0] * axis[0] + vector[1] * axis[1]) / square));
}

/** @param {Point[]} landmarks */
function eyesAndTurn([left, right, nose]) {
  const across = [right[0] - left[0], right[1] - left[1]];
  const eyes = Math.max(Math.hypot(across[0], across[1]), 1e-3);
  const way = [nose[0] - (left[0] + right[0]) / 2, nose[1] - (left[1] + right[1]) / 2];
  return {eyes, turn: share(way, across)};
}

/** @param {Uint8Array} crop */
function greyOf(crop) {
  const grey = new Float64Array(crop.length / 3);
  for (let pixel = 0, at = 0; pixel < grey.length; pixel++, at += 3) {
    grey[pixel] = Math.round(0.299 * crop[at] + 0.587 * crop[at + 1] + 0.114 * crop[at + 2]);
  }
  return grey;
}

/** @param {Float64Array} grey @param {number} width @param {number} height */
function middleOf(grey, width, height) {
  const part = [];
  const [top, bottom] = [Math.floor(height / 4), Math.floor((height * 7) / 8)];
  const [left, right] = [Math.floor(width / 7), Math.floor((width * 6) / 7)];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) part.push(grey[y * width + x]);
  }
  return part;
}

/** @param {Float64Array} grey @param {number} width @param {number} height */
function sharpnessOf(grey, width, height) {
  const rows = smooth(grey, width, height, 1, width);
  const smoothed = smooth(rows, height, width, width, 1);
  const fine = grey.map((value, index) => value - smoothed[index]);
  return deviationOf(fine) / Math.max(deviationOf(smoothed), 1e-3);
}

/**
 * A Gaussian along one axis, edges mirrored without repeating the edge.
 * @param {Float64Array} grey @param {number} length Of the axis.
 * @param {number} lines @param {number} step Along the axis.
 * @param {number} next From line to line.
 */
function smooth(grey, length, lines, step, next) {
  const found = new Float64Array(grey.length);
  const half = (GAUSSIAN.length - 1) / 2;
  for (let line = 0; line < lines; line++) {
    for (let place = 0; place < length; place++) {
      let sum = 0;
      for (let offset = -half; offset <= half; offset++) {
        const at = mirroredPlace(place + offset, length);
        sum += GAUSSIAN[offset + half] * grey[line * next + at * step];
      }
      found[line * next + place * step] = sum;
    }
  }
  return found;
}

/** @param {number} place @param {number} length */
function mirroredPlace(place, length) {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const inside = ((place % period) + period) % period;
  return inside < length ? inside : period - inside;
}

/** @param {number} half */
function gaussian(half) {
  const weights = Array.from({length: 2 * half + 1}, (_, i) => Math.exp(-((i - half) ** 2) / 2));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/** @param {ArrayLike<number>} values */
function meanOf(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** @param {ArrayLike<number>} values */
function deviationOf(values) {
  const mean = meanOf(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] - mean) ** 2;
  return Math.sqrt(sum / values.length);
}

/** @param {number} value @param {number} count */
function digits(value, count) {
  return Math.round(value * 10 ** count) / 10 ** count;
}
