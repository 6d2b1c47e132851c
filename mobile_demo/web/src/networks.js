/** The networks of a bundle in LiteRT.js, with WebAssembly. */

import {loadAndCompile, loadLiteRt, supportsFeature, Tensor} from '@litertjs/core';
import {withShapes} from './tflite_shape.js';

/** @typedef {import('@litertjs/core').CompiledModel} CompiledModel */

// Crops are run in batches of these sizes only, so that few input shapes occur.
const BATCH_SIZES = [64, 16, 4, 1];
// About 100 bytes of activations a pixel: P-Net's copies may hold 300 MB.
const CACHED_PIXELS = 3_000_000;
const CACHED_SHAPES = 32;

/** Build of LiteRT.js with threads, which runs with one thread as fast as that without. */
export const THREADED = 'litert_wasm_threaded_internal';

/** The build of LiteRT.js that this browser takes: the name of its files. */
export async function chooseBuild() {
  if (!(await supportsFeature('relaxedSimd'))) return 'litert_wasm_compat_internal';
  const threads = self.crossOriginIsolated && (await supportsFeature('threads'));
  return threads ? THREADED : 'litert_wasm_internal';
}

/**
 * Loads LiteRT.js, once in a worker.
 * @param {string} folder URL of its WebAssembly files, with "/" at its end.
 * @param {string} build As `chooseBuild`.
 */
export async function loadRuntime(folder, build) {
  const threads = build === THREADED;
  Object.assign(self, {
    Module: {
      locateFile: (/** @type {string} */ name) => folder + name,
      // Its threads' script, which it looks for beside the worker's script.
      ...(threads ? {mainScriptUrlOrBlob: `${folder}${build}.js`} : {}),
    },
  });
  await loadLiteRt(folder, {threads});
}

/**
 * A TFLite file of fixed shapes.
 */
export class Network {
  /** @param {CompiledModel} model */
  constructor(model) {
    this.model = model;
    this.input = model.getInputDetails()[0];
    // The order in the file is the converter's own; the output names keep ours.
    this.outputs = model.getOutputDetails().map(({name}) => name).sort();
  }

  /**
   * @param {Uint8Array} content
   * @param {number} threads
   */
  static async open(content, threads) {
    const options = {accelerator: /** @type {const} */ ('wasm'), cpuOptions: {numThreads: threads}};
    return new Network(await loadAndCompile(content, options));
  }

  /**
   * @param {Float32Array | Uint8Array} numbers
   * @returns {Promise<Float32Array[]>} Outputs in the order of their names.
   */
  async run(numbers) {
    const input = /** @type {Float32Array<ArrayBuffer>} */ (numbers);
    const tensor = new Tensor(input, this.input.shape);
    const given = await this.model.run({[this.input.name]: tensor});
    tensor.delete();
    return this.outputs.map((name) => {
      const copy = /** @type {Float32Array} */ (given[name].toTypedArray()).slice();
      given[name].delete();
      return copy;
    });
  }

  delete() {
    this.model.delete();
  }
}

/** P-Net, R-Net and O-Net, each compiled for the input shapes in use. */
export class DetectorNetworks {
  /**
   * @param {Record<"pnet" | "rnet" | "onet", Uint8Array>} contents
   * @param {number} threads
   */
  constructor(contents, threads) {
    this.contents = contents;
    this.threads = threads;
    /** @type {Map<string, {network: Network, pixels: number}>} The oldest first. */
    this.compiled = new Map();
  }

  /** @param {Float32Array} level @param {number} height @param {number} width */
  async pnet(level, height, width) {
    const rows = Math.ceil((height - 2) / 2) - 4;
    const columns = Math.ceil((width - 2) / 2) - 4;
    const network = await this.network('pnet', [1, height, width, 3]);
    return {outputs: await network.run(level), rows, columns};
  }

  /** @param {Float32Array} crops @param {number} count */
  rnet(crops, count) {
    return this.inBatches('rnet', crops, count, 24);
  }

  /** @param {Float32Array} crops @param {number} count */
  onet(crops, count) {
    return this.inBatches('onet', crops, count, 48);
  }

  /**
   * Runs any number of crops, at least one.
   * @param {"rnet" | "onet"} name
   * @param {Float32Array} crops
   * @param {number} count
   * @param {number} side
   */
  async inBatches(name, crops, count, side) {
    const each = side * side * 3;
    /** @type {Float32Array[][]} */
    const parts = [];
    for (let start = 0, size = 0; start < count; start += size) {
      size = BATCH_SIZES.find((batch) => batch <= count - start) ?? 1;
      const batch = crops.subarray(start * each, (start + size) * each);
      const network = await this.network(name, [size, side, side, 3]);
      parts.push(await network.run(batch));
    }
    return parts[0].map((_, output) => joined(parts.map((part) => part[output])));
  }

  /**
   * @param {"pnet" | "rnet" | "onet"} name
   * @param {number[]} input
   */
  async network(name, input) {
    const key = `${name} ${input}`;
    const known = this.compiled.get(key);
    if (known) {
      this.compiled.delete(key);
      this.compiled.set(key, known);
      return known.network;
    }
    const pixels = input[0] * input[1] * input[2];
    this.makeRoom(pixels);
    const content = withShapes(this.contents[name], input);
    const network = await Network.open(content, this.threads);
    this.compiled.set(key, {network, pixels});
    return network;
  }

  /** @param {number} pixels */
  makeRoom(pixels) {
    let held = pixels;
    for (const known of this.compiled.values()) held += known.pixels;
    for (const [key, oldest] of this.compiled) {
      if (held <= CACHED_PIXELS && this.compiled.size < CACHED_SHAPES) break;
      held -= oldest.pixels;
      oldest.network.delete();
      this.compiled.delete(key);
    }
  }

  delete() {
    for (const {network} of this.compiled.values()) network.delete();
    this.compiled.clear();
  }
}

/** @param {Float32Array[]} parts */
function joined(parts) {
  if (parts.length === 1) return parts[0];
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
