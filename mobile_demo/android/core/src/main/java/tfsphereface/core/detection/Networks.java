package tfsphereface.core.detection;

/** The three networks of the cascade: those of a bundle, or answers that a test prepares. */
public interface Networks {
    /** Scans a level for 12 x 12 faces in steps of two pixels; row after row. */
    Answers pnet(float[] level, int height, int width);

    /** Judges crops of 24 x 24, one after the other. */
    Answers rnet(float[] crops);

    /** Judges crops of 48 x 48; landmarks are five x and five y in fractions of the crop. */
    Answers onet(float[] crops);

    /** Answers for each window or crop. */
    final class Answers {
        /** Of the corners, in sizes of the box: four each. */
        public final float[] offsets;
        /** Probability of a face. */
        public final float[] scores;
        /** Ten each; null but for O-Net. */
        public final float[] landmarks;

        public Answers(float[] offsets, float[] scores, float[] landmarks) {
            this.offsets = offsets;
            this.scores = scores;
            this.landmarks = landmarks;
        }
    }
}
