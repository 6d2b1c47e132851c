/** Poses of a guided enrolment. */

/** @typedef {import('./protocol.js').Pose} Pose */
/** @typedef {import('./protocol.js').HeadTurn} HeadTurn */

// As Python's gallery has them: 12, 14, 7 and 24 degrees of rendered heads.
const [FRONT_YAW, LEAST_YAW] = [0.1, 0.12];
const [LEAST_PITCH, MOST_PITCH] = [0.06, 0.2];

/** @type {Record<Pose, string>} */
export const POSE_WORDS = {
  front: 'look straight into the camera',
  left: 'turn your head a little to your left',
  right: 'turn your head a little to your right',
  up: 'lift your chin a little',
  down: 'lower your chin a little',
};

/**
 * True of a head that looks as it was asked to.
 * @param {HeadTurn} turn
 * @param {Pose} pose
 * @param {number} [frontPitch] Of the same person's picture from the front.
 */
export function isPose({yaw, pitch}, pose, frontPitch = 0) {
  const nod = pitch - frontPitch;
  return {
    front: Math.abs(yaw) <= FRONT_YAW && Math.abs(pitch) <= MOST_PITCH,
    left: yaw >= LEAST_YAW, // the person's own, which is the right of the picture
    right: yaw <= -LEAST_YAW,
    up: Math.abs(yaw) <= LEAST_YAW && nod <= -LEAST_PITCH,
    down: Math.abs(yaw) <= LEAST_YAW && nod >= LEAST_PITCH,
  }[pose];
}
