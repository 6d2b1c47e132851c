package tfsphereface.core.gallery;

import java.io.Closeable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tfsphereface.core.BadInput;
import tfsphereface.core.Timings;
import tfsphereface.core.bundle.Bundle;
import tfsphereface.core.bundle.Contract;
import tfsphereface.core.bundle.Embedder;
import tfsphereface.core.bundle.SelfTest;
import tfsphereface.core.detection.Cascade;
import tfsphereface.core.detection.Face;
import tfsphereface.core.detection.TFLiteNetworks;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.pixels.Warp;
import tfsphereface.core.runtimes.TFLiteRuntime;

/** From a picture to names: detector, warp, network and gallery of one bundle. */
public final class Recognizer implements Closeable {
    private static final double FAR_OF_UNLIKE = 0.01;

    /** A face of a picture. */
    public static final class Seen {
        public final Face face;
        public final Pixels crop;
        public final float[] feature;

        Seen(Face face, Pixels crop, float[] feature) {
            this.face = face;
            this.crop = crop;
            this.feature = feature;
        }
    }

    public final Bundle bundle;
    public final Contract.Variant variant;
    public final Timings timings = new Timings();
    private final TFLiteNetworks networks;
    private final Cascade cascade;
    private final Cascade goldenCascade;
    private final Embedder embedder;
    private List<SelfTest.Row> tested;

    /**
     * Opens the networks of a bundle.
     *
     * @param variant null for the bundle's default, or the first that this runtime can run
     * @param threads CPU threads of the networks
     * @param smallestFace pixels; 0 for the bundle's
     * @throws BadInput if a file is not that of the contract, or no variant is for this runtime
     */
    public Recognizer(Bundle bundle, TFLiteRuntime runtime, String variant, int threads,
            double smallestFace) {
        this.bundle = bundle;
        this.variant = chosen(bundle.contract, runtime.version(), variant);
        bundle.verify(this.variant.name);
        Map<String, Contract.FileRecord> files = bundle.contract.detectorFiles;
        networks = new TFLiteNetworks(runtime.open(bundle.network(files.get("pnet")), threads),
                runtime.open(bundle.network(files.get("rnet")), threads),
                runtime.open(bundle.network(files.get("onet")), threads));
        Cascade.Settings settings = bundle.contract.detector;
        goldenCascade = new Cascade(networks, settings, new Timings());
        cascade = new Cascade(networks,
                smallestFace > 0 ? settings.withSmallestFace(smallestFace) : settings, timings);
        embedder = new Embedder(bundle.contract, this.variant,
                runtime.open(bundle.network(this.variant.file), threads));
    }

    private static Contract.Variant chosen(Contract contract, String runtime, String wanted) {
        List<Contract.Variant> usable = contract.variantsFor(runtime);
        String name = wanted == null ? contract.defaultVariant : wanted;
        for (Contract.Variant each : usable) {
            if (each.name.equals(name)) {
                return each;
            }
        }
        if (usable.isEmpty() || wanted != null) {
            throw new BadInput(BadInput.Kind.BUNDLE_UNFIT, "TensorFlow Lite " + runtime
                    + " runs no variant " + (wanted == null ? "of the bundle" : wanted));
        }
        return usable.get(0);
    }

    /** Computes the golden faces again; until that has passed nobody is recognised. */
    public List<SelfTest.Row> selfTest() {
        tested = SelfTest.run(bundle, variant, goldenCascade, embedder);
        return tested;
    }

    public boolean isTrusted() {
        return tested != null && SelfTest.passed(tested);
    }

    /**
     * The faces of a picture with their features, the nearest to the middle first.
     *
     * @throws BadInput if the self-test has not passed
     */
    public List<Seen> look(Pixels picture) {
        if (!isTrusted()) {
            throw new BadInput(BadInput.Kind.SELF_TEST,
                    "this phone computes other numbers than the bundle has");
        }
        timings.begin();
        long begin = System.nanoTime();
        List<Face> faces = Cascade.nearestFirst(cascade.detect(picture), picture.width,
                picture.height);
        List<Seen> seen = new ArrayList<>();
        for (Face face : faces) {
            long start = System.nanoTime();
            Pixels crop = Warp.align(picture, face.landmarks, bundle.contract.crop);
            timings.add("warp", start);
            start = System.nanoTime();
            seen.add(new Seen(face, crop, embedder.feature(crop)));
            timings.add("embed", start);
        }
        timings.add("total", begin);
        return seen;
    }

    /** Names faces; ends the frame of the timings. */
    public List<Gallery.Naming> name(List<Seen> faces, Gallery gallery, double far) {
        long start = System.nanoTime();
        Decision.Threshold threshold = threshold(far, gallery.size());
        List<Gallery.Naming> names = new ArrayList<>();
        for (Seen seen : faces) {
            names.add(gallery.name(seen.feature, threshold, Gallery.Rule.BEST, 1));
        }
        timings.add("search", start);
        timings.add("total", start);
        timings.next();
        return names;
    }

    /** The threshold at a FAR of one comparison, for a gallery of so many templates. */
    public Decision.Threshold threshold(double far, int templates) {
        return Decision.atFar(variant.thresholds, variant.differentBelow, templates, far);
    }

    /** Whether a face is of another person than the templates of that name. */
    public boolean isUnlike(Gallery gallery, String name, Seen seen) {
        Double score = gallery.scoreWith(name, seen.feature);
        Double threshold = variant.thresholds == null ? null
                : variant.thresholds.get("far_" + FAR_OF_UNLIKE);
        return score != null && threshold != null
                && Decision.of(score, threshold, variant.differentBelow) == Decision.UNKNOWN;
    }

    @Override
    public void close() {
        networks.close();
        embedder.close();
    }
}
