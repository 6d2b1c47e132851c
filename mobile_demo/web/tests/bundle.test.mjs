/** Bundles that the page refuses, each in words that say why. */

import assert from 'node:assert/strict';
import {afterEach, test} from 'node:test';
import {Bundle, farsOf, parseContract, sha256, whyUnusable} from '../src/contract.js';

const URL_OF = 'http://localhost/bundle/';
const SUM = '0'.repeat(64);
const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);

/** @param {object} [changes] */
function variant(changes = {}) {
  return {
    file: 'embedder.tflite', sha256: SUM, bytes: 5,
    input: {dtype: 'float32', shape: [1, 112, 96, 3], quantization: null},
    output: {dtype: 'float32', shape: [1, 256]},
    drift: {min_cosine: 1},
    thresholds: {accuracy: 0.3, 'far_0.001': 0.5, 'far_0.1': 0.2, 'far_0.01': 0.4},
    calibration: null,
    gate: {passed: true, failures: []},
    ...changes,
  };
}

/** A contract; `changes` by the path of a part. @param {Record<string, unknown>} [changes] */
function contract(changes = {}) {
  const file = {file: 'detector/pnet.tflite', sha256: SUM, bytes: 5};
  const document = {
    format_version: 3,
    pixels: {height: 112, width: 96, channel_order: 'RGB', mean: 127.5, scale: 128},
    embedding_dim: 256,
    feature: {mirror: 'concat', inside: []},
    model: {name: 'sphereface4'},
    landmark_template: [[29, 50], [64, 50], [47, 70], [32, 91], [61, 91]],
    landmark_fit: 'crop',
    detector: {
      files: {pnet: file, rnet: file, onet: file},
      settings: {smallest_face: 20, pyramid_factor: 0.709, thresholds: [0.6, 0.7, 0.9]},
    },
    variants: {none: variant(), fp16: variant()},
    default_variant: 'none',
    golden: {file: 'golden/golden.json', sha256: SUM, bytes: 5},
  };
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = /** @type {string} */ (keys.pop());
    const owner = keys.reduce((part, key) => Reflect.get(part, key), /** @type {object} */ (document));
    Reflect.set(owner, last, value);
  }
  return document;
}

const fetched = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = fetched;
});

/** @param {Record<string, Uint8Array<ArrayBuffer>>} files By their names in the bundle. */
function serve(files) {
  globalThis.fetch = async (url) => {
    const name = String(url).slice(URL_OF.length);
    return name in files ? new Response(files[name]) : new Response('', {status: 404});
  };
}

/** @param {object} document */
async function served(document) {
  const content = bytes(JSON.stringify(document));
  const line = bytes(`${await sha256(content)}  contract.json\n`);
  return {'contract.json': content, 'contract.json.sha256': line};
}

/** @param {Promise<unknown>} promise @param {RegExp} message */
const refused = (promise, message) => assert.rejects(promise, {code: 'bundle', message});

test('a whole bundle is opened, and its files are those of the contract', async () => {
  const content = bytes('hello');
  const none = variant({sha256: await sha256(content)});
  serve({...(await served(contract({'variants.none': none}))), 'embedder.tflite': content});
  const bundle = await Bundle.open('http://localhost/bundle');
  assert.equal(bundle.variantName(), 'none');
  const read = await bundle.content(bundle.contract.variants.none);
  assert.deepEqual(read, content);
});

test('a changed contract, file or size is refused', async () => {
  const files = await served(contract());
  serve({...files, 'contract.json': bytes(JSON.stringify(contract({embedding_dim: 128})))});
  await refused(Bundle.open(URL_OF), /differs from its checksum/);
  serve({...files, 'embedder.tflite': bytes('hellO'), 'golden/golden.json': bytes('longer')});
  const bundle = await Bundle.open(URL_OF);
  await refused(bundle.content(bundle.contract.variants.none), /embedder.tflite is not the file/);
  await refused(bundle.content(bundle.contract.golden), /golden.json is larger than it may be/);
  await refused(bundle.picture('golden/golden.json', SUM), /is not the file/);
});

test('a missing bundle and a server that is gone are told apart', async () => {
  serve({});
  await refused(Bundle.open(URL_OF), /damaged bundle: contract.json is missing/);
  globalThis.fetch = async () => new Response('', {status: 503});
  await refused(Bundle.open(URL_OF), /contract.json was changed since the server began/);
  globalThis.fetch = async () => new Response('', {status: 500});
  await refused(Bundle.open(URL_OF), /the server does not give contract.json \(500\)/);
  globalThis.fetch = () => Promise.reject(new TypeError('Failed to fetch'));
  await refused(Bundle.open(URL_OF), /the server does not answer/);
});

test('other formats are told apart from damage', () => {
  const parse = (/** @type {object} */ document) => () => parseContract(JSON.stringify(document));
  assert.throws(parse(contract({format_version: 4})), {code: 'bundle', message: /newer page/});
  assert.throws(parse(contract({format_version: 2})), {code: 'bundle', message: /export it again/});
  assert.throws(() => parseContract('{'), {code: 'bundle', message: /no JSON/});
});

const DAMAGES = {
  'pixels.height': 0,
  'pixels.mean': 'grey',
  'pixels.channel_order': 'GRB',
  embedding_dim: -1,
  'feature.mirror': 'both',
  landmark_template: [[1, 2]],
  landmark_fit: 'both',
  'detector.files.onet': null,
  'detector.settings.pyramid_factor': 0.99,
  'detector.settings.smallest_face': 12.1,
  'detector.settings.thresholds': [0.6, 0.7],
  'variants.none.file': '../secret',
  'variants.fp16.sha256': 'x',
  default_variant: 'constructor',
  'golden.bytes': 2 ** 40,
};
for (const [path, value] of Object.entries(DAMAGES)) {
  test(`a contract with ${path} ${JSON.stringify(value)} is damaged`, () => {
    const text = JSON.stringify(contract({[path]: value}));
    assert.throws(() => parseContract(text), {code: 'bundle', message: /damaged bundle/});
  });
}

test('variants that cannot be used say why', () => {
  /** @type {any} */
  const usable = variant();
  assert.equal(whyUnusable(usable), null);
  const int8 = {...usable.input, dtype: 'int8', quantization: {scale: 1, zero_point: 0}};
  assert.match(String(whyUnusable({...usable, input: int8})), /int8 input/);
  const pixels = {...usable.input, dtype: 'uint8'};
  assert.equal(whyUnusable({...usable, input: pixels}), null);
  assert.match(String(whyUnusable({...usable, thresholds: null})), /sphereface calibrate/);
  assert.match(String(whyUnusable({...usable, thresholds: {accuracy: 1}})), /no threshold/);
  const gate = {passed: false, failures: ['too far']};
  assert.match(String(whyUnusable({...usable, gate})), /gate \(too far\)/);
});

test('a bundle without thresholds is refused, one variant without them is passed over', () => {
  const without = variant({thresholds: null});
  /** @type {any} */
  const all = contract({'variants.none': without, 'variants.fp16': without});
  assert.throws(() => new Bundle(URL_OF, all).variantName(), {
    code: 'bundle',
    message: /sphereface calibrate/,
  });
  /** @type {any} */
  const one = contract({'variants.none': without});
  assert.equal(new Bundle(URL_OF, one).variantName(), 'fp16');
  assert.throws(() => new Bundle(URL_OF, one).variantName('none'), {code: 'variant'});
  assert.throws(() => new Bundle(URL_OF, one).variantName('toString'), {
    code: 'variant',
    message: /the bundle has: none, fp16/,
  });
});

test('false accept rates come highest first', () => {
  assert.deepEqual(
    farsOf(variant().thresholds).map(({far}) => far),
    [0.1, 0.01, 0.001],
  );
});
