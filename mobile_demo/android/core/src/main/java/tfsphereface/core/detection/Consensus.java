package tfsphereface.core.detection;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.pixels.Warp;

/** Consensus landmarks: O-Net asked again about the face upright, and mirrored. */
public final class Consensus {
    static final int SIDE = 48;
    private static final int ROUNDS = 2;
    private static final double EYE_DISTANCE = 19;
    private static final double[][] UPRIGHT = {{14, 17}, {33, 17}, {23.5, 28}, {15, 38}, {32, 38}};
    // What is left in the picture is right in its mirror image.
    private static final int[] SWAPPED = {1, 0, 2, 4, 3};

    private Consensus() {}

    /** Landmarks and their confidence, 0..1. */
    public static final class Agreement {
        public final double[][] landmarks;
        public final double confidence;

        Agreement(double[][] landmarks, double confidence) {
            this.landmarks = landmarks;
            this.confidence = confidence;
        }
    }

    /**
     * Landmarks that do not depend on the box in which a face was found.
     *
     * <p>The face is warped upright by its landmarks; O-Net looks at the crop and at its mirror
     * image, and the mean of both answers, back in the photo, replaces them. Twice. A face
     * whose landmarks leave its box keeps the first ones, with confidence 0.
     *
     * @param networks whose O-Net is asked: about all faces, then about all mirror images
     * @param cutter of the photo
     * @param faces boxes with landmarks to begin with
     */
    public static List<Agreement> agree(Networks networks, Warp.Cutter cutter,
            List<Boxes.Scored> faces) {
        List<Agreement> agreed = new ArrayList<>();
        for (Boxes.Scored face : faces) {
            agreed.add(new Agreement(face.landmarks, 0));
        }
        List<Integer> asked = new ArrayList<>();
        for (int i = 0; i < faces.size(); i++) {
            asked.add(i);
        }
        for (int round = 0; round < ROUNDS; round++) {
            List<Integer> left = new ArrayList<>();
            for (int i : asked) {
                if (inBox(agreed.get(i).landmarks, faces.get(i).box)) {
                    left.add(i);
                }
            }
            asked = left;
            ask(networks, cutter, agreed, asked);
        }
        for (int i = 0; i < faces.size(); i++) {
            if (!inBox(agreed.get(i).landmarks, faces.get(i).box)) {
                agreed.set(i, new Agreement(faces.get(i).landmarks, 0));
            }
        }
        return agreed;
    }

    /** Matrix from the upright crop of a face to its photo. */
    public static double[] uprightToPhoto(double[][] landmarks) {
        return Warp.toPhoto(landmarks, UPRIGHT, false);
    }

    private static void ask(Networks networks, Warp.Cutter cutter, List<Agreement> agreed,
            List<Integer> asked) {
        if (asked.isEmpty()) {
            return;
        }
        int size = SIDE * SIDE * 3;
        int count = asked.size();
        float[] crops = new float[2 * count * size];
        for (int i = 0; i < count; i++) {
            Pixels crop = cutter.cut(uprightToPhoto(agreed.get(asked.get(i)).landmarks), SIDE);
            System.arraycopy(crop.normalized(), 0, crops, i * size, size);
            System.arraycopy(crop.mirrored().normalized(), 0, crops, (count + i) * size, size);
        }
        float[] answers = networks.onet(crops).landmarks;
        for (int i = 0; i < count; i++) {
            float[] pair = Arrays.copyOfRange(answers, 10 * i, 10 * i + 20);
            System.arraycopy(answers, 10 * (count + i), pair, 10, 10);
            double[] matrix = uprightToPhoto(agreed.get(asked.get(i)).landmarks);
            agreed.set(asked.get(i), combine(pair, matrix));
        }
    }

    /**
     * The mean of two answers, in the photo.
     *
     * @param answers O-Net's ten numbers for the crop, then ten for its mirror image
     * @param matrix from pixels of the crop to pixels of the photo
     */
    public static Agreement combine(float[] answers, double[] matrix) {
        double apart = 0;
        double[][] points = new double[5][2];
        for (int i = 0; i < 5; i++) {
            int other = 10 + SWAPPED[i];
            float x = answers[i] * SIDE - 0.5f;
            float y = answers[i + 5] * SIDE - 0.5f;
            double mirroredX = SIDE - 1 - (double) (answers[other] * SIDE - 0.5f);
            double mirroredY = answers[other + 5] * SIDE - 0.5f;
            apart += Math.hypot(x - mirroredX, y - mirroredY) / 5;
            double meanX = (x + mirroredX) / 2;
            double meanY = (y + mirroredY) / 2;
            points[i][0] = matrix[0] * meanX + matrix[1] * meanY + matrix[2];
            points[i][1] = matrix[3] * meanX + matrix[4] * meanY + matrix[5];
        }
        return new Agreement(points, Math.max(1 - apart / EYE_DISTANCE, 0));
    }

    /** Whether landmarks are distinct, finite points around a place in their box. */
    static boolean inBox(double[][] landmarks, double[] box) {
        double[] centre = Warp.mean(landmarks);
        double left = Double.POSITIVE_INFINITY;
        double top = Double.POSITIVE_INFINITY;
        double right = Double.NEGATIVE_INFINITY;
        double bottom = Double.NEGATIVE_INFINITY;
        for (double[] point : landmarks) {
            left = Math.min(left, point[0]);
            top = Math.min(top, point[1]);
            right = Math.max(right, point[0]);
            bottom = Math.max(bottom, point[1]);
        }
        return centre[0] >= box[0] && centre[0] <= box[2] && centre[1] >= box[1]
                && centre[1] <= box[3] && right - left >= 1 && bottom - top >= 1;
    }
}
