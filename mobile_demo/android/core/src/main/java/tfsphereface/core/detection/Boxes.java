package tfsphereface.core.detection;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Arithmetic of boxes {x1, y1, x2, y2}, pixels. */
public final class Boxes {
    private Boxes() {}

    /** A box with its score and what the network said beside it. */
    public static final class Scored {
        public double[] box;
        public final float score;
        public double[][] landmarks; // of O-Net

        public Scored(double[] box, float score) {
            this.box = box;
            this.score = score;
        }
    }

    /**
     * The shared area of two boxes as a fraction of their union, or of the smaller one.
     */
    public static double overlap(double[] a, double[] b, boolean ofSmaller) {
        double across = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
        double down = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
        double shared = Math.max(across, 0) * Math.max(down, 0);
        double first = (a[2] - a[0]) * (a[3] - a[1]);
        double second = (b[2] - b[0]) * (b[3] - b[1]);
        double whole = ofSmaller ? Math.min(first, second) : first + second - shared;
        return shared / Math.max(whole, 1e-12);
    }

    /**
     * Non-maximum suppression: drops boxes that overlap a better one, dropped or not.
     *
     * @return the kept ones, best first; of equal scores the earlier first
     */
    public static List<Scored> suppress(List<Scored> boxes, double most, boolean ofSmaller) {
        List<Scored> ranked = new ArrayList<>(boxes);
        ranked.sort(new Comparator<Scored>() {
            @Override
            public int compare(Scored a, Scored b) {
                return Float.compare(b.score, a.score);
            }
        });
        List<Scored> kept = new ArrayList<>();
        for (int i = 0; i < ranked.size(); i++) {
            boolean alive = true;
            for (int j = 0; j < i && alive; j++) {
                alive = !(overlap(ranked.get(j).box, ranked.get(i).box, ofSmaller) > most);
            }
            if (alive) {
                kept.add(ranked.get(i));
            }
        }
        return kept;
    }

    /** Moves each corner by its offset times the box's size, of inclusive pixels. */
    public static double[] refined(double[] box, float[] offsets, int from) {
        double width = box[2] - box[0] + 1;
        double height = box[3] - box[1] + 1;
        return new double[] {
            box[0] + offsets[from] * width, box[1] + offsets[from + 1] * height,
            box[2] + offsets[from + 2] * width, box[3] + offsets[from + 3] * height
        };
    }

    /** The square around the same centre, as large as the longer side. */
    public static double[] toSquare(double[] box) {
        double x = (box[0] + box[2]) / 2;
        double y = (box[1] + box[3]) / 2;
        double half = Math.max(box[2] - box[0], box[3] - box[1]) / 2;
        return new double[] {x - half, y - half, x + half, y + half};
    }
}
