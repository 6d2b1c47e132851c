package tfsphereface.core.detection;

/** A face found in a photo. */
public final class Face {
    /** x1, y1, x2, y2, pixels; it may reach beyond the photo. */
    public final double[] box;
    /** Confidence 0..1. */
    public final double score;
    /** Eyes, nose, mouth corners, left and right as seen in the picture; x,y pixels. */
    public final double[][] landmarks;
    /** Agreement of the opinions on the landmarks, 0..1; NaN if there was one. */
    public final double confidence;

    public Face(double[] box, double score, double[][] landmarks, double confidence) {
        this.box = box;
        this.score = score;
        this.landmarks = landmarks;
        this.confidence = confidence;
    }

    /** Area of the box, square pixels. */
    public double area() {
        return Math.max(box[2] - box[0], 0) * Math.max(box[3] - box[1], 0);
    }

    /** The same face in pixels of a photo of half the sides: edges stay edges. */
    Face halved() {
        double[] halfBox = new double[4];
        for (int i = 0; i < 4; i++) {
            halfBox[i] = (box[i] + 0.5) / 2 - 0.5;
        }
        double[][] points = new double[5][2];
        for (int i = 0; i < 5; i++) {
            points[i][0] = (landmarks[i][0] + 0.5) / 2 - 0.5;
            points[i][1] = (landmarks[i][1] + 0.5) / 2 - 0.5;
        }
        return new Face(halfBox, score, points, confidence);
    }
}
