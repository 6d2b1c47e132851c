/** The list of faces beside the picture. */

import {byId, make, named, setText} from './dom.js';
import {livenessText, reasonText, scoreText, thresholdText, whoText} from './words.js';

/** @typedef {import('../protocol.js').FrameFace} FrameFace */
/** @typedef {import('./app.js').App} App */

const PAUSE = 250; // ms between two updates: numbers that can be read

export class FacesView {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.list = byId('faces', 'ul');
    this.none = byId('no-faces', 'p');
    /** @type {Map<number, HTMLLIElement>} */
    this.rows = new Map();
    this.updated = 0;
    this.told = '';
    app.addEventListener('state', () => this.#showThreshold());
  }

  /**
   * Shows the faces of a frame.
   *
   * @param {FrameFace[]} faces
   * @param {boolean} live Of a camera: not every frame is listed.
   */
  show(faces, live) {
    const now = performance.now();
    if (live && now - this.updated < PAUSE) return;
    this.updated = now;
    this.none.hidden = faces.length > 0;
    setText(this.none, 'No face in the picture.');
    const old = this.rows;
    this.rows = new Map();
    for (const [index, face] of faces.entries()) {
      const key = live ? face.id : index;
      const row = old.get(key) ?? newRow();
      this.rows.set(key, row);
      fillRow(row, face, this.app.threshold);
      if (this.list.children[index] !== row) {
        this.list.insertBefore(row, this.list.children[index] ?? null);
      }
    }
    while (this.list.children.length > faces.length) this.list.lastElementChild?.remove();
    this.#announce(faces);
  }

  /** @param {string} text Shown in place of faces. */
  clear(text) {
    this.rows.clear();
    this.list.replaceChildren();
    this.none.hidden = false;
    this.told = '';
    setText(this.none, text);
  }

  /** @param {FrameFace[]} faces */
  #announce(faces) {
    const settled = faces.filter(({decision}) => decision !== null);
    if (settled.length < faces.length) return;
    const words = settled.map(whoText).sort().join(', ') || 'no face';
    if (words !== this.told) this.app.announcer.say(`In the picture: ${words}`);
    this.told = words;
  }

  #showThreshold() {
    const {app} = this;
    const shown = byId('threshold', 'p');
    shown.hidden = !app.state;
    if (app.state) {
      setText(shown, thresholdText(app.state.far, app.threshold, app.templates));
    }
  }
}

function newRow() {
  const scale = make('div', {class: 'scale', 'aria-hidden': 'true'});
  scale.append(make('div', {class: 'value'}), make('div', {class: 'mark'}));
  return make(
    'li',
    {class: 'face'},
    make('p', {class: 'who'}),
    scale,
    make('p', {class: 'detail'}),
    make('p', {class: 'hints'}),
  );
}

/**
 * @param {HTMLLIElement} row
 * @param {FrameFace} face
 * @param {number} threshold
 */
function fillRow(row, face, threshold) {
  const [who, scale, detail, hints] = /** @type {HTMLElement[]} */ ([...row.children]);
  row.dataset.decision = face.decision ?? '';
  if (who.textContent !== whoText(face)) who.replaceChildren(named(whoText(face)));
  scale.hidden = face.similarity === null;
  scale.style.setProperty('--score', String(Math.max(0, face.similarity ?? 0)));
  scale.style.setProperty('--threshold', String(Math.max(0, threshold)));
  setText(detail, scoreText(face, threshold));
  // A group is no reason against recognising its members.
  const codes = face.quality.filter((code) => code !== 'two_people');
  const words = [...codes.map((code) => reasonText(code)), livenessText(face)];
  setText(hints, words.filter(Boolean).join(' '));
  hints.hidden = !hints.textContent;
}
