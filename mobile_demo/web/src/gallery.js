/** Enrolled people, durable in IndexedDB; a gallery for each bundle and variant. */

import {cosine, unit} from './embedder.js';
import {personScore} from './decision.js';
import {DemoError} from './protocol.js';
import {personKey} from './person_names.js';
import {exportText, importText, LARGEST_FILE} from './transfer.js';

/** @typedef {import('./identity.js').FeatureIdentity} FeatureIdentity */
/** @typedef {import('./protocol.js').Pose} Pose */
/** @typedef {import('./protocol.js').PersonInfo} PersonInfo */
/** @typedef {import('./transfer.js').Template} Template */

/**
 * A template to add; `pitch` of the head is null if it is not known.
 * @typedef {{name: string, template: Template, pose: Pose | null, pitch: number | null}} Addition
 */
/**
 * A stored template; `gallery` is the checksum of all that its feature depends on.
 * @typedef {Template & {id: string, gallery: string, name: string, pose: Pose | null,
 *   pitch: number | null}} Row
 */

const DATABASE = 'tf_sphereface';
const VERSION = 1;
const STORE = 'templates';

export class Gallery {
  /**
   * @param {FeatureIdentity} identity
   * @param {IDBDatabase} database
   */
  constructor(identity, database) {
    this.identity = identity;
    this.database = database;
    /** @type {Map<string, {name: string, rows: Row[], units: Float32Array[]}>} */
    this.byKey = new Map();
  }

  /** @param {FeatureIdentity} identity */
  static async open(identity) {
    const gallery = new Gallery(identity, await openDatabase());
    await gallery.reload();
    return gallery;
  }

  /** Reads all of it again: another page of this browser may have changed it. */
  async reload() {
    this.byKey.clear(); // first, so that nobody who was deleted is left if it cannot be read
    const stored = this.database.transaction(STORE).objectStore(STORE).index('gallery');
    for (const row of await asked(stored.getAll(this.identity.features))) this.keep(row);
  }

  close() {
    this.database.close();
  }

  /** @returns {PersonInfo[]} By name. */
  people() {
    return [...this.byKey.values()]
      .map(({name, rows}) => ({
        name,
        templates: rows.map(({id, source, added, pose}) => ({id, source, time: added, pose})),
      }))
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  /**
   * The score of a face with every person.
   * @param {Float32Array} probe A feature at length 1.
   * @param {import('./protocol.js').Rule} rule
   */
  candidates(probe, rule) {
    return Array.from(this.byKey.values(), ({name, units}) => ({
      name,
      score: personScore(units.map((template) => cosine(template, probe)), rule),
    }));
  }

  /**
   * The templates of a person, at length 1; none of an unknown one.
   * @param {string} name
   */
  templatesOf(name) {
    return this.byKey.get(personKey(name))?.units ?? [];
  }

  /**
   * Pitch of the head in the person's last picture from the front, 0 without one.
   * @param {string} name
   */
  frontPitch(name) {
    const rows = this.byKey.get(personKey(name))?.rows ?? [];
    return rows.findLast(({pose}) => pose === 'front')?.pitch ?? 0;
  }

  /**
   * Adds templates; when it answers, they are on the disk: all of them, or none.
   * @param {Addition[]} added
   */
  async add(added) {
    const rows = added.map(({name, template, pose, pitch}) => ({
      ...template,
      id: crypto.randomUUID(),
      gallery: this.identity.features,
      name: this.byKey.get(personKey(name))?.name ?? name,
      pose,
      pitch,
    }));
    await this.write((store) => rows.forEach((row) => store.add(row)));
    for (const row of rows) this.keep(row);
  }

  /**
   * Deletes a person, or one template; a person without templates is none.
   * @param {string} name
   * @param {string} [templateId]
   */
  async forget(name, templateId) {
    const person = this.person(name);
    const ids = person.rows.map(({id}) => id);
    if (templateId !== undefined && !ids.includes(templateId)) {
      throw new DemoError('name', `${name} has no such template`);
    }
    const gone = templateId === undefined ? ids : [templateId];
    await this.write((store) => gone.forEach((id) => store.delete(id)));
    this.byKey.delete(personKey(name));
    for (const row of person.rows) if (!gone.includes(row.id)) this.keep(row);
  }

  /** @param {string} name @param {string} to */
  async rename(name, to) {
    const person = this.person(name);
    const key = personKey(to);
    if (key !== personKey(name) && this.byKey.has(key)) {
      throw new DemoError('name', `there is a person named ${to} already`);
    }
    const rows = person.rows.map((row) => ({...row, name: to}));
    await this.write((store) => rows.forEach((row) => store.put(row)));
    this.byKey.delete(personKey(name));
    for (const row of rows) this.keep(row);
  }

  /** @returns {Blob} */
  export() {
    const people = Array.from(this.byKey.values(), ({name, rows}) => ({name, templates: rows}));
    return new Blob([exportText(this.identity, people)], {type: 'application/json'});
  }

  /**
   * Adds the people of a file, all of them or none; templates that are there are passed over.
   * @param {Blob} blob
   */
  async import(blob) {
    if (blob.size > LARGEST_FILE) {
      throw new DemoError('gallery', `the file has more than ${LARGEST_FILE / 2 ** 20} MiB`);
    }
    const people = importText(await utf8(blob), this.identity);
    const added = missingFrom(people, (key) => this.byKey.get(key));
    await this.add(added);
    return {people: new Set(added.map(({name}) => personKey(name))).size, templates: added.length};
  }

  /** @param {string} name */
  person(name) {
    const person = this.byKey.get(personKey(name));
    if (!person) throw new DemoError('name', `nobody is named ${name}`);
    return person;
  }

  /** @param {Row} row */
  keep(row) {
    const direction = unit(row.feature);
    if (!direction) return;
    const key = personKey(row.name);
    const person = this.byKey.get(key) ?? {name: row.name, rows: [], units: []};
    person.rows.push(row);
    person.units.push(direction);
    this.byKey.set(key, person);
  }

  /** @param {(store: IDBObjectStore) => void} change */
  async write(change) {
    try {
      const transaction = this.database.transaction(STORE, 'readwrite', {durability: 'strict'});
      change(transaction.objectStore(STORE));
      await new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
      });
    } catch (error) {
      const full = error instanceof DOMException && error.name === 'QuotaExceededError';
      throw new DemoError(
        'storage',
        full
          ? 'the device has no room left for the gallery; nothing was changed'
          : `the browser did not store it, nothing was changed: ${error}`,
      );
    }
  }
}

/**
 * The templates of a file that are not in a gallery yet; those that the file has twice
 * come once.
 * @param {import('./transfer.js').Person[]} people
 * @param {(key: string) => {name: string, rows: {feature: Float32Array}[]} | undefined} there
 */
export function missingFrom(people, there) {
  /** @type {Map<string, {name: string, seen: Set<string>}>} */
  const known = new Map();
  /** @type {Addition[]} */
  const missing = [];
  for (const {name, templates} of people) {
    const key = personKey(name);
    const person = known.get(key) ?? {
      name: there(key)?.name ?? name,
      seen: new Set(there(key)?.rows.map(({feature}) => String(feature))),
    };
    known.set(key, person);
    for (const template of templates) {
      const text = String(template.feature);
      if (person.seen.has(text)) continue;
      person.seen.add(text);
      missing.push({name: person.name, template, pose: null, pitch: null});
    }
  }
  return missing;
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const failed = (/** @type {string} */ reason) =>
      reject(new DemoError('storage', `the browser opens no gallery: ${reason}`));
    /** @type {IDBOpenDBRequest} */
    let request;
    try {
      request = indexedDB.open(DATABASE, VERSION);
    } catch (error) {
      return failed(String(error)); // as some private windows do
    }
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore(STORE, {keyPath: 'id'});
      store.createIndex('gallery', 'gallery');
    };
    request.onblocked = () => failed('close the other pages of this demo');
    request.onerror = () =>
      failed(
        request.error?.name === 'VersionError'
          ? 'it was made by a newer version of this page'
          : String(request.error),
      );
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
  });
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () =>
      reject(new DemoError('storage', `the gallery cannot be read: ${request.error}`));
  });
}

/** @param {Blob} blob */
async function utf8(blob) {
  try {
    const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
    return decoder.decode(await blob.arrayBuffer());
  } catch {
    throw new DemoError('gallery', 'this is no gallery that can be taken: no text in UTF-8');
  }
}
