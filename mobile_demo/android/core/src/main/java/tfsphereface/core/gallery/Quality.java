package tfsphereface.core.gallery;

import java.util.ArrayList;
import java.util.List;
import tfsphereface.core.detection.Face;
import tfsphereface.core.pixels.CropGeometry;
import tfsphereface.core.pixels.Pixels;

/** Quality of a face at its enrolment, and the reasons not to take it. */
public final class Quality {
    private static final double MOST_ENLARGEMENT = 1.5;
    private static final double LEAST_SHARPNESS = 0.04;
    private static final double DARKEST = 45;
    private static final double BRIGHTEST = 215;
    private static final double LEAST_CONTRAST = 12;
    private static final double MOST_TURN = 0.36;
    private static final double LEAST_SCORE = 0.9;
    private static final double LEAST_CONFIDENCE = 0.93;
    private static final double RIVAL = 0.25;
    // Gaussian of sigma 1 in nine taps, half of it.
    private static final float[] BLUR = {
        0.39894348f, 0.24197145f, 0.053991128f, 0.0044318615f, 0.00013383062f
    };

    /** Reasons, by the codes of the other programs. */
    public enum Reason {
        TOO_SMALL, TOO_DARK, TOO_BRIGHT, LOW_CONTRAST, BLURRED, TURNED, HARDLY_A_FACE,
        UNCERTAIN_LANDMARKS, TWO_PEOPLE
    }

    public final double score;
    public final double eyes;
    public final double brightness;
    public final double sharpness;
    public final double turn;
    public final double landmarkConfidence; // NaN if there was one opinion
    final double contrast;

    public Quality(double score, double eyes, double brightness, double sharpness, double turn,
            double landmarkConfidence, double contrast) {
        this.score = score;
        this.eyes = eyes;
        this.brightness = brightness;
        this.sharpness = sharpness;
        this.turn = turn;
        this.landmarkConfidence = landmarkConfidence;
        this.contrast = contrast;
    }

    /** Measurements of a face, in pixels of the photo, and of its crop. */
    public static Quality measure(Face face, Pixels crop) {
        double[] left = face.landmarks[0];
        double[] right = face.landmarks[1];
        double[] nose = face.landmarks[2];
        double x = right[0] - left[0];
        double y = right[1] - left[1];
        double eyes = Math.max(Math.hypot(x, y), 1e-3);
        double turn = ((nose[0] - (left[0] + right[0]) / 2) * x
                + (nose[1] - (left[1] + right[1]) / 2) * y) / (eyes * eyes);
        float[] grey = crop.grey();
        double[] middle = statistics(grey, crop.width, crop.height / 4, crop.height * 7 / 8,
                crop.width / 7, crop.width * 6 / 7);
        return new Quality(face.score, rounded(eyes, 2), rounded(middle[0], 1),
                rounded(sharpness(grey, crop.width, crop.height), 4),
                rounded(Math.max(-1e3, Math.min(1e3, turn)), 3),
                Double.isNaN(face.confidence) ? Double.NaN : rounded(face.confidence, 4),
                middle[1]);
    }

    /** Least distance of the eyes in the photo, pixels. */
    public static double neededEyes(CropGeometry crop) {
        return Math.hypot(crop.template[1][0] - crop.template[0][0],
                crop.template[1][1] - crop.template[0][1]) / MOST_ENLARGEMENT;
    }

    /**
     * Reasons why the face is not good enough to be compared with others.
     *
     * @param needed least distance of the eyes, pixels
     * @param rival area of the largest other face of the photo, of this one's
     */
    public List<Reason> reasonsAgainst(double needed, double rival) {
        List<Reason> found = new ArrayList<>();
        boolean dark = brightness < DARKEST;
        boolean bright = brightness > BRIGHTEST;
        add(found, Reason.TOO_SMALL, eyes < needed);
        add(found, Reason.TOO_DARK, dark);
        add(found, Reason.TOO_BRIGHT, bright);
        add(found, Reason.LOW_CONTRAST, !dark && !bright && contrast < LEAST_CONTRAST);
        add(found, Reason.BLURRED, sharpness < LEAST_SHARPNESS);
        add(found, Reason.TURNED, Math.abs(turn) > MOST_TURN);
        add(found, Reason.HARDLY_A_FACE, score < LEAST_SCORE);
        add(found, Reason.UNCERTAIN_LANDMARKS, landmarkConfidence < LEAST_CONFIDENCE);
        add(found, Reason.TWO_PEOPLE, rival > RIVAL);
        return found;
    }

    /** Area of the largest other face, of this one's. */
    public static double rival(Face face, List<Face> faces) {
        double largest = 0;
        for (Face other : faces) {
            if (other != face) {
                largest = Math.max(largest, other.area());
            }
        }
        return largest / Math.max(face.area(), 1e-12);
    }

    private static void add(List<Reason> found, Reason reason, boolean holds) {
        if (holds) {
            found.add(reason);
        }
    }

    private static double rounded(double value, int digits) {
        double power = Math.pow(10, digits);
        return Math.rint(value * power) / power;
    }

    /** Mean and deviation of a rectangle. */
    private static double[] statistics(float[] values, int width, int top, int bottom, int left,
            int right) {
        int count = (bottom - top) * (right - left);
        double sum = 0;
        for (int y = top; y < bottom; y++) {
            for (int x = left; x < right; x++) {
                sum += values[y * width + x];
            }
        }
        double squares = 0;
        for (int y = top; y < bottom; y++) {
            for (int x = left; x < right; x++) {
                squares += Math.pow(values[y * width + x] - sum / count, 2);
            }
        }
        return new double[] {sum / count, Math.sqrt(squares / count)};
    }

    /** Deviation of the finest details over that of the others. */
    private static double sharpness(float[] grey, int width, int height) {
        float[] smooth = blurred(blurred(grey, width, height, 1, 0), width, height, 0, 1);
        float[] details = new float[grey.length];
        for (int i = 0; i < grey.length; i++) {
            details[i] = grey[i] - smooth[i];
        }
        double fine = statistics(details, width, 0, height, 0, width)[1];
        return fine / Math.max(statistics(smooth, width, 0, height, 0, width)[1], 1e-3);
    }

    private static float[] blurred(float[] values, int width, int height, int across, int down) {
        float[] out = new float[values.length];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                float sum = 0;
                for (int tap = -4; tap <= 4; tap++) {
                    int column = reflected(x + across * tap, width);
                    int row = reflected(y + down * tap, height);
                    sum += BLUR[Math.abs(tap)] * values[row * width + column];
                }
                out[y * width + x] = sum;
            }
        }
        return out;
    }

    /** The edge's pixel is not repeated: ...2 1 | 0 1 2... */
    private static int reflected(int place, int size) {
        int at = place;
        while (at < 0 || at >= size) {
            at = size == 1 ? 0 : at < 0 ? -at : 2 * size - 2 - at;
        }
        return at;
    }
}
