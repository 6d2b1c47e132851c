/** A bundle: its contract, and files that are those which the contract names. */

import {DemoError} from './protocol.js';

/** @typedef {{file: string, sha256: string, bytes: number}} FileRecord */
/** @typedef {import('./geometry.js').Point} Point */
/** @typedef {Record<string, number>} Thresholds By "accuracy" and "far_0.01" and so on. */

/**
 * A variant of the embedding network.
 * @typedef {FileRecord & {
 *   input: {dtype: string, shape: number[], quantization: object | null},
 *   output: {dtype: string, shape: number[]},
 *   drift: {min_cosine: number},
 *   thresholds: Thresholds | null,
 *   calibration: {different_below: number | null, impostor: number} | null,
 *   gate: {passed: boolean, failures: string[]},
 * }} Variant
 */

/**
 * The parts of contract.json that this demo reads.
 * @typedef {object} Contract
 * @property {number} format_version
 * @property {{height: number, width: number, channel_order: "RGB" | "BGR",
 *   mean: number | number[], scale: number | number[]}} pixels
 * @property {number} embedding_dim
 * @property {{mirror: "none" | "concat" | "mean", inside: string[]}} feature
 * @property {{name: string}} model
 * @property {Point[]} landmark_template
 * @property {"crop" | "photo"} [landmark_fit]
 * @property {{files: Record<"pnet" | "rnet" | "onet", FileRecord>,
 *   settings: import('./cascade.js').MTCNNSettings}} detector
 * @property {Record<string, Variant>} variants
 * @property {string} default_variant
 * @property {FileRecord} golden
 */

/** @typedef {(stage: string, done: number, total: number) => void} Progress */

const FORMAT_VERSION = 3;
const MOST_CONTRACT_BYTES = 4 * 2 ** 20;
const MOST_BYTES = 2 ** 30; // of a file: it is in memory twice
const LARGEST_SIDE = 1024;

export class Bundle {
  /**
   * @param {string} url Of the folder, with "/" at its end.
   * @param {Contract} contract
   */
  constructor(url, contract) {
    this.url = url;
    this.contract = contract;
  }

  /**
   * Opens a bundle: its contract is compared with its checksum.
   * @param {string} bundleUrl Of the folder.
   */
  static async open(bundleUrl) {
    if (!globalThis.crypto?.subtle) {
      throw new DemoError(
        'bundle',
        'this page needs https, or http://localhost: elsewhere browsers compute no checksums',
      );
    }
    const folder = bundleUrl.endsWith('/') ? bundleUrl : `${bundleUrl}/`;
    const url = new URL(folder, globalThis.location?.href).href;
    const content = await download(`${url}contract.json`, MOST_CONTRACT_BYTES);
    const checksum = await download(`${url}contract.json.sha256`, 1024);
    const expected = `${await sha256(content)}  contract.json\n`;
    if (new TextDecoder().decode(checksum) !== expected) {
      throw damaged('contract.json differs from its checksum');
    }
    return new Bundle(url, parseContract(new TextDecoder().decode(content)));
  }

  /**
   * Content of a file, the one that the contract names.
   * @param {FileRecord} record
   * @param {Progress} [progress]
   */
  async content({file, sha256: expected, bytes}, progress) {
    const content = await download(this.url + inside(file), bytes, progress);
    if (content.length !== bytes || (await sha256(content)) !== expected) {
      throw damaged(`${file} is not the file that was exported`);
    }
    return content;
  }

  /**
   * The golden pictures have checksums in golden.json only.
   * @param {string} file
   * @param {string} expected SHA-256.
   */
  async picture(file, expected) {
    const content = await download(this.url + inside(file), MOST_CONTRACT_BYTES * 8);
    if ((await sha256(content)) !== expected) {
      throw damaged(`${file} is not the file that was exported`);
    }
    return content;
  }

  /**
   * A variant that can be used here.
   * @param {string} [name] Default: the bundle's default, or the first usable one.
   */
  variantName(name) {
    const {variants, default_variant: preferred} = this.contract;
    if (name === undefined) {
      const names = [preferred, ...Object.keys(variants)];
      const usable = names.find((other) => !whyUnusable(variants[other]));
      if (usable !== undefined) return usable;
      throw new DemoError('bundle', `no variant is usable: ${whyUnusable(variants[preferred])}`);
    }
    if (!Object.hasOwn(variants, name)) {
      const known = Object.keys(variants).join(', ');
      throw new DemoError('variant', `no variant "${name}"; the bundle has: ${known}`);
    }
    const reason = whyUnusable(variants[name]);
    if (reason) throw new DemoError('variant', `the variant ${name} is unusable: ${reason}`);
    return name;
  }
}

/**
 * The reason why a variant cannot be used in a browser, or null.
 * @param {Variant} variant
 */
export function whyUnusable(variant) {
  const {input, output, gate, thresholds} = variant;
  if (gate && !gate.passed) return `it failed its gate (${gate.failures.join('; ')})`;
  const raw = input.dtype === 'uint8' && !input.quantization;
  if (!(input.dtype === 'float32' || raw) || output.dtype !== 'float32') {
    return `browsers run no networks with ${input.dtype} input and ${output.dtype} output`;
  }
  if (!farsOf(thresholds).length) {
    return 'no threshold was measured with it, so nobody could be told from strangers; ' +
      'measure some with: sphereface calibrate';
  }
  return null;
}

/**
 * The measured false accept rates with their thresholds, highest rate first.
 * @param {Thresholds | null | undefined} thresholds
 */
export function farsOf(thresholds) {
  return Object.entries(thresholds ?? {})
    .filter(([key]) => key.startsWith('far_'))
    .map(([key, threshold]) => ({far: Number(key.slice(4)), threshold}))
    .sort((a, b) => b.far - a.far);
}

/**
 * The contract in a text, its parts checked that are used here.
 * @param {string} text
 * @returns {Contract}
 */
export function parseContract(text) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    throw damaged('contract.json is no JSON');
  }
  const version = document?.format_version;
  if (version !== FORMAT_VERSION) {
    throw new DemoError(
      'bundle',
      version > FORMAT_VERSION
        ? `the bundle has format version ${version}, this page reads ${FORMAT_VERSION}: ` +
          'take a newer page'
        : `the bundle has format version ${version}, this page reads ${FORMAT_VERSION}: ` +
          'export it again',
    );
  }
  const wrong = Object.entries(CHECKS).find(([, holds]) => !safely(holds, document));
  if (wrong) throw damaged(`contract.json: ${wrong[0]}`);
  return document;
}

/** @param {unknown} value */
const isSide = (value) =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= LARGEST_SIDE;
/** @param {unknown} value */
const isRecord = (value) => {
  const record = /** @type {FileRecord} */ (value);
  return (
    inside(record.file) && /^[0-9a-f]{64}$/.test(record.sha256) &&
    Number.isInteger(record.bytes) && record.bytes > 0 && record.bytes <= MOST_BYTES
  );
};
/** @param {unknown} value @param {number} low @param {number} high */
const areNumbers = (value, low, high) =>
  [value].flat().every((x) => Number.isFinite(x) && Number(x) >= low && Number(x) <= high);
/** @type {Record<string, (contract: Contract) => unknown>} */
const CHECKS = {
  pixels: ({pixels}) =>
    isSide(pixels.height) && isSide(pixels.width) &&
    ['RGB', 'BGR'].includes(pixels.channel_order) &&
    areNumbers(pixels.mean, -1e3, 1e3) && areNumbers(pixels.scale, 1e-3, 1e3),
  embedding_dim: ({embedding_dim: length}) => Number.isInteger(length) && length > 0,
  feature: ({feature}) =>
    ['none', 'concat', 'mean'].includes(feature.mirror) && Array.isArray(feature.inside),
  landmark_template: ({landmark_template: points}) =>
    points.length === 5 && points.every((p) => p.length === 2 && areNumbers(p, 0, LARGEST_SIDE)),
  landmark_fit: ({landmark_fit: fit}) => [undefined, 'crop', 'photo'].includes(fit),
  'detector.files': ({detector: {files}}) =>
    isRecord(files.pnet) && isRecord(files.rnet) && isRecord(files.onet),
  // Bounds of the time for a photo, whoever wrote the settings.
  'detector.settings': ({detector: {settings}}) =>
    settings.smallest_face >= 12 && settings.pyramid_factor <= 0.9 &&
    (12 / settings.smallest_face) ** 2 / (1 - settings.pyramid_factor ** 2) <= 1.5 &&
    areNumbers(settings.thresholds, 0.1, 1) && settings.thresholds.length === 3,
  variants: ({variants, default_variant: name}) =>
    Object.hasOwn(variants, name) &&
    Object.values(variants).every((v) => isRecord(v) && v.input.shape.length === 4),
  golden: ({golden}) => isRecord(golden),
};

/** @param {(contract: Contract) => unknown} holds @param {Contract} contract */
function safely(holds, contract) {
  try {
    return holds(contract);
  } catch {
    return false;
  }
}

/**
 * A file's name, which lies in the bundle.
 * @param {string} file
 */
function inside(file) {
  if (!/^(?!.*(^|\/)\.{0,2}(\/|$))[^\\?#%:\0]+$/.test(file)) {
    throw damaged(`a file is named ${JSON.stringify(file)}`);
  }
  return file;
}

/** @param {string} difference */
function damaged(difference) {
  return new DemoError('bundle', `damaged bundle: ${difference}; copy or export it again`);
}

/**
 * SHA-256, hexadecimal.
 * @param {Uint8Array<ArrayBuffer>} content
 */
export async function sha256(content) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * @param {string} url
 * @param {number} most Bytes.
 * @param {Progress} [progress]
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function download(url, most, progress) {
  const name = url.slice(url.lastIndexOf('/') + 1);
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new DemoError('bundle', `the server does not answer; ${name} is not stored here either`);
  }
  // The server compares what it sends with the contract, too.
  if (response.status === 503) throw damaged(`${name} was changed since the server began`);
  if (response.status === 404) throw damaged(`${name} is missing`);
  if (!response.ok || !response.body) {
    throw new DemoError('bundle', `the server does not give ${name} (${response.status})`);
  }
  const parts = [];
  let length = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > most) {
      await reader.cancel();
      throw damaged(`${name} is larger than it may be`);
    }
    parts.push(part.value);
    progress?.('bundle', length, most);
  }
  const content = new Uint8Array(length);
  let start = 0;
  for (const part of parts) {
    content.set(part, start);
    start += part.length;
  }
  return content;
}
