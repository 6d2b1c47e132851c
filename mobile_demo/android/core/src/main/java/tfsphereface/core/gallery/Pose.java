package tfsphereface.core.gallery;

/** The five poses of a guided enrolment, as the person sees them. */
public enum Pose {
    FRONT, LEFT, RIGHT, UP, DOWN;

    private static final double FRONTAL_NOSE = 0.494; // from the eyes (0) to the mouth (1)
    private static final double FRONT_YAW = 0.1;
    private static final double LEAST_YAW = 0.12;
    private static final double LEAST_PITCH = 0.06;
    private static final double MOST_PITCH = 0.2;

    /** Turn of a head, as far as five landmarks tell it; frontal is 0, 0. */
    public static final class HeadTurn {
        /** Positive if the nose points to the right of a picture that is not mirrored. */
        public final double yaw;
        /** Positive if the face looks down. */
        public final double pitch;

        HeadTurn(double yaw, double pitch) {
            this.yaw = yaw;
            this.pitch = pitch;
        }

        /** Of five x,y pixels. */
        public static HeadTurn of(double[][] points) {
            double[] middle = between(points[0], points[1]);
            double[] mouth = between(points[3], points[4]);
            return new HeadTurn(share(middle, points[2], points[0], points[1]),
                    share(middle, points[2], middle, mouth) - FRONTAL_NOSE);
        }

        private static double[] between(double[] a, double[] b) {
            return new double[] {(a[0] + b[0]) / 2, (a[1] + b[1]) / 2};
        }

        /** Length of a way along an axis, in lengths of the axis. */
        private static double share(double[] from, double[] to, double[] start, double[] end) {
            double x = end[0] - start[0];
            double y = end[1] - start[1];
            double along = (to[0] - from[0]) * x + (to[1] - from[1]) * y;
            return Math.max(-1e3, Math.min(1e3, along / Math.max(x * x + y * y, 1e-6)));
        }
    }

    /**
     * Whether a head looks as it was asked to.
     *
     * @param frontPitch of the same person's picture from the front; 0 if there is none
     */
    public boolean isOf(HeadTurn turn, double frontPitch) {
        double nod = turn.pitch - frontPitch;
        boolean ahead = Math.abs(turn.yaw) <= LEAST_YAW;
        switch (this) {
            case FRONT:
                return Math.abs(turn.yaw) <= FRONT_YAW && Math.abs(turn.pitch) <= MOST_PITCH;
            case LEFT:
                return turn.yaw >= LEAST_YAW;
            case RIGHT:
                return turn.yaw <= -LEAST_YAW;
            case UP:
                return ahead && nod <= -LEAST_PITCH;
            default:
                return ahead && nod >= LEAST_PITCH;
        }
    }
}
