/** Identity of features: those of one gallery must be comparable with each other. */

import {sha256} from './contract.js';

/** @typedef {import('./contract.js').Contract} Contract */

/**
 * All that two features must have in common to be compared, as the exchange file has it.
 * @typedef {object} FeatureIdentity
 * @property {string} variant
 * @property {"none" | "concat" | "mean"} mirror
 * @property {number} feature_dim
 * @property {[number, number]} crop_size Height and width, pixels.
 * @property {string} crops SHA-256 of size, template and fit of the crops.
 * @property {string} features SHA-256 of all that a feature depends on.
 */

/**
 * @param {Contract} contract
 * @param {string} variant
 * @returns {Promise<FeatureIdentity>}
 */
export async function featuresOf(contract, variant) {
  const {pixels, feature, detector} = contract;
  const {height, width, ...conversion} = pixels;
  const crops = {
    height,
    width,
    landmark_template: contract.landmark_template,
    landmark_fit: contract.landmark_fit ?? 'crop',
  };
  const files = {embedder: contract.variants[variant].sha256};
  for (const [name, record] of Object.entries(detector.files)) {
    Object.assign(files, {[name]: record.sha256});
  }
  const parts = {
    ...crops,
    ...conversion,
    embedding_dim: contract.embedding_dim,
    mirror: feature.mirror,
    inside: feature.inside,
    detector: detector.settings,
    files,
  };
  return {
    variant,
    mirror: feature.mirror,
    feature_dim: featureDim(contract),
    crop_size: [height, width],
    crops: await checksum(crops),
    features: await checksum(parts),
  };
}

/** @param {Contract} contract */
export function featureDim({embedding_dim: length, feature}) {
  return feature.mirror === 'concat' ? 2 * length : length;
}

/**
 * SHA-256 of the sorted lines `path=value` of numbers and texts; a number is the 16
 * hexadecimal digits of its float64.
 * @param {unknown} parts
 */
export function checksum(parts) {
  // All are ASCII: the order of code units is that of bytes.
  const lines = linesOf(parts, '').sort();
  return sha256(new TextEncoder().encode(lines.map((line) => `${line}\n`).join('')));
}

/** @param {unknown} value @param {string} path @returns {string[]} */
function linesOf(value, path) {
  if (typeof value === 'number') {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    return [`${path}=${view.getBigUint64(0).toString(16).padStart(16, '0')}`];
  }
  if (typeof value !== 'object' || value === null) return [`${path}=${value}`];
  return Object.entries(value).flatMap(([key, part]) =>
    linesOf(part, path === '' ? key : `${path}.${key}`),
  );
}
