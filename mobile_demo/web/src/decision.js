/** Decisions: whose face it is, of one picture and over the frames of a film. */

/** @typedef {import('./boxes.js').Box} Box */
/** @typedef {import('./protocol.js').Decision} Decision */
/** @typedef {import('./protocol.js').Rule} Rule */
/** @typedef {{name: string, score: number}} Candidate */

/**
 * @typedef {object} Answer
 * @property {Decision | null} decision Null without a threshold.
 * @property {string | null} name Only if known.
 * @property {string | null} nearest
 * @property {number | null} score
 * @property {number | null} margin To the next person.
 */

const OVERLAP = 0.3;
const MOST_MISSED = 3; // frames
const ANSWERS = 5;
const AGREEING = 3;

/**
 * The verdict on two faces: "same", "different" or "unknown"; null without a threshold.
 * @param {number} score
 * @param {number | null} threshold Of the FAR in use.
 * @param {number | null} differentBelow A score below it, and below the threshold, is of
 *   two people; null if it was not calibrated.
 */
export function decide(score, threshold, differentBelow) {
  if (threshold === null) return null;
  if (score >= threshold) return 'same';
  return differentBelow === null || score < differentBelow ? 'different' : 'unknown';
}

/**
 * The score of a person, of the scores of the templates.
 * @param {number[]} scores
 * @param {Rule} rule
 * @param {number} k Of "top-k".
 */
export function personScore(scores, rule, k = 3) {
  const falling = [...scores].sort((a, b) => b - a);
  const counted = {best: 1, mean: falling.length, 'top-k': k}[rule];
  const best = falling.slice(0, counted);
  return best.reduce((a, b) => a + b, 0) / best.length;
}

/**
 * Names a face.
 * @param {Candidate[]} candidates Of all people, in any order.
 * @param {number | null} threshold
 * @param {number | null} differentBelow
 * @returns {Answer}
 */
export function nameFace(candidates, threshold, differentBelow) {
  if (!candidates.length) {
    return {decision: 'unknown', name: null, nearest: null, score: null, margin: null};
  }
  const [best, next] = [...candidates].sort((a, b) => b.score - a.score);
  const verdict = decide(best.score, threshold, differentBelow);
  const decision =
    verdict &&
    /** @type {const} */ ({same: 'known', unknown: 'not sure', different: 'unknown'})[verdict];
  return {
    decision,
    name: decision === 'known' ? best.name : null,
    nearest: best.name,
    score: best.score,
    margin: next ? best.score - next.score : null,
  };
}

/**
 * @typedef {object} Track
 * @property {number} id
 * @property {Box} box
 * @property {number} missed Frames since it was seen.
 * @property {Answer[]} answers The last ones.
 * @property {{decision: Decision | null, name: string | null}} shown
 */

/** Faces followed from frame to frame, so that a name does not flicker. */
export class Tracks {
  constructor() {
    /** @type {Track[]} */
    this.tracks = [];
    this.count = 0;
  }

  /**
   * Takes the faces of a frame.
   * @param {{box: Box, answer: Answer}[]} faces
   * @returns {{id: number, decision: Decision | null, name: string | null,
   *   score: number | null}[]} Of each face; the score is the mean over the answers that
   *   say what is shown.
   */
  follow(faces) {
    const pairs = this.tracks
      .flatMap((track) =>
        faces.map(({box}, face) => ({face, track, overlap: overlap(box, track.box)})),
      )
      .filter((pair) => pair.overlap >= OVERLAP)
      .sort((a, b) => b.overlap - a.overlap);
    /** @type {Map<number, Track>} */
    const found = new Map();
    const taken = new Set();
    for (const {face, track} of pairs) {
      if (found.has(face) || taken.has(track)) continue;
      found.set(face, track);
      taken.add(track);
    }
    for (const track of this.tracks) track.missed += 1;
    const shown = faces.map(({box, answer}, index) => {
      const track = found.get(index) ?? this.begin(box);
      track.box = box;
      track.missed = 0;
      track.answers = [...track.answers, answer].slice(-ANSWERS);
      show(track);
      const alike = track.answers.filter(
        ({decision, name, score}) =>
          score !== null && decision === track.shown.decision && name === track.shown.name,
      );
      const sum = alike.reduce((total, {score}) => total + Number(score), 0);
      return {id: track.id, ...track.shown, score: alike.length ? sum / alike.length : null};
    });
    this.tracks = this.tracks.filter((track) => track.missed <= MOST_MISSED);
    return shown;
  }

  /** @param {Box} box */
  begin(box) {
    this.count += 1;
    /** @type {Track} */
    const track = {
      id: this.count,
      box,
      missed: 0,
      answers: [],
      shown: {decision: null, name: null},
    };
    this.tracks.push(track);
    return track;
  }
}

/** @param {Track} track */
function show(track) {
  const prevailing = track.answers.find(
    ({decision, name}) =>
      track.answers.filter((other) => other.decision === decision && other.name === name)
        .length >= AGREEING,
  );
  if (prevailing) {
    track.shown = {decision: prevailing.decision, name: prevailing.name};
  } else if (track.answers.length === ANSWERS && track.shown.decision === null) {
    track.shown = {decision: 'not sure', name: null};
  }
}

/**
 * Shared area of two boxes over that of their union.
 * @param {Box} first
 * @param {Box} second
 */
function overlap(first, second) {
  const width = Math.min(first[2], second[2]) - Math.max(first[0], second[0]);
  const height = Math.min(first[3], second[3]) - Math.max(first[1], second[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (/** @type {Box} */ [x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);
  return (width * height) / (area(first) + area(second) - width * height);
}
