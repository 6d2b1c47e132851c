/** A gallery as one file: the exchange format of mobile_demo/contract/README.md. */

import {DemoError} from './protocol.js';
import {unit} from './embedder.js';
import {personKey} from './person_names.js';

/** @typedef {import('./identity.js').FeatureIdentity} FeatureIdentity */
/** @typedef {import('./quality.js').Quality} Quality */

/**
 * A template of a person.
 * @typedef {object} Template
 * @property {Float32Array<ArrayBuffer>} feature Of any length > 0.
 * @property {string} source Name of the photo, or "".
 * @property {string} added UTC, such as "2026-11-30T12:00:00Z".
 * @property {Quality | null} quality
 */
/** @typedef {{name: string, templates: Template[]}} Person */

const KIND = 'tf_sphereface gallery';
const FORMAT_VERSION = 1;
const ENCRYPTED = 'tf_sphereface encrypted gallery 1\n';
const LONGEST_SOURCE = 1000;
const LARGEST_CROP = 2 ** 22;
/** Bytes; a browser has no longer strings. */
export const LARGEST_FILE = 2 ** 28;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const IDENTITY = ['variant', 'mirror', 'feature_dim', 'crop_size', 'crops', 'features'];
const MEASURES = ['score', 'eyes', 'brightness', 'sharpness', 'turn'];

/**
 * @param {FeatureIdentity} identity
 * @param {Person[]} people
 * @returns {string}
 */
export function exportText(identity, people) {
  const stored = people.map(({name, templates}) => ({
    name,
    templates: templates.map(({added, source, feature, quality}) => ({
      added,
      source: [...source].slice(0, LONGEST_SOURCE).join(''),
      feature: toBase64(feature),
      quality,
      crop: null,
    })),
  }));
  const document = {kind: KIND, format_version: FORMAT_VERSION, identity, people: stored};
  return JSON.stringify(document, null, 1);
}

/**
 * The people of a file, which may be hostile: all of them, or an error.
 * @param {string} text
 * @param {FeatureIdentity} identity Of the gallery.
 * @returns {Person[]}
 */
export function importText(text, identity) {
  if (text.startsWith(ENCRYPTED)) {
    throw refused('it is encrypted; export it without a key');
  }
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    throw refused('no JSON');
  }
  const version = document?.format_version;
  if (document?.kind === KIND && Number.isInteger(version) && version > FORMAT_VERSION) {
    throw refused(`it has format version ${version}, this page reads ${FORMAT_VERSION}`);
  }
  requireOnly(document, ['kind', 'format_version', 'identity', 'people'], []);
  if (document.kind !== KIND || version !== FORMAT_VERSION) throw refused('another kind of file');
  requireOnly(document.identity, IDENTITY, []);
  // The keys in one order: the identity is compared as a whole.
  const told = JSON.stringify(IDENTITY.map((key) => document.identity[key]));
  if (told !== JSON.stringify(IDENTITY.map((key) => Reflect.get(identity, key)))) {
    throw refused(
      'its templates are of another bundle or variant than those here; they are never compared',
    );
  }
  requireUniqueKeys(text);
  return list(document.people).map((person) => personOf(person, identity));
}

/** @param {any} stored @param {FeatureIdentity} identity @returns {Person} */
function personOf(stored, identity) {
  requireOnly(stored, ['name', 'templates'], []);
  try {
    personKey(stored.name);
  } catch (error) {
    throw refused(/** @type {Error} */ (error).message);
  }
  const templates = list(stored.templates).map((template) => templateOf(template, identity));
  if (!templates.length) throw refused('a person without templates');
  return {name: stored.name, templates};
}

/** @param {any} stored @param {FeatureIdentity} identity @returns {Template} */
function templateOf(stored, identity) {
  requireOnly(stored, ['added', 'source', 'feature'], ['quality', 'crop']);
  const {added, source, quality = null, crop = null} = stored;
  if (typeof added !== 'string' || !TIME.test(added)) throw refused('a time that is none');
  if (typeof source !== 'string' || [...source].length > LONGEST_SOURCE || !isWhole(source)) {
    throw refused('a source that is no name of a photo');
  }
  const bytes = fromBase64(stored.feature, 4 * identity.feature_dim);
  const view = new DataView(bytes.buffer);
  const feature = Float32Array.from({length: identity.feature_dim}, (_, i) =>
    view.getFloat32(4 * i, true),
  );
  if (!unit(feature)) throw refused('a template that is not finite, or zero');
  if (crop !== null) requireCrop(crop, identity.crop_size);
  return {feature, source, added, quality: quality === null ? null : qualityOf(quality)};
}

/** @param {any} stored @returns {Quality} */
function qualityOf(stored) {
  requireOnly(stored, MEASURES, ['landmark_confidence']);
  const {landmark_confidence: sure = null, ...others} = stored;
  const numbers = [...Object.values(others), sure ?? 0];
  if (!numbers.every((x) => typeof x === 'number' && Math.abs(x) <= 1e6)) {
    throw refused('a measurement that is no number');
  }
  return {...others, landmark_confidence: sure};
}

/**
 * Aligned faces in the file are looked at, but not kept.
 * @param {unknown} crop @param {[number, number]} size
 */
function requireCrop(crop, [height, width]) {
  if (typeof crop !== 'string' || crop.length > LARGEST_CROP) throw refused('a crop that is none');
  const bytes = fromBase64(crop);
  const view = new DataView(bytes.buffer);
  const isPicture = bytes.length > 33 && view.getUint32(0) === 0x89504e47;
  if (!isPicture || view.getUint32(16) !== width || view.getUint32(20) !== height) {
    throw refused(`a crop that is no PNG of ${height} x ${width} pixels`);
  }
}

/** @param {any} value @param {string[]} needed @param {string[]} allowed */
function requireOnly(value, needed, allowed) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refused('a part is no object');
  }
  const missing = needed.find((key) => !Object.hasOwn(value, key));
  if (missing) throw refused(`"${missing}" is missing`);
  const other = Object.keys(value).find((key) => !needed.includes(key) && !allowed.includes(key));
  if (other !== undefined) throw refused(`an unknown key, ${JSON.stringify(other).slice(0, 60)}`);
}

/**
 * Refuses a key that is there twice: readers differ in which one counts.
 * @param {string} text Valid JSON.
 */
function requireUniqueKeys(text) {
  /** @type {Set<string>[]} */
  const open = [];
  let last = '';
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === '"') {
      let end = at + 1;
      while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
      last = text.slice(at, end + 1);
      at = end;
    } else if (sign === '{' || sign === '[') {
      open.push(new Set());
    } else if (sign === '}' || sign === ']') {
      open.pop();
    } else if (sign === ':') {
      const keys = /** @type {Set<string>} */ (open.at(-1));
      const key = JSON.parse(last);
      if (keys.has(key)) throw refused(`the key ${last.slice(0, 60)} is there twice`);
      keys.add(key);
    }
  }
}

/** @param {unknown} value @returns {any[]} */
function list(value) {
  if (!Array.isArray(value)) throw refused('a part is no list');
  return value;
}

/** Half a character has no UTF-8. @param {string} text */
function isWhole(text) {
  return !/\p{Cs}/u.test(text);
}

/** @param {Float32Array} feature */
function toBase64(feature) {
  const view = new DataView(new ArrayBuffer(4 * feature.length));
  feature.forEach((value, index) => view.setFloat32(4 * index, value, true));
  return btoa(String.fromCharCode(...new Uint8Array(view.buffer)));
}

/** @param {unknown} text @param {number} [length] Bytes. */
function fromBase64(text, length) {
  if (typeof text !== 'string' || !BASE64.test(text)) throw refused('text that is no base64');
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  if (length !== undefined && bytes.length !== length) {
    throw refused('a template of another length');
  }
  return bytes;
}

/** @param {string} reason */
function refused(reason) {
  return new DemoError('gallery', `this is no gallery that can be taken: ${reason}`);
}
