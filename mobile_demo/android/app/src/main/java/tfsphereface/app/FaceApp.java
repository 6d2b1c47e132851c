package tfsphereface.app;

import android.app.Application;
import android.os.Handler;
import android.os.Looper;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import tfsphereface.core.bundle.Bundle;
import tfsphereface.core.runtimes.LiteRuntime;
import tfsphereface.core.runtimes.TFLiteRuntime;

/** The app: one engine for all screens; tests replace its parts. */
public class FaceApp extends Application {
    private Engine engine;

    /** The engine, which begins to open the bundle when it is asked for first. */
    public synchronized Engine engine() {
        if (engine == null) {
            engine = new Engine(this);
            engine.open();
        }
        return engine;
    }

    protected Bundle.Files bundleFiles() {
        return new AssetFiles(getAssets(), "bundle");
    }

    /** Loads the runtime's native library. */
    protected TFLiteRuntime newRuntime() {
        return new LiteRuntime();
    }

    protected Executor newWorker() {
        return Executors.newSingleThreadExecutor();
    }

    protected Executor newMainThread() {
        final Handler handler = new Handler(Looper.getMainLooper());
        return new Executor() {
            @Override
            public void execute(Runnable task) {
                handler.post(task);
            }
        };
    }

    protected FrameSource newFrameSource() {
        return new Camera2Source(this);
    }
}
