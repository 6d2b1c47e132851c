/** MTCNN: the cascade of P-Net, R-Net and O-Net. */

import {bestFirst, refine, suppress, toSquare} from './boxes.js';
import {agreeOnLandmarks} from './consensus.js';
import {Cropper, Pyramid, pyramidLevels} from './crops.js';
import {enlargeTwice} from './pixels.js';

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./geometry.js').Point} Point */
/** @typedef {import('./pixels.js').Photo} Photo */

/**
 * A face of a photo; `confidence` of its landmarks is null if there was one opinion.
 * @typedef {{box: Box, score: number, landmarks: Point[], confidence: number | null}} Face
 */

/**
 * The three networks; each gives its outputs in the order of their names.
 * @typedef {object} Networks
 * @property {(level: Float32Array, height: number, width: number) =>
 *   Promise<{outputs: Float32Array[], rows: number, columns: number}>} pnet
 * @property {(crops: Float32Array, count: number) => Promise<Float32Array[]>} rnet
 * @property {(crops: Float32Array, count: number) => Promise<Float32Array[]>} onet
 */

/**
 * Settings, by the names of the contract.
 * @typedef {object} MTCNNSettings
 * @property {number} smallest_face
 * @property {number} pyramid_factor
 * @property {number[]} thresholds
 * @property {number} level_overlap
 * @property {number} photo_overlap
 * @property {number} refined_overlap
 * @property {number} face_overlap
 * @property {number[]} [second_thresholds]
 * @property {"single" | "consensus"} [landmark_rule]
 */

/** @typedef {{box: Box, score: number, level?: number}} Proposal */
/** @typedef {{resize: number, detect: number, consensus: number}} Times Milliseconds. */

const CELL = 12;
const STRIDE = 2;
const RNET_SIDE = 24;
const ONET_SIDE = 48;
const MOST_PROPOSALS = 10_000;
const SECOND_FACTOR = 0.8;
const ENLARGED_PIXELS = 1_000_000;

export class MTCNN {
  /**
   * @param {Networks} networks
   * @param {MTCNNSettings} settings
   */
  constructor(networks, settings) {
    this.networks = networks;
    this.settings = settings;
    // As Python has them, where float32 scores are compared.
    this.thresholds = settings.thresholds.map(Math.fround);
    this.times = {resize: 0, detect: 0, consensus: 0};
  }

  /**
   * Finds the faces of a photo.
   * @param {Photo} photo
   * @param {boolean} [lookAgain] At photos without a face, as the settings say; a
   *   camera's next frame is a better second look.
   * @returns {Promise<Face[]>} Best score first.
   */
  async detect(photo, lookAgain = true) {
    const start = performance.now();
    this.times = {resize: 0, detect: 0, consensus: 0};
    let faces = await this.look(photo);
    if (!faces.length && lookAgain && this.settings.second_thresholds?.length) {
      faces = await this.lookAgain(photo);
    }
    const {resize, consensus} = this.times;
    this.times.detect = performance.now() - start - resize - consensus;
    return faces;
  }

  /**
   * One look of the cascade.
   * @param {Photo} photo
   */
  async look(photo) {
    const cropper = new Cropper(photo);
    const proposals = (await this.propose(photo)).map(toSquare);
    const judged = (await this.judge(cropper, proposals)).map(toSquare);
    return this.findLandmarks(cropper, judged);
  }

  /** @param {Photo} photo @returns {Promise<Face[]>} */
  async lookAgain(photo) {
    const {second_thresholds: thresholds = [], pyramid_factor: factor} = this.settings;
    const second = new MTCNN(this.networks, {
      ...this.settings,
      thresholds,
      pyramid_factor: Math.max(factor, SECOND_FACTOR),
    });
    const larger = photo.width * photo.height <= ENLARGED_PIXELS;
    const scale = larger ? 2 : 1;
    const faces = await second.look(larger ? enlargeTwice(photo) : photo);
    this.times.resize += second.times.resize;
    this.times.consensus += second.times.consensus;
    /** @param {number} value */
    const back = (value) => (value + 0.5) / scale - 0.5;
    return faces.map((face) => ({
      ...face,
      box: /** @type {Box} */ (face.box.map(back)),
      landmarks: face.landmarks.map(([x, y]) => [back(x), back(y)]),
    }));
  }

  /** @param {Photo} photo @returns {Promise<Box[]>} */
  async propose(photo) {
    const {smallest_face, pyramid_factor, level_overlap, photo_overlap} = this.settings;
    const {height, width} = photo;
    const pyramid = new Pyramid(photo);
    /** @type {Proposal[]} */
    const found = [];
    const sizes = pyramidLevels(height, width, CELL, smallest_face, pyramid_factor);
    for (const [index, size] of sizes.entries()) {
      const start = performance.now();
      const level = pyramid.level(size.height, size.width);
      this.times.resize += performance.now() - start;
      const scales = [size.width / width, size.height / height];
      for (const proposal of strongest(await this.scan(level, size, scales))) {
        found.push({...proposal, level: index});
      }
    }
    const kept = strongest(found);
    const left = sizes.flatMap((_, index) =>
      withoutWorse(kept.filter(({level}) => level === index), level_overlap),
    );
    return withoutWorse(left, photo_overlap).map(({box}) => box);
  }

  /**
   * Runs P-Net over one level.
   * @param {Float32Array} level
   * @param {{height: number, width: number}} size
   * @param {number[]} scales Level / photo, along x and y.
   */
  async scan(level, {height, width}, [across, down]) {
    const {outputs, rows, columns} = await this.networks.pnet(level, height, width);
    const [offsets, probabilities] = outputs;
    /** @type {Proposal[]} */
    const found = [];
    for (let row = 0, place = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, place++) {
        const score = probabilities[2 * place + 1];
        if (!(score > this.thresholds[0])) continue;
        /** @param {number} corner */
        const moved = (corner) => Math.fround(offsets[4 * place + corner] * (CELL - 1));
        // The + 1 belongs to the weights: their training counted pixels from 1.
        const [x, y] = [column * STRIDE + 1, row * STRIDE + 1];
        found.push({
          box: [
            (x + moved(0)) / across,
            (y + moved(1)) / down,
            (x + CELL - 1 + moved(2)) / across,
            (y + CELL - 1 + moved(3)) / down,
          ],
          score,
        });
      }
    }
    return found;
  }

  /** @param {Cropper} cropper @param {Box[]} squares @returns {Promise<Box[]>} */
  async judge(cropper, squares) {
    if (!squares.length) return [];
    const crops = cropper.squares(squares, RNET_SIDE);
    const [offsets, probabilities] = await this.networks.rnet(crops, squares.length);
    const sure = this.surer(probabilities, squares, 1);
    const refined = sure.map((index) => ({
      box: refine(squares[index], offsets.subarray(4 * index)),
      score: probabilities[2 * index + 1],
    }));
    return withoutWorse(refined, this.settings.refined_overlap).map(({box}) => box);
  }

  /** @param {Cropper} cropper @param {Box[]} squares @returns {Promise<Face[]>} */
  async findLandmarks(cropper, squares) {
    if (!squares.length) return [];
    const crops = cropper.squares(squares, ONET_SIDE);
    const [offsets, fractions, probabilities] = await this.networks.onet(crops, squares.length);
    const faces = this.surer(probabilities, squares, 2).map((index) => {
      const square = squares[index];
      const [width, height] = [square[2] - square[0] + 1, square[3] - square[1] + 1];
      /** @type {Face} */
      const face = {
        box: refine(square, offsets.subarray(4 * index)),
        score: probabilities[2 * index + 1],
        landmarks: pointsOf(fractions, index).map(([x, y]) => [
          x * width + square[0] - 1,
          y * height + square[1] - 1,
        ]),
        confidence: null,
      };
      return face;
    });
    const found = withoutWorse(faces, this.settings.face_overlap, 'smaller');
    return this.settings.landmark_rule === 'consensus' ? this.agree(cropper, found) : found;
  }

  /** @param {Cropper} cropper @param {Face[]} faces @returns {Promise<Face[]>} */
  async agree(cropper, faces) {
    const start = performance.now();
    const agreed = await agreeOnLandmarks(
      async (crops, count) => {
        const [, fractions] = await this.networks.onet(crops, count);
        return Array.from({length: count}, (_, index) => pointsOf(fractions, index));
      },
      cropper,
      faces.map((face) => face.box),
      faces.map((face) => face.landmarks),
    );
    this.times.consensus += performance.now() - start;
    return faces.map((face, index) => ({...face, ...agreed[index]}));
  }

  /** @param {Float32Array} probabilities @param {Box[]} squares @param {number} stage */
  surer(probabilities, squares, stage) {
    const threshold = this.thresholds[stage];
    return squares.map((_, index) => index).filter((i) => probabilities[2 * i + 1] > threshold);
  }
}

/**
 * O-Net's five x and five y as points.
 * @param {Float32Array} fractions
 * @param {number} index Of the crop.
 * @returns {Point[]}
 */
function pointsOf(fractions, index) {
  const start = 10 * index;
  return [0, 1, 2, 3, 4].map((point) => [fractions[start + point], fractions[start + 5 + point]]);
}

/**
 * The proposals of the highest scores, in their order: the time of suppression is the
 * square of their number.
 * @param {Proposal[]} proposals
 */
function strongest(proposals) {
  if (proposals.length <= MOST_PROPOSALS) return proposals;
  const best = bestFirst(proposals.map(({score}) => score)).slice(0, MOST_PROPOSALS);
  return best.sort((a, b) => a - b).map((index) => proposals[index]);
}

/**
 * Those that overlap no better one by more than the threshold, best first.
 * @template {{box: Box, score: number}} Scored
 * @param {Scored[]} found
 * @param {number} threshold
 * @param {"union" | "smaller"} [denominator]
 */
function withoutWorse(found, threshold, denominator) {
  const boxes = found.map(({box}) => box);
  const scores = found.map(({score}) => score);
  return suppress(boxes, scores, threshold, denominator).map((index) => found[index]);
}
