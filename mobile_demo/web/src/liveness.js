/** A HINT that a face is not a still picture, and no more: a film of a person passes. */

const WINDOW = 4000; // milliseconds
const TURN = 0.2; // distances of the eyes; a photo that is moved shows less

export class Liveness {
  constructor() {
    /** @type {Map<number, {time: number, yaw: number}[]>} By the face's track. */
    this.seen = new Map();
  }

  /**
   * @param {number} id Of the track.
   * @param {number} yaw
   * @param {number} time Milliseconds.
   * @returns {import('./protocol.js').Liveness} "turned" if the head did so lately.
   */
  of(id, yaw, time) {
    for (const [other, turns] of this.seen) {
      if (time - turns[turns.length - 1].time > WINDOW) this.seen.delete(other);
    }
    const recent = (this.seen.get(id) ?? []).filter((turn) => time - turn.time <= WINDOW);
    recent.push({time, yaw});
    this.seen.set(id, recent);
    const yaws = recent.map((turn) => turn.yaw);
    return Math.max(...yaws) - Math.min(...yaws) >= TURN ? 'turned' : 'none';
  }
}
