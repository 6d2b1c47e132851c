/** One bundle in use: its networks, its gallery, and the faces in front of the camera. */

import {Bundle, farsOf, whyUnusable} from './contract.js';
import {nameFace, Tracks, decide} from './decision.js';
import {cosine, Embedder, unit} from './embedder.js';
import {Gallery} from './gallery.js';
import {featuresOf} from './identity.js';
import {Liveness} from './liveness.js';
import {chooseBuild, DetectorNetworks, loadRuntime, Network, THREADED} from './networks.js';
import {PhotoReader} from './photos.js';
import {personKey} from './person_names.js';
import {isPose, POSE_WORDS} from './poses.js';
import {DemoError} from './protocol.js';
import {headTurn, kept, measure, reasonsAgainst} from './quality.js';
import {selfTest} from './self_test.js';
import {withShapes} from './tflite_shape.js';

/** @typedef {import('./protocol.js').Requests} Requests */
/** @typedef {import('./protocol.js').Refusal} Refusal */
/** @typedef {import('./protocol.js').Settings} Settings */
/** @typedef {import('./cascade.js').Face} Face */
/** @typedef {import('./pixels.js').Photo} Photo */

const USUAL_FAR = 0.01;
const FAR_OF_UNLIKE = 0.01;
const LEAST_FACE = 20;

/** @type {Record<Refusal, string>} */
const WORDS = {
  no_face: 'no face found',
  other_pose: 'another pose',
  too_small: 'too small: go nearer',
  too_dark: 'too dark: turn towards the light',
  too_bright: 'too bright: turn away from the light',
  low_contrast: 'too little contrast: look for other light',
  blurred: 'blurred: hold still, or clean the lens',
  turned: 'turned to the side: look into the camera',
  hardly_a_face: 'hardly a face',
  uncertain_landmarks: 'uncertain eyes, nose and mouth: show the whole face',
  two_people: 'two people: be alone in the photo',
  unlike: 'unlike the other photos of this person',
};

export class Session {
  /**
   * @param {Bundle} bundle
   * @param {string} build Of LiteRT.js.
   * @param {import('./contract.js').Progress} progress
   */
  constructor(bundle, build, progress) {
    this.bundle = bundle;
    this.build = build;
    this.progress = progress;
    this.reader = new PhotoReader();
    this.tracks = new Tracks();
    this.liveness = new Liveness();
    /** @type {import('./protocol.js').Rule} */
    this.rule = 'best';
    this.far = USUAL_FAR;
    this.threads = 1;
    this.persisted = false;
    /** @type {number | undefined} */
    this.smallestFace = undefined;
    this.variant = '';
    this.tested = false;
    /** @type {DetectorNetworks | null} */
    this.networks = null;
    /** @type {Network | null} */
    this.network = null;
    /** @type {Embedder | null} */
    this.embedder = null;
    /** @type {Gallery | null} */
    this.gallery = null;
  }

  /**
   * @param {Requests["open"]["request"]} request
   * @param {import('./contract.js').Progress} progress
   */
  static async open({bundleUrl, ...settings}, progress) {
    const bundle = await Bundle.open(bundleUrl);
    // One build is loaded in the life of a worker.
    runtime ??= startRuntime();
    const session = new Session(bundle, await runtime, progress);
    session.persisted = await isPersisted();
    await session.configure(settings);
    return session;
  }

  /** @param {Settings} settings @returns {Promise<import('./protocol.js').State>} */
  async configure({variant, far, smallestFace, threads, rule}) {
    const name = this.bundle.variantName(variant ?? (this.variant || undefined));
    const fars = farsOf(this.bundle.contract.variants[name].thresholds);
    const chosen = far ?? (fars.find((one) => one.far === this.far) ?? nearest(fars, this.far)).far;
    if (!fars.some((one) => one.far === chosen)) {
      const measured = fars.map((one) => one.far).join(', ');
      throw new DemoError('request', `no threshold at FAR ${chosen}; measured: ${measured}`);
    }
    if (smallestFace !== undefined && !(smallestFace >= LEAST_FACE && smallestFace < Infinity)) {
      throw new DemoError('request', `the smallest face must be ${LEAST_FACE} pixels or more`);
    }
    if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
      throw new DemoError('request', 'threads must be a whole number from 1 on');
    }
    const asked = Math.min(threads ?? this.threads, this.mostThreads);
    await this.load(name, asked);
    this.rule = rule ?? this.rule;
    this.far = chosen;
    this.smallestFace = smallestFace ?? this.smallestFace;
    this.embedder = this.embedderOf(this.smallestFace);
    this.tracks = new Tracks();
    return this.state();
  }

  get mostThreads() {
    return this.build === THREADED ? Math.max(1, navigator.hardwareConcurrency) : 1;
  }

  /** @param {string} variant @param {number} threads */
  async load(variant, threads) {
    const {contract} = this.bundle;
    const again = threads !== this.threads || !this.networks;
    if (again) {
      const {pnet, rnet, onet} = contract.detector.files;
      const [p, r, o] = await Promise.all([pnet, rnet, onet].map((f) => this.bundle.content(f)));
      this.networks?.delete();
      this.networks = new DetectorNetworks({pnet: p, rnet: r, onet: o}, threads);
    }
    if (!again && variant === this.variant) return;
    const record = contract.variants[variant];
    const content = await this.bundle.content(record, this.progress);
    const {height, width} = contract.pixels;
    const network = await Network.open(
      withShapes(content, [1, height, width, 3]),
      threads,
    ).catch((error) => {
      throw new DemoError('variant', `this browser cannot run the variant ${variant}: ${error}`);
    });
    const gallery = await Gallery.open(await featuresOf(contract, variant));
    this.network?.delete();
    this.gallery?.close();
    Object.assign(this, {network, gallery, threads, variant, tested: false});
  }

  /** @param {number} [smallestFace] */
  embedderOf(smallestFace) {
    const {networks, network} = this;
    if (!networks || !network) throw new DemoError('request', 'open a bundle first');
    return new Embedder(this.bundle.contract, this.variant, networks, network, smallestFace);
  }

  /** @returns {import('./protocol.js').State} */
  state() {
    const {model, variants, detector} = this.bundle.contract;
    return {
      network: model.name,
      variants: Object.entries(variants).map(([name, variant]) => ({
        name,
        bytes: variant.bytes,
        usable: !whyUnusable(variant),
      })),
      variant: this.variant,
      fars: farsOf(variants[this.variant].thresholds),
      far: this.far,
      smallestFace: this.smallestFace ?? detector.settings.smallest_face,
      threads: this.threads,
      mostThreads: this.mostThreads,
      build: this.build,
      persisted: this.persisted,
    };
  }

  /** @returns {Promise<import('./protocol.js').SelfTestResult>} */
  async selfTest() {
    const decode = (/** @type {Uint8Array<ArrayBuffer>} */ content) => this.reader.decode(content);
    const result = await selfTest(this.bundle, this.embedderOf(), decode, this.progress);
    this.tested = result.ok;
    return result;
  }

  /**
   * @param {Requests["frame"]["request"]} request
   * @returns {Promise<import('./protocol.js').FrameResult>}
   */
  async frame({bitmap, track}) {
    const {embedder, gallery} = this.ready(bitmap);
    const start = performance.now();
    const photo = this.reader.read(bitmap);
    const found = await embedder.findFaces(photo, !track);
    const times = {warp: 0, embed: 0, search: 0};
    const faces = [];
    for (const face of found) {
      const clock = [performance.now()];
      const crop = embedder.cropFace(photo, face);
      clock.push(performance.now());
      const feature = unit(await embedder.embedCrop(crop));
      clock.push(performance.now());
      const candidates = feature ? gallery.candidates(feature, this.rule) : [];
      const answer = nameFace(candidates, this.threshold(), this.differentBelow());
      clock.push(performance.now());
      times.warp += clock[1] - clock[0];
      times.embed += clock[2] - clock[1];
      times.search += clock[3] - clock[2];
      const others = found.filter((other) => other !== face);
      const quality = reasonsAgainst(measure(face, others, crop, embedder.crop));
      faces.push({face, answer, quality});
    }
    const shown = track
      ? this.tracks.follow(faces.map(({face, answer}) => ({box: face.box, answer})))
      : faces.map(({answer}, index) => ({id: index + 1, ...answer}));
    return {
      width: photo.width,
      height: photo.height,
      faces: faces.map(({face, answer, quality}, index) => {
        const {id, decision, name, score} = shown[index];
        const pose = headTurn(face.landmarks);
        return {
          id, decision, name, pose, quality,
          box: face.box,
          landmarks: face.landmarks,
          score: face.score,
          confidence: face.confidence,
          nearest: answer.nearest,
          similarity: score ?? answer.score,
          margin: answer.margin,
          liveness: track ? this.liveness.of(id, pose.yaw, performance.now()) : 'none',
        };
      }),
      milliseconds: {...embedder.detector.times, ...times, total: performance.now() - start},
    };
  }

  /**
   * @param {Requests["enrol"]["request"]} request
   * @returns {Promise<import('./protocol.js').EnrolResult>}
   */
  async enrol({bitmap, name, pose, force, source}) {
    const {embedder, gallery} = this.ready(bitmap);
    const photo = this.reader.read(bitmap);
    personKey(name);
    const [face, ...others] = await embedder.findFaces(photo);
    if (!face) return refusal(['no_face'], pose);
    const crop = embedder.cropFace(photo, face);
    const feature = await embedder.embedCrop(crop);
    const direction = unit(feature);
    if (!direction) throw new DemoError('variant', 'the network gives no feature of this face');
    const measured = measure(face, others, crop, embedder.crop);
    /** @type {Refusal[]} */
    const reasons = reasonsAgainst(measured);
    const turn = headTurn(face.landmarks);
    if (pose && !isPose(turn, pose, gallery.frontPitch(name))) reasons.push('other_pose');
    if (this.isUnlike(gallery, name, direction)) reasons.push('unlike');
    if (reasons.length && !force) return refusal(reasons, pose);
    const added = `${new Date().toISOString().slice(0, 19)}Z`;
    const template = {feature: feature.slice(), source, added, quality: kept(measured)};
    await gallery.add([{name, template, pose, pitch: turn.pitch}]);
    const person = gallery.person(name);
    return {taken: true, person: person.name, templates: person.rows.length};
  }

  /** @param {Gallery} gallery @param {string} name @param {Float32Array} feature */
  isUnlike(gallery, name, feature) {
    const templates = gallery.templatesOf(name);
    const {thresholds} = this.bundle.contract.variants[this.variant];
    const threshold = thresholds?.[`far_${FAR_OF_UNLIKE}`];
    if (!templates.length || threshold === undefined) return false;
    const best = Math.max(...templates.map((template) => cosine(template, feature)));
    return decide(best, threshold, this.differentBelow()) === 'different';
  }

  threshold() {
    const fars = farsOf(this.bundle.contract.variants[this.variant].thresholds);
    return fars.find((one) => one.far === this.far)?.threshold ?? null;
  }

  differentBelow() {
    return this.bundle.contract.variants[this.variant].calibration?.different_below ?? null;
  }

  /**
   * The parts that recognise, once the self-test has passed.
   * @param {ImageBitmap} bitmap Is closed otherwise.
   */
  ready(bitmap) {
    const {embedder, gallery} = this;
    if (this.tested && embedder && gallery) return {embedder, gallery};
    bitmap.close();
    throw new DemoError(
      'self_test',
      'nothing is recognised before the self-test has passed: this browser may compute other ' +
        'numbers than the bundle was measured with',
    );
  }

  /** Gives back the memory of the networks, and the gallery. */
  close() {
    this.networks?.delete();
    this.network?.delete();
    this.gallery?.close();
  }

  /** The gallery of the variant in use. */
  people() {
    if (!this.gallery) throw new DemoError('request', 'open a bundle first');
    return this.gallery;
  }
}

/** @type {Promise<string> | undefined} The build that is loaded. */
let runtime;

async function startRuntime() {
  const build = await chooseBuild();
  await loadRuntime(new URL('wasm/', self.location.href).href, build);
  return build;
}

async function isPersisted() {
  try {
    return (await navigator.storage.persisted()) || (await navigator.storage.persist?.()) || false;
  } catch {
    return false; // workers of some browsers cannot ask
  }
}

/** @param {{far: number, threshold: number}[]} fars @param {number} far */
function nearest(fars, far) {
  const apart = (/** @type {{far: number}} */ one) => Math.abs(Math.log(one.far / far));
  return fars.reduce((best, one) => (apart(one) < apart(best) ? one : best));
}

/** @param {Refusal[]} reasons @param {import('./protocol.js').Pose | null} pose */
function refusal(reasons, pose) {
  const words = reasons.map((code) =>
    code === 'other_pose' && pose ? POSE_WORDS[pose] : WORDS[code],
  );
  const taken = /** @type {const} */ (false);
  return {taken, reason: reasons[0], reasons, message: words.join('; ')};
}
