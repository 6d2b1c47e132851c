package tfsphereface.app;

import tfsphereface.core.pixels.Pixels;

/** A camera, or what a test has in its place. */
interface FrameSource {
    /** Told on a thread of the source. */
    interface Listener {
        /** The next picture, upright and not mirrored. */
        void onFrame(Pixels frame);

        void onFailure(Failure failure);
    }

    /** Why there are no pictures. */
    enum Failure { NO_CAMERA, TAKEN, BROKEN }

    /**
     * Begins; the permission was given.
     *
     * @param front whether the camera on the screen's side is wanted
     * @param displayDegrees rotation of the screen from its natural one
     */
    void start(boolean front, int displayDegrees, Listener listener);

    /** Ends; nothing is told after it. */
    void stop();
}
