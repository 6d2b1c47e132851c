/** Enrolment: five poses before the camera, or photos; each refusal with its reason. */

import {byId, make, setText} from './dom.js';
import {messageOf} from './app.js';
import {decodePhoto} from './photo_files.js';
import {whyNoName} from '../person_names.js';
import {ALL_POSES, plural, poseText, reasonText} from './words.js';

/** @typedef {import('../protocol.js').EnrolResult} EnrolResult */
/** @typedef {import('../protocol.js').Pose} Pose */
/** @typedef {import('./app.js').App} App */
/** @typedef {import('./live.js').Live} Live */
/** @typedef {import('./live.js').Between} Between */

const FIRST_PAUSE = 1500; // ms to read what to do
const PAUSE = 400; // ms between two attempts, so that the picture stays fluid

export class Enrolment {
  /**
   * @param {App} app
   * @param {Live} live
   */
  constructor(app, live) {
    this.app = app;
    this.live = live;
    this.name = '';
    this.force = false;
    this.after = 0;
    this.taken = 0;
    /** @type {Pose[]} */
    this.left = [];
    const input = byId('name', 'input');
    input.addEventListener('input', () => this.#showButtons());
    byId('enrol-camera', 'button').addEventListener('click', () => this.start());
    byId('enrol-photos', 'button').addEventListener('click', () => byId('enrol-files', 'input').click());
    byId('enrol-files', 'input').addEventListener('change', () => this.#photos());
    byId('force', 'button').addEventListener('click', () => {
      this.force = true;
      this.after = 0;
    });
    byId('skip', 'button').addEventListener('click', () => this.#next('skipped'));
    byId('finish', 'button').addEventListener('click', () => this.end());
    app.addEventListener('tested', () => this.#showButtons());
    live.addEventListener('stopped', () => this.end());
    byId('poses', 'ol').append(
      ...ALL_POSES.map((pose) => make('li', {'data-pose': pose}, pose)),
    );
  }

  /** Starts the guided enrolment of the name that was typed. */
  async start() {
    this.name = byId('name', 'input').value.trim();
    this.#setBusy(true);
    if (!this.live.camera.running && !(await this.live.start())) return this.#setBusy(false);
    this.left = [...ALL_POSES];
    this.taken = 0;
    this.force = false;
    byId('enrolled', 'ul').replaceChildren();
    this.#showGuide(true);
    for (const item of byId('poses', 'ol').children) item.removeAttribute('data-state');
    this.live.between = (picture) => this.#attempt(picture);
    this.#showPose();
    window.scrollTo({top: 0});
  }

  /** Ends it; what was taken stays. */
  end() {
    if (this.live.between === null) return;
    this.live.between = null;
    this.#showGuide(false);
    const words = `${plural(this.taken, 'picture')} of ${this.name} taken.`;
    this.#list(this.taken > 0, words);
    this.app.announcer.say(words);
    if (this.taken) byId('name', 'input').value = '';
    this.#setBusy(false);
  }

  /** @type {Between} */
  async #attempt(picture) {
    if (!this.app.ready || performance.now() < this.after) return;
    const [pose] = this.left;
    const bitmap = await picture();
    if (!bitmap || pose !== this.left[0]) return bitmap?.close();
    const {force} = this;
    this.force = false;
    try {
      const result = await this.#enrol(bitmap, this.name, pose, force, 'camera');
      if (pose !== this.left[0] || this.live.between === null) return;
      if (result.taken) await this.#next('taken');
      else this.#refuse(result, pose);
    } catch (error) {
      this.app.notices.show('action', 'error', 'The person was not enrolled.', messageOf(error));
      this.end();
    }
  }

  /**
   * @param {ImageBitmap} bitmap
   * @param {string} name
   * @param {Pose | null} pose
   * @param {boolean} force
   * @param {string} source
   */
  async #enrol(bitmap, name, pose, force, source) {
    const request = {bitmap, name, pose, force, source};
    const result = await this.app.client.ask('enrol', request, [bitmap]);
    if (result.taken) {
      if (!this.app.state?.persisted) this.app.persist();
      await this.app.refreshPeople();
    }
    return result;
  }

  /**
   * @param {EnrolResult & {taken: false}} result
   * @param {Pose} pose
   */
  #refuse(result, pose) {
    const other = result.reason === 'other_pose';
    const text = other ? `Not yet: ${lowered(poseText(pose))}` : reasonText(result.reason, result.message);
    setText(byId('guide-reason', 'p'), text);
    setText(byId('instruction', 'p'), other ? poseText(pose) : text);
    this.app.announcer.say(text);
    this.after = performance.now() + PAUSE;
  }

  /** @param {"taken" | "skipped"} state Of the pose that is done. */
  async #next(state) {
    const pose = this.left.shift();
    if (!pose) return;
    poseItem(pose).dataset.state = state;
    this.taken += state === 'taken' ? 1 : 0;
    if (state === 'taken') this.app.announcer.say(`Taken: ${pose}`);
    if (this.left.length) this.#showPose();
    else this.end();
  }

  #showPose() {
    const [pose] = this.left;
    for (const item of byId('poses', 'ol').children) item.removeAttribute('aria-current');
    poseItem(pose).setAttribute('aria-current', 'step');
    setText(byId('guide-text', 'p'), poseText(pose));
    setText(byId('guide-reason', 'p'), '');
    setText(byId('instruction', 'p'), poseText(pose));
    this.app.announcer.say(poseText(pose));
    this.after = performance.now() + FIRST_PAUSE;
  }

  /** @param {boolean} shown In place of name and buttons. */
  #showGuide(shown) {
    document.body.toggleAttribute('data-enrolling', shown);
    byId('guide', 'div').hidden = !shown;
    byId('instruction', 'p').hidden = !shown;
    byId('enrol-form', 'div').hidden = shown;
  }

  /** @param {boolean} busy Pictures of a person are being taken. */
  #setBusy(busy) {
    this.app.setEnrolling(busy);
    this.#showButtons();
  }

  #showButtons() {
    const input = byId('name', 'input');
    const name = input.value.trim();
    const wrong = name && whyNoName(name);
    byId('name-wrong', 'p').hidden = !wrong;
    setText(byId('name-wrong', 'p'), wrong ? `Not yet: ${wrong}.` : '');
    input.setAttribute('aria-invalid', String(Boolean(wrong)));
    const usable = this.app.ready && !this.app.enrolling && name !== '' && !wrong;
    byId('enrol-camera', 'button').disabled = !usable;
    byId('enrol-photos', 'button').disabled = !usable;
  }

  async #photos() {
    const input = byId('enrol-files', 'input');
    const files = [...(input.files ?? [])];
    input.value = '';
    const name = byId('name', 'input').value.trim();
    this.#setBusy(true);
    byId('enrolled', 'ul').replaceChildren();
    let taken = 0;
    for (const file of files) {
      try {
        const result = await this.#enrol(await decodePhoto(file), name, null, false, file.name);
        taken += result.taken ? 1 : 0;
        const reason = result.taken ? 'taken' : reasonText(result.reason, result.message);
        this.#list(result.taken, `${file.name}: ${reason}`);
      } catch (error) {
        this.#list(false, `${file.name}: ${messageOf(error)}`);
      }
    }
    this.#setBusy(false);
    if (files.length) {
      this.app.announcer.say(`${taken} of ${plural(files.length, 'photo')} taken of ${name}`);
    }
  }

  /**
   * @param {boolean} good
   * @param {string} text
   */
  #list(good, text) {
    const item = make('li', {'data-state': good ? 'taken' : 'refused'}, make('span', {}, text));
    byId('enrolled', 'ul').append(item);
  }
}

/** @param {Pose} pose */
function poseItem(pose) {
  return /** @type {HTMLElement} */ (
    byId('poses', 'ol').querySelector(`[data-pose="${pose}"]`)
  );
}

/** @param {string} text */
const lowered = (text) => text[0].toLowerCase() + text.slice(1);
