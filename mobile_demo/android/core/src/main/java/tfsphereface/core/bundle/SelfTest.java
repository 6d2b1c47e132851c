package tfsphereface.core.bundle;

import java.util.ArrayList;
import java.util.List;
import tfsphereface.core.BadInput;
import tfsphereface.core.detection.Cascade;
import tfsphereface.core.detection.Face;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.pixels.Warp;

/**
 * The golden faces of a bundle, computed again on this phone.
 *
 * <p>A runtime that does not know how a file is quantised may load it and compute other
 * numbers. A program that fails here must recognise nobody.
 */
public final class SelfTest {
    private static final double MOST_PIXELS = 0.1;
    private static final double MOST_GREY_LEVELS = 1;
    private static final double FLOAT_TOLERANCE = 0.01;
    private static final double LEAST_INTEGER_TOLERANCE = 0.1;

    /** What was compared. */
    public enum Check { LANDMARKS, CROP, EMBEDDING }

    /** One comparison; it holds if the value is at most the limit. */
    public static final class Row {
        public final String photo;
        public final Check check;
        public final double value;
        public final double limit;
        public final double milliseconds;

        Row(String photo, Check check, double value, double limit, long sinceNanos) {
            this.photo = photo;
            this.check = check;
            this.value = value;
            this.limit = limit;
            milliseconds = (System.nanoTime() - sinceNanos) / 1e6;
        }

        public boolean ok() {
            return value <= limit; // not if it is no number
        }
    }

    private SelfTest() {}

    /** Whether all hold, and there is something to hold. */
    public static boolean passed(List<Row> rows) {
        for (Row row : rows) {
            if (!row.ok()) {
                return false;
            }
        }
        return !rows.isEmpty();
    }

    /** Runs all comparisons. */
    public static List<Row> run(Bundle bundle, Contract.Variant variant, Cascade cascade,
            Embedder embedder) {
        List<Row> rows = new ArrayList<>();
        try {
            for (StrictJson golden : bundle.goldenFaces()) {
                add(rows, bundle, variant, cascade, embedder, golden);
            }
        } catch (IllegalArgumentException error) {
            throw new BadInput(BadInput.Kind.BUNDLE_DAMAGED,
                    "damaged golden file: " + error.getMessage(), error);
        }
        return rows;
    }

    private static void add(List<Row> rows, Bundle bundle, Contract.Variant variant,
            Cascade cascade, Embedder embedder, StrictJson golden) {
        String name = golden.text("photo");
        StrictJson sums = golden.part("sha256");
        Pixels photo = bundle.picture(name, sums.text("photo"));
        Pixels crop = bundle.picture(golden.text("crop"), sums.text("crop"));
        long start = System.nanoTime();
        List<Face> faces = cascade.detect(photo);
        double[][] expected =
                golden.has("detected") ? golden.part("detected").landmarks("landmarks") : null;
        rows.add(new Row(name, Check.LANDMARKS, apart(faces, expected), MOST_PIXELS, start));
        start = System.nanoTime();
        Pixels again = Warp.align(photo, golden.landmarks("landmarks"), bundle.contract.crop);
        rows.add(new Row(name, Check.CROP, greyLevels(again, crop), MOST_GREY_LEVELS, start));
        start = System.nanoTime();
        float[] embedding = embedder.embedding(crop);
        double[] stored = golden.part("embeddings").numbers(variant.name);
        rows.add(new Row(name, Check.EMBEDDING, away(embedding, stored), tolerance(variant),
                start));
    }

    /** Greatest distance along an axis from the nearest face, pixels. */
    private static double apart(List<Face> faces, double[][] expected) {
        if (expected == null) {
            return faces.isEmpty() ? 0 : Double.NaN;
        }
        double nearest = Double.POSITIVE_INFINITY;
        for (Face face : faces) {
            double apart = 0;
            for (int i = 0; i < 5; i++) {
                apart = Math.max(apart, Math.abs(face.landmarks[i][0] - expected[i][0]));
                apart = Math.max(apart, Math.abs(face.landmarks[i][1] - expected[i][1]));
            }
            nearest = Math.min(nearest, apart);
        }
        return nearest;
    }

    private static double greyLevels(Pixels crop, Pixels expected) {
        if (crop.width != expected.width || crop.height != expected.height) {
            return Double.NaN;
        }
        int most = 0;
        for (int i = 0; i < crop.rgb.length; i++) {
            most = Math.max(most, Math.abs((crop.rgb[i] & 255) - (expected.rgb[i] & 255)));
        }
        return most;
    }

    /** Length of the difference as a share of the stored embedding's. */
    static double away(float[] embedding, double[] stored) {
        if (embedding.length != stored.length) {
            return Double.NaN;
        }
        double difference = 0;
        double length = 0;
        for (int i = 0; i < stored.length; i++) {
            difference += Math.pow(embedding[i] - stored[i], 2);
            length += stored[i] * stored[i];
        }
        return Math.sqrt(difference / length);
    }

    /** Greatest distance that another processor's rounding explains. */
    static double tolerance(Contract.Variant variant) {
        if (variant.name.equals("none") || variant.name.equals("fp16")) {
            return FLOAT_TOLERANCE;
        }
        // Unit vectors of a cosine c are sqrt(2 - 2 c) apart.
        return Math.max(LEAST_INTEGER_TOLERANCE, Math.sqrt(2 - 2 * variant.leastCosine));
    }
}
