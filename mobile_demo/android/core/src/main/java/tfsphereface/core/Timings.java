package tfsphereface.core;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Milliseconds of the stages of one frame, and their medians over the last frames. */
public final class Timings {
    public static final String[] STAGES = {
        "resize", "detect", "consensus", "warp", "embed", "search", "total"
    };
    private static final int KEPT = 60; // frames

    private final double[][] kept = new double[KEPT][STAGES.length];
    private final double[] now = new double[STAGES.length];
    private int frames;

    /** Begins a frame. */
    public void begin() {
        Arrays.fill(now, 0);
    }

    /** Adds the time since a moment to a stage. */
    public void add(String stage, long sinceNanos) {
        now[Arrays.asList(STAGES).indexOf(stage)] += (System.nanoTime() - sinceNanos) / 1e6;
    }

    /** Milliseconds of a stage in this frame. */
    public double of(String stage) {
        return now[Arrays.asList(STAGES).indexOf(stage)];
    }

    /** Takes milliseconds off a stage that were counted in another one. */
    public void take(String stage, double milliseconds) {
        now[Arrays.asList(STAGES).indexOf(stage)] -= milliseconds;
    }

    /** Ends a frame. */
    public void next() {
        kept[frames++ % KEPT] = now.clone();
    }

    /**
     * Milliseconds by stage.
     *
     * @param share 0.5 for the median, 0.95 for what 95 of 100 frames do not exceed
     */
    public Map<String, Double> quantile(double share) {
        Map<String, Double> found = new LinkedHashMap<>();
        int count = Math.min(frames, KEPT);
        for (int stage = 0; stage < STAGES.length; stage++) {
            double[] values = new double[count];
            for (int i = 0; i < count; i++) {
                values[i] = kept[i][stage];
            }
            Arrays.sort(values);
            int place = (int) Math.ceil(share * count) - 1;
            found.put(STAGES[stage], count == 0 ? 0 : values[Math.max(place, 0)]);
        }
        return found;
    }
}
