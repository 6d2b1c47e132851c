package tfsphereface.app;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import tfsphereface.core.BadInput;
import tfsphereface.core.bundle.Bundle;
import tfsphereface.core.bundle.Contract;
import tfsphereface.core.bundle.SelfTest;
import tfsphereface.core.gallery.Decision;
import tfsphereface.core.gallery.FaceTracks;
import tfsphereface.core.gallery.Gallery;
import tfsphereface.core.gallery.Recognizer;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.runtimes.TFLiteRuntime;

/**
 * Networks and gallery on one thread of their own; the screens ask and are told on theirs.
 *
 * <p>It is ready only after the golden faces of the bundle have been computed again.
 */
final class Engine {
    enum State { LOADING, READY, REFUSED }

    /** Told on the main thread when the state has changed. */
    interface Listener {
        void onState(Engine engine);
    }

    /** Work on the engine's thread, and what to do with its result on the main one. */
    abstract static class Task<T> {
        abstract T run(Recognizer recognizer, Gallery gallery);

        abstract void done(T result);

        /** An error that the user can mend; {@link Words#of} says it in words. */
        void failed(BadInput error) {}
    }

    /** What is shown of a face: the answer that its last frames agree on. */
    static final class Label {
        final double[] box;
        final Decision decision; // null while none has prevailed, or without a threshold
        final String name;
        final Double score;

        Label(FaceTracks.Track track) {
            box = track.box;
            decision = track.decision;
            name = track.name;
            score = track.score;
        }
    }

    /** The faces of a frame. */
    static final class Frame {
        final Recognizer seenBy;
        final List<Recognizer.Seen> faces;
        final List<Label> labels;
        final Map<String, Double> milliseconds;

        Frame(Recognizer seenBy, List<Recognizer.Seen> faces, List<Label> labels,
                Map<String, Double> milliseconds) {
            this.seenBy = seenBy;
            this.faces = faces;
            this.labels = labels;
            this.milliseconds = milliseconds;
        }
    }

    final Settings settings;
    private final FaceApp app;
    private final Executor worker;
    private final Executor mainThread;
    private final List<Listener> listeners = new ArrayList<>();
    private final AtomicBoolean looking = new AtomicBoolean();
    // Of the worker:
    private TFLiteRuntime runtime;
    private Recognizer recognizer;
    private SQLiteStore store;
    private Gallery gallery;
    private FaceTracks tracks = new FaceTracks();
    // Of the main thread:
    private State state = State.LOADING;
    private BadInput refusal;
    private List<SelfTest.Row> tested = Collections.emptyList();
    private Contract contract;
    private Contract.Variant variant;
    private String runtimeVersion = "";
    private int others;

    Engine(FaceApp app) {
        this.app = app;
        settings = new Settings(app);
        worker = app.newWorker();
        mainThread = app.newMainThread();
    }

    State state() {
        return state;
    }

    /** Why it refused, or null. */
    BadInput refusal() {
        return refusal;
    }

    List<SelfTest.Row> tested() {
        return tested;
    }

    /** Null until the bundle was read. */
    Contract contract() {
        return contract;
    }

    Contract.Variant variant() {
        return variant;
    }

    String runtimeVersion() {
        return runtimeVersion;
    }

    /** Number of galleries of other bundles or variants on this phone. */
    int others() {
        return others;
    }

    void listen(Listener listener) {
        listeners.add(listener);
        listener.onState(this);
    }

    void ignore(Listener listener) {
        listeners.remove(listener);
    }

    /** Opens bundle and gallery by the settings, and tests the golden faces. */
    void open() {
        tell(State.LOADING, null);
        worker.execute(new Runnable() {
            @Override
            public void run() {
                BadInput error = null;
                try {
                    openNow();
                } catch (BadInput known) {
                    error = known;
                } catch (UnsatisfiedLinkError | ExceptionInInitializerError
                        | NoClassDefFoundError missing) {
                    error = new BadInput(BadInput.Kind.OTHER,
                            "TensorFlow Lite is not for this phone's processor", missing);
                }
                final BadInput found = error;
                mainThread.execute(new Runnable() {
                    @Override
                    public void run() {
                        tell(found == null ? State.READY : State.REFUSED, found);
                    }
                });
            }
        });
    }

    private void openNow() {
        close();
        Bundle bundle = new Bundle(app.bundleFiles());
        publish(bundle.contract, null, Collections.<SelfTest.Row>emptyList(), 0);
        if (runtime == null) {
            runtime = app.newRuntime();
        }
        recognizer = new Recognizer(bundle, runtime, usable(bundle.contract),
                settings.threads(), settings.smallestFace());
        List<SelfTest.Row> rows = recognizer.selfTest();
        Contract.Identity identity = bundle.contract.identity(recognizer.variant.name);
        publish(bundle.contract, recognizer.variant, rows,
                SQLiteStore.others(app, identity).size());
        if (!recognizer.isTrusted()) {
            throw new BadInput(BadInput.Kind.SELF_TEST,
                    "this phone computes other numbers than the bundle has");
        }
        store = SQLiteStore.open(app, identity);
        gallery = new Gallery(store);
        tracks = new FaceTracks(); // names of the gallery before it
    }

    /** The chosen variant, unless the bundle has it no longer. */
    private String usable(Contract of) {
        for (Contract.Variant each : of.variantsFor(runtime.version())) {
            if (each.name.equals(settings.variant())) {
                return each.name;
            }
        }
        return null;
    }

    private void publish(final Contract newContract, final Contract.Variant newVariant,
            final List<SelfTest.Row> rows, final int newOthers) {
        final String version = runtime == null ? "" : runtime.version();
        mainThread.execute(new Runnable() {
            @Override
            public void run() {
                contract = newContract;
                variant = newVariant;
                tested = rows;
                others = newOthers;
                runtimeVersion = version;
            }
        });
    }

    /** Closes networks and gallery; of the worker. */
    void close() {
        gallery = null;
        if (store != null) {
            store.close();
            store = null;
        }
        if (recognizer != null) {
            recognizer.close();
            recognizer = null;
        }
    }

    private void tell(State newState, BadInput error) {
        state = newState;
        refusal = error;
        for (Listener listener : new ArrayList<>(listeners)) {
            listener.onState(this);
        }
    }

    /** The FAR of the settings if the variant has a threshold there, or the nearest to it. */
    double far() {
        double best = settings.far();
        double apart = Double.POSITIVE_INFINITY;
        for (double far : fars()) {
            double ratio = Math.abs(Math.log(far / settings.far()));
            if (ratio < apart) {
                apart = ratio;
                best = far;
            }
        }
        return best;
    }

    /** FARs with a threshold, the largest first; none if none was measured. */
    List<Double> fars() {
        List<Double> fars = new ArrayList<>();
        if (variant != null && variant.thresholds != null) {
            for (String key : variant.thresholds.keySet()) {
                if (key.startsWith("far_")) {
                    fars.add(Decision.far(key));
                }
            }
        }
        Collections.sort(fars, Collections.<Double>reverseOrder());
        return fars;
    }

    /** Runs a task; it fails with the refusal as long as the engine is not ready. */
    <T> void run(final Task<T> task) {
        worker.execute(new Runnable() {
            @Override
            public void run() {
                T result = null;
                BadInput error = null;
                try {
                    if (gallery == null) {
                        throw new BadInput(BadInput.Kind.SELF_TEST, "not ready");
                    }
                    result = task.run(recognizer, gallery);
                } catch (BadInput known) {
                    error = known;
                }
                final T given = result;
                final BadInput found = error;
                mainThread.execute(new Runnable() {
                    @Override
                    public void run() {
                        if (found == null) {
                            task.done(given);
                        } else {
                            task.failed(found);
                        }
                    }
                });
            }
        });
    }

    /** Forgets the faces of earlier frames: a camera starts. */
    void forgetTracks() {
        worker.execute(new Runnable() {
            @Override
            public void run() {
                tracks = new FaceTracks();
            }
        });
    }

    /**
     * Looks at a frame, unless it is still looking at an earlier one.
     *
     * @return false if the frame is passed over
     */
    boolean look(final Pixels frame, final Task<Frame> then) {
        if (state != State.READY || !looking.compareAndSet(false, true)) {
            return false;
        }
        final double far = far();
        run(new Task<Frame>() {
            @Override
            Frame run(Recognizer recognizer, Gallery gallery) {
                try {
                    return lookNow(recognizer, gallery, frame, far);
                } finally {
                    looking.set(false);
                }
            }

            @Override
            void done(Frame result) {
                then.done(result);
            }

            @Override
            void failed(BadInput error) {
                looking.set(false);
                then.failed(error);
            }
        });
        return true;
    }

    private Frame lookNow(Recognizer by, Gallery among, Pixels frame, double far) {
        List<Recognizer.Seen> faces = by.look(frame);
        List<Gallery.Naming> names = by.name(faces, among, far);
        List<double[]> boxes = new ArrayList<>();
        List<FaceTracks.Answer> answers = new ArrayList<>();
        for (int i = 0; i < faces.size(); i++) {
            boxes.add(faces.get(i).face.box);
            Gallery.Naming name = names.get(i);
            answers.add(new FaceTracks.Answer(name.decision, name.name, name.score));
        }
        List<Label> labels = new ArrayList<>();
        for (FaceTracks.Track track : tracks.update(boxes, answers)) {
            labels.add(new Label(track));
        }
        return new Frame(by, faces, labels, by.timings.quantile(0.5));
    }
}
