/**
 * Messages between the page and the worker, as types.
 *
 * The page posts `{id, type, ...}` and gets `{id, ok: true, result}` or
 * `{id, ok: false, error: {code, message}}` of the same id; requests are answered in
 * the order in which they came. Between them come events, `{event: "progress", ...}`.
 * The bitmaps of `frame` and `enrol` are transferred, and closed by the worker.
 *
 * Pixels are those of the bitmap, the first at 0. Pictures are sent as the camera gives
 * them, never mirrored: the page mirrors what it draws.
 */

/** @typedef {"known" | "not sure" | "unknown"} Decision */
/** @typedef {"front" | "left" | "right" | "up" | "down"} Pose */
/** @typedef {"best" | "mean" | "top-k"} Rule */

/**
 * Reasons against a face, in the order in which Python's gallery gives them; `unlike`:
 * of another person than the templates of that name.
 * @typedef {"too_small" | "too_dark" | "too_bright" | "low_contrast" | "blurred" |
 *   "turned" | "hardly_a_face" | "uncertain_landmarks" | "two_people" | "unlike"} QualityCode
 */

/**
 * Why a face was not taken: of its quality, or there is none, or it looks elsewhere than
 * the pose that was asked for.
 * @typedef {QualityCode | "no_face" | "other_pose"} Refusal
 */

/**
 * Codes of errors.
 * - `bundle`: no bundle, damaged, tampered, newer, or without thresholds
 * - `variant`: there is no such variant, or this browser cannot run it
 * - `self_test`: not passed yet, or failed: nothing is recognised
 * - `photo`: no photo, or one too large for this browser's memory
 * - `name`: no name for a person, or nobody of that name
 * - `gallery`: a file that is no gallery, or of another bundle or variant
 * - `storage`: the browser stores nothing (full, or refused)
 * - `request`: a request that is none, or came before `open`
 * - `internal`: anything else; the message is the browser's
 * @typedef {"bundle" | "variant" | "self_test" | "photo" | "name" | "gallery" | "storage"
 *   | "request" | "internal"} ErrorCode
 */

/**
 * `open` and `configure` answer with the whole state.
 * @typedef {object} State
 * @property {string} network Name of the embedding network.
 * @property {{name: string, bytes: number, usable: boolean}[]} variants `usable`: this
 *   browser can run it (int8-io is not).
 * @property {string} variant The one in use.
 * @property {{far: number, threshold: number}[]} fars Measured, highest FAR first.
 * @property {number} far The one in use.
 * @property {number} smallestFace Pixels of a bitmap.
 * @property {number} threads
 * @property {number} mostThreads Cores; 1 where this browser or page has no threads.
 * @property {string} build Of LiteRT.js that runs: the name of its files in wasm/.
 * @property {boolean} persisted Whether the browser has promised to keep the gallery.
 */

/**
 * @typedef {object} Settings
 * @property {string} [variant]
 * @property {number} [far] One of `fars`; default 0.01, or the nearest measured.
 * @property {number} [smallestFace] At least 20.
 * @property {number} [threads] At least 1; more need a page that is cross-origin isolated.
 * @property {Rule} [rule] Default "best".
 */

/**
 * @typedef {object} SelfTestRow
 * @property {string} photo
 * @property {string} check Such as "landmarks" or "embedding of dynamic".
 * @property {number} value
 * @property {number} limit `value` is at most this.
 * @property {boolean} ok
 */

/** @typedef {{ok: boolean, rows: SelfTestRow[]}} SelfTestResult */

/**
 * Turn of the head. `yaw`: the nose from the middle between the eyes, in distances of the
 * eyes, positive to the right of the picture, which is the person's own left. `pitch`: the
 * nose between the eyes (0) and the mouth (1), less that of a frontal face; positive down.
 * @typedef {{yaw: number, pitch: number}} HeadTurn
 */

/**
 * A face of a frame.
 * @typedef {object} FrameFace
 * @property {number} id Stays with a face from frame to frame while `track` is true.
 * @property {[number, number, number, number]} box x1, y1, x2, y2.
 * @property {[number, number][]} landmarks Eyes, nose, mouth corners; left first.
 * @property {number} score Of the detector, 0..1.
 * @property {number | null} confidence Of the landmarks, 0..1; null if there is one opinion.
 * @property {Decision | null} decision Over frames with `track`; null: no face of it is
 *   embedded yet.
 * @property {string | null} name Only if known.
 * @property {string | null} nearest Person of the highest similarity.
 * @property {number | null} similarity Cosine, -1..1; null with an empty gallery.
 * @property {number | null} margin To the next person.
 * @property {HeadTurn} pose
 * @property {QualityCode[]} quality
 * @property {Liveness} liveness
 */

/**
 * A HINT whether a face moves as a head does, and no more: a film of a person passes.
 * @typedef {"none" | "turned"} Liveness
 */

/**
 * @typedef {object} Milliseconds
 * @property {number} resize
 * @property {number} detect Without `resize`, with the crops of the detector.
 * @property {number} consensus
 * @property {number} warp
 * @property {number} embed
 * @property {number} search
 * @property {number} total
 */

/**
 * @typedef {object} FrameResult
 * @property {FrameFace[]} faces
 * @property {number} width Of the bitmap.
 * @property {number} height
 * @property {Milliseconds} milliseconds
 */

/** @typedef {{id: string, source: string, time: string, pose: Pose | null}} TemplateInfo */
/** @typedef {{name: string, templates: TemplateInfo[]}} PersonInfo */

/**
 * `message` has the reasons in words.
 * @typedef {{taken: true, person: string, templates: number} |
 *   {taken: false, reason: Refusal, reasons: Refusal[], message: string}} EnrolResult
 */

/**
 * Requests by their type, each with what it answers.
 * @typedef {object} Requests
 * @property {{request: {bundleUrl: string} & Settings, result: State}} open
 * @property {{request: {}, result: SelfTestResult}} selfTest While it has not passed,
 *   `frame` and `enrol` answer with the error `self_test`.
 * @property {{request: Settings, result: State}} configure A new variant needs a new
 *   `selfTest`, and has a gallery of its own.
 * @property {{request: {bitmap: ImageBitmap, track: boolean},
 *   result: FrameResult}} frame With `track` faces are followed from frame to frame and
 *   frames without a face get no second look, which takes several times as long.
 * @property {{request: {bitmap: ImageBitmap, name: string, pose: Pose | null,
 *   force: boolean, source: string}, result: EnrolResult}} enrol The face nearest to the
 *   middle; `left` and `right` are the person's own.
 * @property {{request: {}, result: PersonInfo[]}} people By name.
 * @property {{request: {name: string, templateId?: string}, result: PersonInfo[]}} forget
 * @property {{request: {name: string, to: string}, result: PersonInfo[]}} rename
 * @property {{request: {}, result: {blob: Blob}}} exportGallery
 * @property {{request: {blob: Blob}, result: {people: number, templates: number}}} importGallery
 *   `templates`: those that were new. All of the file, or nothing.
 */

/** @typedef {{id: number, ok: true, result: unknown}} Answer */
/** @typedef {{id: number, ok: false, error: {code: ErrorCode, message: string}}} Failure */
/**
 * `stage`: "bundle" (bytes), "networks", "self-test" (photos).
 * @typedef {{event: "progress", stage: string, done: number, total: number}} ProgressEvent
 */
/** Another page of this browser has changed the people. @typedef {{event: "people"}} PeopleEvent */

/** Error that the page shows: a code, and a message of one line for the user. */
export class DemoError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Side of the longest bitmap that the worker takes, pixels: shrink larger photos. */
export const LARGEST_SIDE = 2048;
