/** Self-test, latency and what this browser offers. */

import {byId, make, setText} from './dom.js';
import {plural} from './words.js';

/** @typedef {import('../protocol.js').SelfTestRow} SelfTestRow */
/** @typedef {import('./app.js').App} App */
/** @typedef {import('./latency.js').Latency} Latency */

export class CheckView {
  /**
   * @param {App} app
   * @param {Latency} latency
   */
  constructor(app, latency) {
    this.app = app;
    this.latency = latency;
    /** @type {string} */
    this.offline = 'not stored yet';
    app.addEventListener('tested', () => this.#showTest());
    app.addEventListener('state', () => this.showFacts());
    byId('test-again', 'button').addEventListener('click', () =>
      app.attempt('The self-test did not run.', () => app.selfTest()),
    );
    setInterval(() => {
      if (!byId('panel-check', 'div').hidden) this.#showLatency();
    }, 1000);
  }

  #showLatency() {
    this.latency.fill(byId('latency', 'table'));
    const {rate, frames} = this.latency;
    const words = 'Milliseconds of the last frames of the camera';
    setText(
      byId('latency-words', 'p'),
      rate === null ? `${words}.` : `${words} (${frames.length}), at ${rate.toFixed(1)} a second.`,
    );
  }

  #showTest() {
    const {test} = this.app;
    const table = byId('test', 'table');
    table.hidden = !test?.rows.length;
    byId('test-again', 'button').disabled = !test;
    table.tBodies[0].replaceChildren(...(test?.rows ?? []).map(testRow));
    const photos = new Set(test?.rows.map(({photo}) => photo)).size;
    setText(
      byId('test-words', 'p'),
      test === null
        ? 'The bundle’s own photos are being computed.'
        : test.ok
          ? `Passed: ${plural(photos, 'photo')} of the bundle gave the results it was exported with.`
          : 'Failed: this browser computes something else than the bundle was measured with, ' +
            'so that its thresholds mean nothing here. Nothing is recognised.',
    );
  }

  showFacts() {
    const {state} = this.app;
    const facts = {
      'Offline copy': this.offline,
      Gallery: state?.persisted ? 'kept by the browser' : 'may be deleted when space runs short',
      Threads: String(state?.threads ?? 1),
      'Isolated from other pages': self.crossOriginIsolated ? 'yes' : 'no',
      'Processor cores': String(navigator.hardwareConcurrency ?? 'unknown'),
    };
    byId('facts', 'dl').replaceChildren(
      ...Object.entries(facts).flatMap(([name, value]) => [
        make('dt', {}, name),
        make('dd', {}, value),
      ]),
    );
  }
}

/** @param {SelfTestRow} row */
function testRow({photo, check, value, limit, ok}) {
  return make(
    'tr',
    {},
    make('th', {scope: 'row'}, `${(photo.split('/').pop() ?? photo).replace(/\.\w+$/, '')}, ${check}`),
    make('td', {class: 'number'}, figure(value)),
    make('td', {class: 'number'}, figure(limit)),
    make('td', {'data-ok': String(ok)}, ok ? 'passed' : 'failed'),
  );
}

/** @param {number} value */
function figure(value) {
  if (!Number.isFinite(value)) return String(value);
  return value > 0 && value < 1e-4 ? '< 0.0001' : String(Number(value.toPrecision(3)));
}
