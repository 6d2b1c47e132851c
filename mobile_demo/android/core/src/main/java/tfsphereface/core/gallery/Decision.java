package tfsphereface.core.gallery;

import java.util.Map;
import tfsphereface.core.BadInput;

/** What a score says: thresholds of a search and the verdict. */
public enum Decision {
    KNOWN("known"), NOT_SURE("not sure"), UNKNOWN("unknown");

    /** As the other programs call it. */
    public final String word;

    Decision(String word) {
        this.word = word;
    }

    /**
     * The verdict on a score.
     *
     * @param threshold of the FAR in use; null if none was measured
     * @param differentBelow a score below it is of two people; null if not calibrated
     * @return null without a threshold
     */
    public static Decision of(double score, Double threshold, Double differentBelow) {
        if (threshold == null) {
            return null;
        }
        if (score >= threshold) {
            return KNOWN;
        }
        return differentBelow == null || score < differentBelow ? UNKNOWN : NOT_SURE;
    }

    /** The least score of a known face, and the FAR of a comparison that it stands for. */
    public static final class Threshold {
        public final Double score; // null if none was measured
        public final double far;
        public final Double differentBelow;
        private final int templates;

        Threshold(Double score, double far, Double differentBelow, int templates) {
            this.score = score;
            this.far = far;
            this.differentBelow = differentBelow;
            this.templates = templates;
        }

        /** Share of strangers' searches that find somebody, at most. */
        public double falseAlarms() {
            return Math.min(1, far * templates);
        }
    }

    /**
     * The threshold measured at a FAR of one comparison.
     *
     * @throws BadInput if thresholds were measured, but not at this FAR
     */
    public static Threshold atFar(Map<String, Double> thresholds, Double differentBelow,
            int templates, double far) {
        if (thresholds == null) {
            return new Threshold(null, far, null, templates);
        }
        for (Map.Entry<String, Double> entry : thresholds.entrySet()) {
            if (entry.getKey().startsWith("far_") && far(entry.getKey()) == far) {
                return new Threshold(entry.getValue(), far, differentBelow, templates);
            }
        }
        throw new BadInput(BadInput.Kind.BUNDLE_UNFIT, "the bundle has no threshold at FAR " + far);
    }

    /**
     * The threshold at which a share of strangers' searches at most finds somebody.
     *
     * @param impostorPairs that were measured; 0 if not calibrated
     * @throws BadInput if no measured one keeps to it
     */
    public static Threshold forFalseAlarms(Map<String, Double> thresholds, Double differentBelow,
            long impostorPairs, int templates, double share) {
        double best = 0;
        double wanted = share / Math.max(1, templates);
        for (String key : thresholds == null ? new String[0]
                : thresholds.keySet().toArray(new String[0])) {
            if (!key.startsWith("far_")) {
                continue;
            }
            double far = far(key);
            // Rarer ones than the pairs can show are no measurement.
            boolean measured = impostorPairs == 0 || far * impostorPairs >= 1 - 1e-9;
            if (measured && far <= wanted * (1 + 1e-9)) {
                best = Math.max(best, far);
            }
        }
        if (best == 0) {
            throw new BadInput(BadInput.Kind.BUNDLE_UNFIT, "no measured threshold keeps to "
                    + share + " false alarms with " + templates + " templates");
        }
        return atFar(thresholds, differentBelow, templates, best);
    }

    /** The FAR of a key such as "far_0.001". */
    public static double far(String key) {
        return Double.parseDouble(key.substring(4));
    }
}
