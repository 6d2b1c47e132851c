/** Detector, similarity warp and embedding network of one bundle, as on a phone. */

import {MTCNN} from './cascade.js';
import {alignFace} from './geometry.js';
import {mirrored} from './pixels.js';

/** @typedef {import('./cascade.js').Face} Face */
/** @typedef {import('./contract.js').Contract} Contract */
/** @typedef {import('./pixels.js').Photo} Photo */

/**
 * A network of fixed shapes.
 * @typedef {{run: (numbers: Float32Array | Uint8Array) => Promise<Float32Array[]>}} Runner
 */

export class Embedder {
  /**
   * @param {Contract} contract
   * @param {string} variant
   * @param {import('./cascade.js').Networks} networks Of the detector.
   * @param {Runner} network Of the variant.
   * @param {number} [smallestFace] Pixels; default: as the contract has it.
   */
  constructor(contract, variant, networks, network, smallestFace) {
    const {pixels, feature, detector} = contract;
    this.contract = contract;
    this.variant = variant;
    this.network = network;
    this.detector = new MTCNN(networks, {
      ...detector.settings,
      ...(smallestFace === undefined ? {} : {smallest_face: smallestFace}),
    });
    /** @type {import('./geometry.js').CropGeometry} */
    this.crop = {
      width: pixels.width,
      height: pixels.height,
      template: contract.landmark_template,
      fit: contract.landmark_fit ?? 'crop',
    };
    this.takesPixels = feature.inside.includes('pixels');
    this.mirrorOutside = feature.inside.includes('mirror') ? 'none' : feature.mirror;
    this.tables = pixelTables(pixels);
  }

  /**
   * The faces of a photo, the nearest to its middle first.
   * @param {Photo} photo
   * @param {boolean} [lookAgain] As `MTCNN.detect`.
   */
  async findFaces(photo, lookAgain) {
    return nearestFirst(await this.detector.detect(photo, lookAgain), photo);
  }

  /**
   * The aligned face, height * width * 3, RGB.
   * @param {Photo} photo
   * @param {Face} face
   */
  cropFace(photo, face) {
    return alignFace(photo, face.landmarks, this.crop);
  }

  /**
   * The feature of an aligned face, by the mirror policy; of any length.
   * @param {Uint8Array} crop
   */
  async embedCrop(crop) {
    const plain = await this.embedding(crop);
    if (this.mirrorOutside === 'none') return plain;
    const other = await this.embedding(mirrored(crop, this.crop.width));
    return combine(plain, other, this.mirrorOutside);
  }

  /** @param {Uint8Array} crop */
  async embedding(crop) {
    const input = this.takesPixels
      ? crop
      : normalize(crop, this.tables, this.contract.pixels.channel_order);
    const [embedding] = await this.network.run(input);
    return embedding;
  }
}

/**
 * The feature, of the embeddings of a crop and of its mirror image.
 * @param {Float32Array} plain
 * @param {Float32Array} mirror
 * @param {"none" | "concat" | "mean"} policy
 */
export function combine(plain, mirror, policy) {
  if (policy === 'none') return plain;
  if (policy === 'mean') return plain.map((x, index) => Math.fround(x + mirror[index]) / 2);
  const both = new Float32Array(plain.length + mirror.length);
  both.set(plain);
  both.set(mirror, plain.length);
  return both;
}

/**
 * (byte - mean) / scale in float32, a table of each channel in the network's order.
 * @param {Contract["pixels"]} pixels
 */
export function pixelTables({mean, scale}) {
  const each = (/** @type {number | number[]} */ value, /** @type {number} */ channel) =>
    Math.fround(Array.isArray(value) ? value[channel] : value);
  return [0, 1, 2].map((channel) =>
    Float32Array.from(
      {length: 256},
      (_, x) => Math.fround(x - each(mean, channel)) / each(scale, channel),
    ),
  );
}

/**
 * The input of the network.
 * @param {Uint8Array} crop RGB.
 * @param {Float32Array[]} tables As `pixelTables`.
 * @param {"RGB" | "BGR"} order
 */
export function normalize(crop, tables, order) {
  const input = new Float32Array(crop.length);
  const [first, last] = order === 'RGB' ? [0, 2] : [2, 0];
  for (let pixel = 0; pixel < crop.length; pixel += 3) {
    input[pixel] = tables[0][crop[pixel + first]];
    input[pixel + 1] = tables[1][crop[pixel + 1]];
    input[pixel + 2] = tables[2][crop[pixel + last]];
  }
  return input;
}

/**
 * A feature at length 1; null if it is not finite, or zero.
 * @param {ArrayLike<number>} feature
 */
export function unit(feature) {
  let largest = 0;
  for (let i = 0; i < feature.length; i++) largest = Math.max(largest, Math.abs(feature[i]));
  if (!(largest > 0 && largest < Infinity)) return null;
  let square = 0;
  for (let i = 0; i < feature.length; i++) square += (feature[i] / largest) ** 2;
  const length = Math.sqrt(square);
  return Float32Array.from(feature, (x) => x / largest / length);
}

/**
 * Cosine of features of length 1.
 * @param {Float32Array} first
 * @param {Float32Array} second
 */
export function cosine(first, second) {
  let sum = 0;
  for (let i = 0; i < first.length; i++) sum += first[i] * second[i];
  return Math.min(1, Math.max(-1, sum));
}

/**
 * @param {Face[]} faces Best score first, which wins a tie.
 * @param {Photo} photo
 */
function nearestFirst(faces, {width, height}) {
  const distance = (/** @type {Face} */ {box: [x1, y1, x2, y2]}) =>
    ((x1 + x2) / 2 - (width - 1) / 2) ** 2 + ((y1 + y2) / 2 - (height - 1) / 2) ** 2;
  return [...faces].sort((a, b) => distance(a) - distance(b));
}
