/** The page's words for what the worker tells in codes and numbers. */

/** @typedef {import('../protocol.js').FrameFace} FrameFace */
/** @typedef {import('../protocol.js').Pose} Pose */
/** @typedef {import('../protocol.js').Refusal} Refusal */

/** @type {Record<Refusal, string>} */
const REASONS = {
  too_small: 'The face is too small: come nearer.',
  too_dark: 'Too dark: turn towards the light.',
  too_bright: 'Too bright: turn away from the light.',
  low_contrast: 'Too little contrast: look for other light.',
  blurred: 'Blurred: hold still, or clean the lens.',
  turned: 'Turned too far to the side: look more into the camera.',
  hardly_a_face: 'This hardly looks like a face: show all of it.',
  uncertain_landmarks: 'Eyes, nose and mouth are uncertain: show the whole face.',
  two_people: 'Two people: be alone in the picture.',
  unlike: 'This looks like another person than the pictures before.',
  no_face: 'No face in the picture.',
  other_pose: 'Not yet in this pose.',
};

/** @type {Record<Pose, string>} */
const POSES = {
  front: 'Look straight into the camera.',
  left: 'Turn your head a little to your left.',
  right: 'Turn your head a little to your right.',
  up: 'Lift your chin a little.',
  down: 'Lower your chin a little.',
};

/** @type {Pose[]} */
export const ALL_POSES = ['front', 'left', 'right', 'up', 'down'];

/**
 * The reason why a picture is not taken, as a sentence that says what to do.
 *
 * @param {string} code
 * @param {string} [otherwise] If the code has no words.
 */
export function reasonText(code, otherwise = code) {
  return REASONS[/** @type {Refusal} */ (code)] ?? otherwise;
}

/** @param {Pose} pose */
export const poseText = (pose) => POSES[pose];

/** @param {number} value A cosine. */
export const score = (value) => value.toFixed(2).replace('-', '−');

/** @param {number} value A fraction. */
export function percent(value) {
  return `${Number((value * 100).toPrecision(3))} %`;
}

/** @param {number} far */
function oneOf(far) {
  const comparisons = Math.round(1 / far);
  return Math.abs(comparisons * far - 1) < 0.05
    ? `in 1 of ${comparisons.toLocaleString('en')} comparisons`
    : `in ${percent(far)} of comparisons`;
}

/**
 * The meaning of a threshold: how often a stranger passes.
 *
 * @param {number} far Of one comparison.
 * @param {number} threshold
 * @param {number} templates Number of those that a face is compared with.
 */
export function thresholdText(far, threshold, templates) {
  const rate = `At a score of ${score(threshold)} and more a face is taken for a person.`;
  const meaning = `With that threshold, ${oneOf(far)} a stranger would pass`;
  if (templates < 2) return `${rate} ${meaning}.`;
  const most = Math.min(1, far * templates);
  return (
    `${rate} ${meaning}; with ${templates.toLocaleString('en')} templates, a stranger ` +
    `is named in up to ${percent(most)} of the searches.`
  );
}

/**
 * Heading of a face: its name, or that it has none.
 *
 * @param {FrameFace} face
 */
export function whoText(face) {
  if (face.decision === 'known' && face.name !== null) return face.name;
  return face.decision ?? 'looking';
}

/**
 * Score, distance to the threshold and to the next person, in a sentence.
 *
 * @param {FrameFace} face
 * @param {number} threshold
 */
export function scoreText(face, threshold) {
  if (face.similarity === null) return 'Nobody is enrolled to compare with.';
  const over = face.similarity - threshold;
  const side = over >= 0 ? 'above' : 'below';
  const to = face.decision !== 'known' && face.nearest ? ` to ${face.nearest}` : '';
  const margin = face.margin === null ? '' : `; margin to the next person ${score(face.margin)}`;
  const nearest =
    `Score ${score(face.similarity)}${to}, ${score(Math.abs(over))} ${side} ` +
    `the threshold of ${score(threshold)}${margin}.`;
  return nearest;
}

/** @param {FrameFace} face */
export function livenessText(face) {
  return face.liveness === 'turned'
    ? 'Only a hint: the head has turned. A film of a person shows that, too.'
    : '';
}

/** @param {number} bytes */
export function size(bytes) {
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/**
 * The state of the camera after an error of the browser: a title and what to do.
 *
 * @param {unknown} error
 */
export function cameraText(error) {
  switch (/** @type {{name?: string}} */ (error)?.name) {
    case 'NotAllowedError':
      return [
        'The camera was denied.',
        'Allow it in the browser’s settings of this page (beside the address), or choose photos.',
      ];
    case 'NotFoundError':
    case 'OverconstrainedError':
      return ['No camera was found.', 'Connect one, or choose photos.'];
    case 'NotReadableError':
    case 'AbortError':
      return [
        'The camera cannot be read.',
        'Another program may have it: close that, and start the camera again.',
      ];
    case 'InsecureContext':
      return [
        'The browser gives no camera to this address.',
        'Open the page at localhost or over https; photos work here, too.',
      ];
    default:
      return ['The camera cannot be started.', String(/** @type {any} */ (error)?.message ?? error)];
  }
}
