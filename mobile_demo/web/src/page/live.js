/** The camera's pictures, one after the other through the worker. */

import {Camera} from './camera.js';
import {byId, setText} from './dom.js';
import {messageOf} from './app.js';
import {cameraText} from './words.js';

/** @typedef {import('./app.js').App} App */
/** @typedef {import('./overlay.js').Overlay} Overlay */
/** @typedef {import('./faces_view.js').FacesView} FacesView */
/** @typedef {import('./latency.js').Latency} Latency */
/** @typedef {(picture: () => Promise<ImageBitmap | null>) => Promise<void>} Between */

export class Live extends EventTarget {
  /**
   * Events: "started" and "stopped".
   *
   * @param {App} app
   * @param {Overlay} overlay
   * @param {FacesView} faces
   * @param {Latency} latency
   */
  constructor(app, overlay, faces, latency) {
    super();
    this.app = app;
    this.overlay = overlay;
    this.faces = faces;
    this.latency = latency;
    /** @type {Between | null} Called between two frames: the enrolment's pictures. */
    this.between = null;
    this.video = byId('video', 'video');
    this.camera = new Camera(this.video, () => this.#taken());
    byId('start', 'button').addEventListener('click', () => this.start());
    byId('stop', 'button').addEventListener('click', () => this.stop());
    byId('turn', 'button').addEventListener('click', () =>
      this.start(this.camera.facing === 'user' ? 'environment' : 'user'),
    );
    byId('mirror', 'input').addEventListener('change', () => this.#showMirrored());
    this.video.addEventListener('resize', () => this.#showShape());
  }

  /** Whether the picture is shown as a mirror shows it. */
  get mirrored() {
    return this.camera.isFront && byId('mirror', 'input').checked;
  }

  /**
   * Starts the camera.
   *
   * @param {import('./camera.js').Facing} [facing]
   * @returns {Promise<boolean>} Whether it runs.
   */
  async start(facing) {
    byId('start', 'button').disabled = true;
    try {
      if (!(await this.camera.start(facing))) return false;
    } catch (error) {
      this.camera.stop();
      const [title, text] = cameraText(error);
      this.app.notices.show('camera', 'error', title, text, {
        text: 'Try again',
        action: () => this.start(),
      });
      this.#showStopped();
      return false;
    } finally {
      byId('start', 'button').disabled = false;
    }
    this.app.notices.clear('camera');
    this.latency.clear();
    await this.#showRunning();
    this.dispatchEvent(new Event('started'));
    this.#run();
    return true;
  }

  stop() {
    this.camera.stop();
    this.#showStopped();
  }

  #taken() {
    this.#showStopped();
    this.app.notices.show(
      'camera',
      'error',
      'The camera was taken away.',
      'It was unplugged, its permission ended, or another program has it.',
      {text: 'Start it again', action: () => this.start()},
    );
  }

  async #run() {
    const {stream} = this.camera;
    while (stream && this.camera.stream === stream) {
      try {
        await this.#frame();
        if (this.camera.stream === stream) await this.between?.(() => this.camera.picture());
      } catch (error) {
        if (this.camera.stream !== stream) return;
        this.app.notices.show('frame', 'error', 'The picture was not computed.', messageOf(error));
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    }
  }

  async #frame() {
    const {stream} = this.camera;
    const bitmap = await this.camera.picture();
    if (!bitmap) return;
    if (!this.app.ready) {
      bitmap.close();
      return;
    }
    const {mirrored} = this;
    const request = {bitmap, track: true};
    const result = await this.app.client.ask('frame', request, [bitmap]);
    if (this.camera.stream !== stream) return;
    this.app.notices.clear('frame');
    this.overlay.show(result, mirrored);
    this.faces.show(result.faces, true);
    this.latency.add(result.milliseconds);
    const {rate} = this.latency;
    byId('rate', 'p').hidden = rate === null;
    if (rate !== null) setText(byId('rate', 'p'), `${rate.toFixed(1)} frames a second`);
  }

  async #showRunning() {
    byId('start', 'button').hidden = true;
    byId('stop', 'button').hidden = false;
    byId('turn', 'button').hidden = (await Camera.count()) < 2;
    byId('welcome', 'div').hidden = true;
    byId('photo', 'canvas').hidden = true;
    this.video.hidden = false;
    this.#showMirrored();
    this.#showShape();
  }

  #showStopped() {
    byId('start', 'button').hidden = false;
    byId('stop', 'button').hidden = true;
    byId('turn', 'button').hidden = true;
    byId('welcome', 'div').hidden = !byId('photo', 'canvas').hidden;
    this.video.hidden = true;
    byId('rate', 'p').hidden = true;
    this.overlay.show(null, false);
    this.faces.clear('Start the camera, or choose photos.');
    this.dispatchEvent(new Event('stopped'));
  }

  #showMirrored() {
    this.video.toggleAttribute('data-mirrored', this.mirrored);
  }

  #showShape() {
    const {videoWidth: width, videoHeight: height} = this.video;
    if (width && height) {
      byId('frame', 'div').style.setProperty('--ratio', `${width} / ${height}`);
    }
  }
}
