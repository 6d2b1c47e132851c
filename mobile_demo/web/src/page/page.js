/** The page: opens the bundle, tests it, and lets the views work. */

import {App, messageOf} from './app.js';
import {CheckView} from './check_view.js';
import {byId, setText} from './dom.js';
import {Enrolment} from './enrolment.js';
import {FacesView} from './faces_view.js';
import {Latency} from './latency.js';
import {Live} from './live.js';
import {storeForOffline} from './offline.js';
import {Overlay} from './overlay.js';
import {PeopleView} from './people_view.js';
import {Photos} from './photos.js';
import {SettingsView} from './settings_view.js';
import {makeTabs} from './tabs.js';

/** @typedef {import('../protocol.js').ProgressEvent} ProgressEvent */

const app = new App();
const latency = new Latency();
const overlay = new Overlay(byId('overlay', 'canvas'));
const faces = new FacesView(app);
const live = new Live(app, overlay, faces, latency);
const check = new CheckView(app, latency);
new Photos(app, overlay, faces, live);
new Enrolment(app, live);
new PeopleView(app);
new SettingsView(app);
const select = makeTabs(document.querySelector('[role="tablist"]') ?? document.body, (name) => {
  if (name === 'check') check.showFacts();
});

byId('status', 'button').addEventListener('click', () => select('check'));
app.addEventListener('progress', (event) => {
  const {stage, done, total} = /** @type {CustomEvent<ProgressEvent>} */ (event).detail;
  const words = {bundle: 'Loading', networks: 'Preparing', 'self-test': 'Testing'}[stage] ?? stage;
  showStatus('busy', total > 0 ? `${words} ${Math.round((100 * done) / total)} %` : words);
});
app.addEventListener('tested', () => {
  const {ready, test} = app;
  byId('start', 'button').disabled = !ready;
  byId('choose', 'button').disabled = !ready;
  if (test === null) return showStatus('busy', 'Testing');
  showStatus(ready ? 'ok' : 'error', ready ? 'Tested' : 'Test failed');
  if (ready) return app.notices.clear('self-test');
  live.stop();
  app.notices.show(
    'self-test',
    'error',
    'The self-test failed; nothing is recognised.',
    'This browser computes the network otherwise than it was measured. Another variant may pass (Settings), or another browser.',
    {text: 'Show the results', action: () => select('check')},
  );
});
app.addEventListener('state', () => {
  const {state} = app;
  if (state) setText(byId('network', 'p'), `${state.network}, ${state.variant}`);
});

/**
 * @param {"busy" | "ok" | "error"} state
 * @param {string} text
 */
function showStatus(state, text) {
  const chip = byId('status', 'button');
  chip.dataset.state = state;
  setText(chip, text);
}

async function start() {
  try {
    await app.open();
  } catch (error) {
    showStatus('error', 'Not usable');
    setText(byId('network', 'p'), 'No bundle');
    setText(byId('welcome-text', 'p'), 'Nothing can be recognised.');
    app.notices.show('open', 'error', 'The bundle was refused.', messageOf(error), {
      text: 'Try again',
      action: start,
    });
    return;
  }
  await storeForOffline(app.state?.build ?? '', (text) => {
    check.offline = text;
    check.showFacts();
  });
}

start();
