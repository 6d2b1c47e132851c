package tfsphereface.core.detection;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import tfsphereface.core.BadInput;
import tfsphereface.core.Timings;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.pixels.Warp;

/** MTCNN: the cascade of P-Net, R-Net and O-Net, with consensus landmarks. */
public final class Cascade {
    private static final int CELL = 12; // P-Net's window, pixels
    private static final int STRIDE = 2;
    private static final int MOST_PROPOSALS = 10_000;
    private static final double SECOND_FACTOR = 0.8;
    private static final int ENLARGED_PIXELS = 1_000_000;

    /** Settings, as `MTCNNSettings` of the Python code describes them. */
    public static final class Settings {
        public double smallestFace = 20;
        public double pyramidFactor = 0.709;
        public double[] thresholds = {0.6, 0.7, 0.9};
        public double levelOverlap = 0.5;
        public double photoOverlap = 0.7;
        public double refinedOverlap = 0.7;
        public double faceOverlap = 0.7;
        public double[] secondThresholds = {};
        public boolean consensus;

        /** The same with another smallest face, pixels, at least 12. */
        public Settings withSmallestFace(double pixels) {
            Settings other = copy();
            other.smallestFace = Math.max(CELL, pixels);
            return other;
        }

        Settings secondLook() {
            Settings second = copy();
            second.thresholds = secondThresholds;
            second.pyramidFactor = Math.max(pyramidFactor, SECOND_FACTOR);
            second.secondThresholds = new double[0];
            return second;
        }

        /** Pixels of all levels of a look as a multiple of the photo's, at most. */
        public double levelsArea() {
            double ratio = CELL / smallestFace;
            double area = ratio * ratio / (1 - pyramidFactor * pyramidFactor);
            return secondThresholds.length > 0 ? Math.max(area, secondLook().levelsArea()) : area;
        }

        private Settings copy() {
            Settings other = new Settings();
            other.smallestFace = smallestFace;
            other.pyramidFactor = pyramidFactor;
            other.thresholds = thresholds;
            other.levelOverlap = levelOverlap;
            other.photoOverlap = photoOverlap;
            other.refinedOverlap = refinedOverlap;
            other.faceOverlap = faceOverlap;
            other.secondThresholds = secondThresholds;
            other.consensus = consensus;
            return other;
        }
    }

    private final Networks networks;
    private final Settings settings;
    private final Timings timings;

    public Cascade(Networks networks, Settings settings, Timings timings) {
        this.networks = networks;
        this.settings = settings;
        this.timings = timings;
    }

    /** The faces of a photo, best score first. */
    public List<Face> detect(Pixels photo) {
        List<Face> faces = look(photo, settings);
        if (!faces.isEmpty() || settings.secondThresholds.length == 0) {
            return faces;
        }
        boolean larger = (long) photo.width * photo.height <= ENLARGED_PIXELS;
        List<Face> found = new ArrayList<>();
        for (Face face : look(larger ? photo.enlargedTwice() : photo, settings.secondLook())) {
            found.add(larger ? face.halved() : face);
        }
        return found;
    }

    /**
     * The faces of a photo as the Python `find_faces` orders them.
     *
     * @return the nearest to the middle first; of equally near ones the better scored
     */
    public static List<Face> nearestFirst(List<Face> faces, final int width, final int height) {
        List<Face> ordered = new ArrayList<>(faces);
        Collections.sort(ordered, new Comparator<Face>() {
            @Override
            public int compare(Face a, Face b) {
                return Double.compare(distance(a), distance(b));
            }

            private double distance(Face face) {
                double x = (face.box[0] + face.box[2]) / 2 - (width - 1) / 2.0;
                double y = (face.box[1] + face.box[3]) / 2 - (height - 1) / 2.0;
                return x * x + y * y;
            }
        });
        return ordered;
    }

    private List<Face> look(Pixels photo, Settings s) {
        Warp.Cutter cutter = new Warp.Cutter(photo);
        long start = System.nanoTime();
        double resizing = timings.of("resize");
        List<Boxes.Scored> boxes = propose(photo, s);
        boxes = judge(cutter, boxes, s);
        boxes = findLandmarks(cutter, boxes, s);
        timings.add("detect", start);
        timings.take("detect", timings.of("resize") - resizing);
        start = System.nanoTime();
        List<Face> faces = new ArrayList<>();
        List<Consensus.Agreement> agreed = s.consensus
                ? Consensus.agree(networks, cutter, boxes) : null;
        for (int i = 0; i < boxes.size(); i++) {
            Boxes.Scored found = boxes.get(i);
            faces.add(agreed == null
                    ? new Face(found.box, found.score, found.landmarks, Double.NaN)
                    : new Face(found.box, found.score, agreed.get(i).landmarks,
                            agreed.get(i).confidence));
        }
        timings.add("consensus", start);
        return faces;
    }

    private List<Boxes.Scored> propose(Pixels photo, Settings s) {
        List<List<Boxes.Scored>> levels = new ArrayList<>();
        double scale = CELL / s.smallestFace;
        Pixels reduced = photo;
        for (; Math.min(photo.width, photo.height) * scale >= CELL; scale *= s.pyramidFactor) {
            int width = (int) (photo.width * scale);
            int height = (int) (photo.height * scale);
            long start = System.nanoTime();
            // Each level is resized from a halving of the photo, which is faster.
            while (Math.min((double) reduced.width / width, (double) reduced.height / height) >= 2) {
                reduced = reduced.areaResized((int) Math.rint(reduced.width * 0.5),
                        (int) Math.rint(reduced.height * 0.5));
            }
            float[] level = reduced.areaResized(width, height).normalized();
            timings.add("resize", start);
            levels.add(scan(level, width, height, (double) width / photo.width,
                    (double) height / photo.height, s.thresholds[0]));
        }
        List<Boxes.Scored> kept = new ArrayList<>();
        for (List<Boxes.Scored> level : strongest(levels)) {
            kept.addAll(Boxes.suppress(level, s.levelOverlap, false));
        }
        return Boxes.suppress(kept, s.photoOverlap, false);
    }

    private List<Boxes.Scored> scan(float[] level, int width, int height, double across,
            double down, double threshold) {
        Networks.Answers answers = networks.pnet(level, height, width);
        int columns = windows(width);
        if (answers.scores.length != columns * windows(height)) {
            throw new BadInput(BadInput.Kind.BUNDLE_DAMAGED, "P-Net gives another number of windows");
        }
        List<Boxes.Scored> found = new ArrayList<>();
        for (int i = 0; i < answers.scores.length; i++) {
            if (!(answers.scores[i] > (float) threshold)) {
                continue;
            }
            // The + 1 belongs to the weights: their training counted pixels from 1.
            double x = i % columns * STRIDE + 1.0;
            double y = i / columns * STRIDE + 1.0;
            float side = CELL - 1;
            double[] box = {
                (x + answers.offsets[4 * i] * side) / across,
                (y + answers.offsets[4 * i + 1] * side) / down,
                (x + side + answers.offsets[4 * i + 2] * side) / across,
                (y + side + answers.offsets[4 * i + 3] * side) / down
            };
            found.add(new Boxes.Scored(box, answers.scores[i]));
        }
        return found;
    }

    /** Windows along a side: the network's pooling rounds up. */
    private static int windows(int side) {
        return (side - 1) / STRIDE - 4;
    }

    /** The strongest proposals of a photo, still level by level. */
    private static List<List<Boxes.Scored>> strongest(List<List<Boxes.Scored>> levels) {
        List<Float> scores = new ArrayList<>();
        for (List<Boxes.Scored> level : levels) {
            for (Boxes.Scored found : level) {
                scores.add(found.score);
            }
        }
        if (scores.size() <= MOST_PROPOSALS) {
            return levels;
        }
        scores.sort(Collections.<Float>reverseOrder());
        float least = scores.get(MOST_PROPOSALS - 1);
        int ties = MOST_PROPOSALS; // of equal scores the earlier stay
        for (float score : scores) {
            ties -= score > least ? 1 : 0;
        }
        List<List<Boxes.Scored>> kept = new ArrayList<>();
        for (List<Boxes.Scored> level : levels) {
            List<Boxes.Scored> strong = new ArrayList<>();
            for (Boxes.Scored found : level) {
                if (found.score > least || found.score == least && ties-- > 0) {
                    strong.add(found);
                }
            }
            kept.add(strong);
        }
        return kept;
    }

    private static float[] crops(Warp.Cutter cutter, List<double[]> squares, int side) {
        int size = side * side * 3;
        float[] crops = new float[squares.size() * size];
        for (int i = 0; i < squares.size(); i++) {
            Pixels crop = cutter.cut(Warp.ofBox(squares.get(i), side), side);
            System.arraycopy(crop.normalized(), 0, crops, i * size, size);
        }
        return crops;
    }

    private static List<double[]> squares(List<Boxes.Scored> boxes) {
        List<double[]> squares = new ArrayList<>();
        for (Boxes.Scored found : boxes) {
            squares.add(Boxes.toSquare(found.box));
        }
        return squares;
    }

    private List<Boxes.Scored> judge(Warp.Cutter cutter, List<Boxes.Scored> boxes, Settings s) {
        List<double[]> squares = squares(boxes);
        Networks.Answers answers = networks.rnet(crops(cutter, squares, 24));
        List<Boxes.Scored> sure = new ArrayList<>();
        for (int i = 0; i < squares.size(); i++) {
            if (answers.scores[i] > (float) s.thresholds[1]) {
                double[] box = Boxes.refined(squares.get(i), answers.offsets, 4 * i);
                sure.add(new Boxes.Scored(box, answers.scores[i]));
            }
        }
        return Boxes.suppress(sure, s.refinedOverlap, false);
    }

    private List<Boxes.Scored> findLandmarks(Warp.Cutter cutter, List<Boxes.Scored> boxes,
            Settings s) {
        List<double[]> squares = squares(boxes);
        Networks.Answers answers = networks.onet(crops(cutter, squares, 48));
        List<Boxes.Scored> sure = new ArrayList<>();
        for (int i = 0; i < squares.size(); i++) {
            if (!(answers.scores[i] > (float) s.thresholds[2])) {
                continue;
            }
            double[] square = squares.get(i);
            double[] box = Boxes.refined(square, answers.offsets, 4 * i);
            Boxes.Scored found = new Boxes.Scored(box, answers.scores[i]);
            found.landmarks = new double[5][2];
            for (int point = 0; point < 5; point++) {
                for (int axis = 0; axis < 2; axis++) {
                    double side = square[2 + axis] - square[axis] + 1;
                    found.landmarks[point][axis] =
                            answers.landmarks[10 * i + 5 * axis + point] * side + square[axis] - 1;
                }
            }
            sure.add(found);
        }
        return Boxes.suppress(sure, s.faceOverlap, true);
    }
}
