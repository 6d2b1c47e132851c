/** Photos from files: recognised one after the other, shown one at a time. */

import {byId, setText} from './dom.js';
import {messageOf} from './app.js';
import {decodePhoto} from './photo_files.js';

/** @typedef {import('../protocol.js').FrameResult} FrameResult */
/** @typedef {import('./app.js').App} App */
/** @typedef {import('./overlay.js').Overlay} Overlay */
/** @typedef {import('./faces_view.js').FacesView} FacesView */
/** @typedef {import('./live.js').Live} Live */

export class Photos {
  /**
   * @param {App} app
   * @param {Overlay} overlay
   * @param {FacesView} faces
   * @param {Live} live
   */
  constructor(app, overlay, faces, live) {
    this.app = app;
    this.overlay = overlay;
    this.faces = faces;
    this.live = live;
    /** @type {File[]} */
    this.files = [];
    this.place = 0;
    this.turns = 0;
    this.canvas = byId('photo', 'canvas');
    const input = byId('files', 'input');
    byId('choose', 'button').addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      this.open([...(input.files ?? [])]);
      input.value = '';
    });
    byId('previous', 'button').addEventListener('click', () => this.#turn(-1));
    byId('next', 'button').addEventListener('click', () => this.#turn(1));
    const frame = byId('frame', 'div');
    frame.addEventListener('dragover', (event) => event.preventDefault());
    frame.addEventListener('drop', (event) => {
      event.preventDefault();
      if (this.app.ready) this.open([...(event.dataTransfer?.files ?? [])]);
    });
    // Names and thresholds of the shown photo follow the people and the settings.
    app.addEventListener('state', () => this.files.length && this.#show());
    live.addEventListener('started', () => this.#close());
  }

  /** @param {File[]} files */
  open(files) {
    if (!files.length) return;
    this.live.stop();
    this.files = files;
    this.place = 0;
    byId('pager', 'span').hidden = files.length < 2;
    this.#show();
  }

  /** @param {number} step */
  #turn(step) {
    this.place = (this.place + step + this.files.length) % this.files.length;
    this.#show();
  }

  #close() {
    this.turns += 1;
    this.files = [];
    byId('pager', 'span').hidden = true;
  }

  async #show() {
    const turn = ++this.turns;
    const file = this.files[this.place];
    setText(byId('page-of', 'span'), `${this.place + 1} of ${this.files.length}`);
    let drawn = false;
    try {
      const bitmap = await decodePhoto(file);
      if (turn !== this.turns) return bitmap.close();
      this.#draw(bitmap, file.name);
      drawn = true;
      if (!this.app.ready) return bitmap.close();
      const request = {bitmap, track: false};
      const result = await this.app.client.ask('frame', request, [bitmap]);
      if (turn !== this.turns) return;
      this.overlay.show(result, false);
      this.faces.show(result.faces, false);
      this.app.notices.clear('photo');
    } catch (error) {
      if (turn !== this.turns) return;
      this.overlay.show(null, false);
      this.faces.clear('No photo.');
      this.canvas.hidden = !drawn; // it has the photo before
      byId('welcome', 'div').hidden = drawn;
      this.app.notices.show('photo', 'error', 'The photo cannot be used.', messageOf(error));
    }
  }

  /**
   * @param {ImageBitmap} bitmap
   * @param {string} name
   */
  #draw(bitmap, name) {
    const {canvas} = this;
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
    canvas.setAttribute('aria-label', `Photo ${name}`);
    canvas.hidden = false;
    this.overlay.show(null, false);
    byId('welcome', 'div').hidden = true;
    byId('frame', 'div').style.setProperty('--ratio', `${bitmap.width} / ${bitmap.height}`);
  }
}
