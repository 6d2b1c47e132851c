/** The settings: variant, false accept rate, rule, smallest face, threads. */

import {byId, make, setText} from './dom.js';
import {percent, score, size, thresholdText} from './words.js';

/** @typedef {import('../protocol.js').Settings} Settings */
/** @typedef {import('../protocol.js').State} State */
/** @typedef {import('./app.js').App} App */

const MOST_THREADS = 8;
const FIELDS = /** @type {const} */ (['variant', 'far', 'rule', 'threads']);

export class SettingsView {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    app.addEventListener('state', () => this.show());
    app.addEventListener('tested', () => this.show());
    this.#sends('variant', ({value}) => ({variant: value}));
    this.#sends('far', ({value}) => ({far: Number(value)}));
    this.#sends('rule', ({value}) => ({rule: /** @type {any} */ (value)}));
    this.#sends('threads', ({value}) => ({threads: Number(value)}));
    const smallest = byId('smallest', 'input');
    smallest.addEventListener('input', () => this.#showSmallest());
    smallest.addEventListener('change', () =>
      this.#configure({smallestFace: Number(smallest.value)}),
    );
  }

  show() {
    const {state} = this.app;
    const smallest = byId('smallest', 'input');
    smallest.disabled = !state;
    for (const id of FIELDS) byId(id, 'select').disabled = !state;
    // The templates of an enrolment are of one variant: each has a gallery of its own.
    byId('variant', 'select').disabled ||= this.app.enrolling;
    if (!state) return;
    fill('variant', state.variant, variantOptions(state));
    fill('far', String(state.far), farOptions(state));
    fill('threads', String(state.threads), threadOptions(state));
    smallest.value = String(state.smallestFace);
    this.#showSmallest();
    const {far} = state;
    setText(byId('far-meaning', 'span'), thresholdText(far, this.app.threshold, this.app.templates));
    setText(
      byId('threads-meaning', 'span'),
      state.mostThreads > 1
        ? 'More are faster where the processor has them.'
        : 'One: this processor has no more, or the browser or the server allows no others.',
    );
  }

  #showSmallest() {
    setText(byId('smallest-shown', 'output'), `${byId('smallest', 'input').value} pixels`);
  }

  /**
   * @param {typeof FIELDS[number]} id
   * @param {(select: HTMLSelectElement) => Settings} settings
   */
  #sends(id, settings) {
    const select = byId(id, 'select');
    select.addEventListener('change', () => this.#configure(settings(select)));
  }

  /** @param {Settings} settings */
  async #configure(settings) {
    await this.app.attempt('The setting was not changed.', () => this.app.configure(settings));
    this.show();
  }
}

/**
 * @param {typeof FIELDS[number]} id
 * @param {string} chosen
 * @param {{value: string, text: string, disabled?: boolean}[]} options
 */
function fill(id, chosen, options) {
  const select = byId(id, 'select');
  select.replaceChildren(
    ...options.map(({value, text, disabled}) =>
      make('option', {value, ...(disabled ? {disabled: ''} : {})}, text),
    ),
  );
  select.value = chosen;
}

/** @param {State} state */
function variantOptions({variants}) {
  return variants.map(({name, bytes, usable}) => ({
    value: name,
    text: `${name}, ${size(bytes)}${usable ? '' : ', not in browsers'}`,
    disabled: !usable,
  }));
}

/** @param {State} state */
function farOptions({fars}) {
  return fars.map(({far, threshold}) => ({
    value: String(far),
    text: `${percent(far)}, threshold ${score(threshold)}`,
  }));
}

/** @param {State} state */
function threadOptions({threads, mostThreads}) {
  const most = Math.max(threads, Math.min(MOST_THREADS, mostThreads));
  return Array.from({length: most}, (_, index) => String(index + 1)).map((value) => ({
    value,
    text: value,
  }));
}
