/** Poses of a guided enrolment. */

/** @typedef {import('./protocol.js').Pose} Pose */
/** @typedef {import('./protocol.js').HeadTurn} HeadTurn */

// A turn of 0.12 is 15 degrees; above 0.36 a face is too much turned.
const TURNED = 0.12;
const NODDED = 0.06;

/** @type {Record<Pose, string>} */
export const POSE_WORDS = {
  front: 'look straight into the camera',
  left: 'turn your head a little to your left',
  right: 'turn your head a little to your right',
  up: 'lift your chin a little',
  down: 'lower your chin a little',
};

/**
 * True if a face looks elsewhere than it was asked to.
 * @param {Pose | null} pose
 * @param {HeadTurn} turn
 */
export function otherPose(pose, {yaw, pitch}) {
  switch (pose) {
    case 'front':
      return Math.abs(yaw) > TURNED;
    case 'left': // the person's own, which is the right of the picture
      return yaw < TURNED;
    case 'right':
      return yaw > -TURNED;
    case 'up':
      return pitch > -NODDED;
    case 'down':
      return pitch < NODDED;
    default:
      return false;
  }
}
