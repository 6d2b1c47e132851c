/**
 * The page in Chromium against Python, over the contract cases of a bundle:
 *
 *     node tests/parity.mjs BUNDLE CASES [PHOTOS]
 *
 * CASES is what make_cases.py wrote; PHOTOS is the folder of its pictures if they lie
 * elsewhere. Prints a report as JSON; nothing is judged here.
 */

import {mkdtempSync, readFileSync, rmSync, symlinkSync, existsSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';
import {openPage, serve} from './browser.mjs';

const [bundle, cases, photos = cases] = process.argv.slice(2);
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const built = mkdtempSync(join(tmpdir(), 'parity-'));
symlinkSync(join(dist, 'wasm'), join(built, 'wasm'));
await build({
  entryPoints: [fileURLToPath(new URL('parity_worker.js', import.meta.url))],
  outfile: join(built, 'worker.js'),
  bundle: true,
  format: 'iife',
  logLevel: 'warning',
});
const server = await serve({dist, built, bundle, photos});
const bundleUrl = `${server.url}bundle`;
const read = (/** @type {string} */ topic) =>
  JSON.parse(readFileSync(join(cases, `${topic}.json`), 'utf8'));

try {
  const {cases: known} = read('faces');
  const computed = await withPage('/built/worker.js', (page) => facesOf(page, known));
  /** @type {Record<string, unknown>} */
  const report = {...compared(known, computed), decisions: {}};
  for (const {variant} of computed.identities) {
    if (!hasDecisions(variant)) continue;
    const decisions = await withPage('/dist/worker.js', (page) => decisionsOf(page, variant, known));
    Object.assign(/** @type {object} */ (report.decisions), {[variant]: decisions});
  }
  console.log(JSON.stringify(report));
} finally {
  server.close();
  rmSync(built, {recursive: true});
}

/** False without thresholds: the page opens no such bundle. @param {string} variant */
function hasDecisions(variant) {
  if (!existsSync(join(cases, `decisions_${variant}.json`))) return false;
  return read(`decisions_${variant}`).cases.some((/** @type {any} */ one) => one.threshold !== null);
}

/**
 * @template T
 * @param {string} worker
 * @param {(page: Awaited<ReturnType<typeof openPage>>) => Promise<T>} use
 */
async function withPage(worker, use) {
  const page = await openPage(server.url, worker);
  try {
    return await use(page);
  } finally {
    await page.browser.close();
  }
}

/** @param {any} answer */
function granted({ok, result, error}) {
  if (!ok) throw new Error(`${error.code}: ${error.message}`);
  return result;
}

/** @param {Awaited<ReturnType<typeof openPage>>} page @param {any[]} known */
async function facesOf(page, known) {
  const identities = granted(await page.ask('open', {bundleUrl}));
  const faces = [];
  for (const {photo} of known) {
    faces.push(granted(await page.askWithPicture('faces', `${server.url}photos/${photo}`)));
  }
  return {identities, faces};
}

/**
 * Worst differences of all faces, by the photo's and the face's place.
 * @param {any[]} known @param {{identities: any[], faces: any[][]}} computed
 */
function compared(known, {identities, faces}) {
  /** @type {Record<string, number>} */
  const cosines = {};
  /** @type {Record<string, number[][]>} */
  const scores = {};
  /** @type {string[]} */
  const miscounted = [];
  let [landmarks, confidence, count] = [0, 0, 0];
  known.forEach(({name, faces: expected}, index) => {
    const given = faces[index];
    if (given.length !== expected.length) miscounted.push(name);
    expected.slice(0, given.length).forEach((/** @type {any} */ face, /** @type {number} */ place) => {
      count += 1;
      const points = given[place].landmarks.map((/** @type {number[]} */ [x, y], /** @type {number} */ i) =>
        Math.hypot(x - face.landmarks[i][0], y - face.landmarks[i][1]),
      );
      landmarks = Math.max(landmarks, ...points);
      confidence = Math.max(confidence, Math.abs((given[place].confidence ?? 0) - (face.confidence ?? 0)));
      for (const [variant, packed] of Object.entries(face.features)) {
        if (!given[place].features[variant]) continue; // browsers do not run it
        const bytes = Buffer.from(String(packed), 'base64');
        const feature = Array.from({length: bytes.length / 4}, (_, i) => bytes.readFloatLE(4 * i));
        const score = cosine(given[place].features[variant], feature);
        cosines[variant] = Math.min(cosines[variant] ?? 1, score);
      }
    });
  });
  /** The score of the first faces of two photos, by the page. */
  for (const [a, b] of readPairs()) {
    for (const {variant} of identities) {
      const features = [a, b].map((place) => faces[place][0]?.features[variant]);
      (scores[variant] ??= []).push(features.every(Boolean) ? [cosine(features[0], features[1])] : []);
    }
  }
  return {photos: known.length, faces: count, miscounted, landmarks, confidence, cosines, identities, scores};
}

/** Pairs of photos by their places, if there are some. @returns {[number, number][]} */
function readPairs() {
  return existsSync(join(cases, 'pairs.json')) ? read('pairs') : [];
}

/**
 * @param {Awaited<ReturnType<typeof openPage>>} page @param {string} variant
 * @param {any[]} known
 */
async function decisionsOf(page, variant, known) {
  const {enrolled, cases: asked, tolerance} = read(`decisions_${variant}`);
  const url = (/** @type {string} */ name) =>
    `${server.url}photos/${known.find((one) => one.name === name).photo}`;
  granted(await page.ask('open', {bundleUrl, variant}));
  const tested = granted(await page.ask('selfTest'));
  if (!tested.ok) throw new Error(`${variant}: the self-test failed: ${JSON.stringify(tested.rows)}`);
  for (const {person, photo} of enrolled) {
    const fields = {name: person, pose: null, force: true, source: photo};
    granted(await page.askWithPicture('enrol', url(photo), fields));
  }
  // What is asked below is answered by a gallery that went through a file.
  const gallery = await page.page.evaluate(throughAFile);
  const wrong = [];
  for (const far of new Set(asked.map((/** @type {any} */ one) => one.far))) {
    granted(await page.ask('configure', {far}));
    for (const name of new Set(asked.map((/** @type {any} */ one) => one.photo))) {
      const {faces} = granted(await page.askWithPicture('frame', url(String(name)), {track: false}));
      for (const one of asked) {
        if (one.photo !== name || one.far !== far) continue;
        const face = faces[one.face];
        const same = ['decision', 'name', 'nearest'].every((key) => face?.[key] === one.expected[key]);
        const apart = Math.abs(face?.similarity - one.expected.score);
        if (!same || !(apart <= tolerance)) wrong.push({...one, given: face});
      }
    }
  }
  return {asked: asked.length, wrong, gallery};
}

/** Runs in the page: exports the gallery, deletes everybody, and imports it, twice. */
async function throughAFile() {
  const ask = async (/** @type {string} */ type, fields = {}) => {
    const {ok, result, error} = await Reflect.get(window, 'ask')(type, fields);
    return ok ? result : error.code;
  };
  const {blob} = await ask('exportGallery');
  const people = await ask('people');
  const first = people[0].name;
  const renamed = [
    await ask('rename', {name: first, to: people[1].name}),
    (await ask('rename', {name: first, to: 'Somebody'})).length,
  ];
  for (const {name} of await ask('people')) await ask('forget', {name});
  const left = (await ask('people')).length;
  const hostile = await ask('importGallery', {blob: new Blob([await blob.text(), '{}'])});
  const taken = [await ask('importGallery', {blob}), await ask('importGallery', {blob})];
  return {renamed, left, hostile, taken, people: (await ask('people')).length};
}

/** @param {number[]} first @param {number[]} second */
function cosine(first, second) {
  const dot = (/** @type {number[]} */ a, /** @type {number[]} */ b) =>
    a.reduce((sum, value, index) => sum + value * b[index], 0);
  return dot(first, second) / Math.sqrt(dot(first, first) * dot(second, second));
}
