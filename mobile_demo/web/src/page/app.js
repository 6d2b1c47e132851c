/** The page's state: the worker, its settings, and the people of the variant in use. */

import {DemoError} from '../protocol.js';
import {Announcer, Notices} from './notices.js';
import {WorkerClient} from './worker_client.js';

/** @typedef {import('../protocol.js').State} State */
/** @typedef {import('../protocol.js').Settings} Settings */
/** @typedef {import('../protocol.js').PersonInfo} PersonInfo */
/** @typedef {import('../protocol.js').SelfTestResult} SelfTestResult */

const SETTINGS_KEY = 'settings';

/**
 * Events: "state" (settings or people changed), "tested" (a self-test has ended), and
 * "progress" (a CustomEvent of the worker's).
 */
export class App extends EventTarget {
  constructor() {
    super();
    this.notices = new Notices();
    this.announcer = new Announcer();
    this.client = new WorkerClient('worker.js', (event) => {
      if (event.event === 'people') this.refreshPeople(); // another page changed them
      else this.dispatchEvent(new CustomEvent('progress', {detail: event}));
    });
    /** @type {State | null} */
    this.state = null;
    /** @type {SelfTestResult | null} */
    this.test = null;
    /** @type {PersonInfo[]} */
    this.people = [];
    /** True while pictures of a person are taken: the gallery is not changed for another. */
    this.enrolling = false;
  }

  /** @param {boolean} enrolling */
  setEnrolling(enrolling) {
    this.enrolling = enrolling;
    this.#tell('state');
  }

  /** Whether faces may be recognised: opened, and the self-test passed. */
  get ready() {
    return this.test?.ok === true;
  }

  get templates() {
    return this.people.reduce((sum, {templates}) => sum + templates.length, 0);
  }

  /** The threshold of the false accept rate in use. */
  get threshold() {
    const {fars = [], far} = this.state ?? {};
    return fars.find((each) => each.far === far)?.threshold ?? 1;
  }

  /** Opens the bundle with the settings of the last time, or else with its own. */
  async open() {
    const bundleUrl = new URL('bundle/', document.baseURI).href;
    const stored = storedSettings();
    try {
      this.state = await this.client.ask('open', {bundleUrl, ...defaults(), ...stored});
    } catch (error) {
      const settings = Object.keys(stored).length > 0;
      if (!settings || !(error instanceof DemoError) || error.code === 'internal') throw error;
      // Settings of another bundle: it may have neither that variant nor that rate.
      localStorage.removeItem(SETTINGS_KEY);
      this.state = await this.client.ask('open', {bundleUrl, ...defaults()});
    }
    await this.selfTest();
  }

  /** Computes the golden photos; nothing is recognised unless they are right. */
  async selfTest() {
    this.test = null;
    this.#tell('tested');
    this.test = await this.client.ask('selfTest', {});
    this.#tell('tested');
    await this.refreshPeople();
  }

  /** @param {Settings} settings Those that change. */
  async configure(settings) {
    const before = this.state;
    this.state = await this.client.ask('configure', settings);
    storeSettings(this.state);
    const other = before?.variant !== this.state.variant || before?.threads !== this.state.threads;
    if (other) await this.selfTest();
    else this.#tell('state');
  }

  async refreshPeople() {
    this.setPeople(await this.client.ask('people', {}));
  }

  /** @param {PersonInfo[]} people */
  setPeople(people) {
    this.people = people;
    this.#tell('state');
  }

  /** Asks the browser to keep what is stored, and whether it will. */
  async persist() {
    const granted = (await navigator.storage?.persist?.()) ?? false;
    if (this.state) this.state = {...this.state, persisted: granted};
    this.#tell('state');
    return granted;
  }

  /**
   * Runs what a button asks for and shows what goes wrong.
   *
   * @param {string} title Of the notice.
   * @param {() => Promise<unknown>} action
   */
  async attempt(title, action) {
    try {
      await action();
      this.notices.clear('action');
    } catch (error) {
      this.notices.show('action', 'error', title, messageOf(error));
    }
  }

  /** @param {string} type */
  #tell(type) {
    this.dispatchEvent(new Event(type));
  }
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

function defaults() {
  const threads = Math.min(4, Math.max(1, Math.floor((navigator.hardwareConcurrency || 2) / 2)));
  return {threads: self.crossOriginIsolated ? threads : 1, smallestFace: 60};
}

/** @returns {Settings} */
function storedSettings() {
  try {
    const stored = JSON.parse(localStorage.getItem(SETTINGS_KEY) ?? '{}');
    return stored && typeof stored === 'object' ? stored : {};
  } catch {
    return {};
  }
}

/** @param {State & Settings} state */
function storeSettings({variant, far, smallestFace, threads, rule}) {
  try {
    localStorage.setItem(SETTINGS_KEY, JSON.stringify({variant, far, smallestFace, threads, rule}));
  } catch {
    // Without storage the settings last as long as the page.
  }
}
