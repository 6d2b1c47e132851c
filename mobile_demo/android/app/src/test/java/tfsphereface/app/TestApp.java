package tfsphereface.app;

import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Deque;
import java.util.concurrent.Executor;
import tfsphereface.core.Cases;
import tfsphereface.core.bundle.Bundle;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.runtimes.TFLiteRuntime;

/** The app with a bundle in a folder, a camera of our own, and one thread. */
public class TestApp extends FaceApp {
    static Path bundle = Paths.get(System.getProperty("bundle", ""));
    static TFLiteRuntime runtime; // null: the real one
    static FrameSource.Failure failure; // of the camera

    /** Tasks of the worker that wait for {@link #work}; null: they run at once. */
    Deque<Runnable> held;

    /** The camera that a screen started last. */
    TestSource camera;

    @Override
    protected Bundle.Files bundleFiles() {
        return Cases.files(bundle);
    }

    @Override
    protected TFLiteRuntime newRuntime() {
        return runtime == null ? super.newRuntime() : runtime;
    }

    @Override
    protected Executor newWorker() {
        return new Executor() {
            @Override
            public void execute(Runnable task) {
                if (held != null) {
                    held.add(task);
                } else {
                    task.run();
                }
            }
        };
    }

    /** Runs the held tasks, those of now. */
    void work() {
        for (int left = held.size(); left > 0; left--) {
            held.remove().run();
        }
    }

    @Override
    protected FrameSource newFrameSource() {
        return new TestSource();
    }

    /** A camera that shows what a test holds before it. */
    final class TestSource implements FrameSource {
        boolean running;
        boolean front;
        private Listener listener;

        @Override
        public void start(boolean newFront, int displayDegrees, Listener newListener) {
            camera = this;
            running = true;
            front = newFront;
            listener = newListener;
            if (failure != null) {
                listener.onFailure(failure);
            }
        }

        void show(Pixels frame) {
            listener.onFrame(frame);
        }

        void fail(Failure why) {
            listener.onFailure(why);
        }

        @Override
        public void stop() {
            running = false;
        }
    }
}
