/** The camera: started, turned, stopped, and taken away. */

/** @typedef {"user" | "environment"} Facing */

export class Camera {
  /**
   * @param {HTMLVideoElement} video Shows the picture.
   * @param {() => void} onTaken Called when the camera ends by itself.
   */
  constructor(video, onTaken) {
    this.video = video;
    this.onTaken = onTaken;
    /** @type {Facing} */
    this.facing = 'user';
    this.starts = 0;
    /** @type {MediaStream | null} */
    this.stream = null;
  }

  get running() {
    return this.stream !== null;
  }

  /**
   * Whether the camera shows the person who looks at the screen.
   */
  get isFront() {
    const told = this.stream?.getVideoTracks()[0]?.getSettings().facingMode;
    return (told ?? this.facing) !== 'environment';
  }

  /**
   * Starts the camera on one side of the device, or the one that is there.
   *
   * @param {Facing} facing
   * @returns {Promise<boolean>} False if it was stopped in the meantime.
   */
  async start(facing = this.facing) {
    this.stop();
    const start = this.starts;
    this.facing = facing;
    if (!navigator.mediaDevices?.getUserMedia) {
      throw Object.assign(new Error('no secure context'), {name: 'InsecureContext'});
    }
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {facingMode: facing, width: {ideal: 640}, height: {ideal: 480}},
    });
    if (start !== this.starts) {
      for (const track of stream.getTracks()) track.stop();
      return false;
    }
    this.stream = stream;
    stream.getVideoTracks()[0].addEventListener('ended', () => {
      if (this.stream !== stream) return;
      this.stop();
      this.onTaken();
    });
    this.video.srcObject = stream;
    await this.video.play();
    return this.stream === stream;
  }

  stop() {
    this.starts += 1;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }

  /** Number of cameras; before one was allowed, browsers tell at most one. */
  static async count() {
    const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    return devices.filter(({kind}) => kind === 'videoinput').length;
  }

  /**
   * The next picture as the camera gives it, not mirrored.
   *
   * @returns {Promise<ImageBitmap | null>} Null once the camera is stopped.
   */
  async picture() {
    const {stream} = this;
    await nextFrame(this.video);
    // Before a first frame was shown there is nothing to take.
    if (this.stream === null || this.stream !== stream || !this.video.videoWidth) return null;
    return createImageBitmap(this.video);
  }
}

/** @param {HTMLVideoElement} video */
function nextFrame(video) {
  return new Promise((resolve) => {
    // A stopped camera has no next frame.
    const patience = setTimeout(resolve, 1000);
    const done = () => {
      clearTimeout(patience);
      resolve(undefined);
    };
    if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(done);
    else requestAnimationFrame(done);
  });
}
