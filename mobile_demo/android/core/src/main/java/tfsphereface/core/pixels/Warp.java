package tfsphereface.core.pixels;

/** Similarities between photo and crop, and the crops that they cut. */
public final class Warp {
    private static final int LARGEST_REDUCTION = 4; // larger ones sample too sparsely

    private Warp() {}

    /**
     * The least-squares similarity from a face's landmarks to a template.
     *
     * <p>With points as complex numbers it is q = a p + b; the least-squares a is
     * sum(conj(p) q) / sum |p|^2 of the centred points, and fitted in the photo it is
     * sum |q|^2 / sum(conj(q) p).
     *
     * @param landmarks five x,y pixels of the photo
     * @param template five x,y pixels of the crop
     * @param fitInPhoto whether the squares are those of the photo's pixels
     * @return two rows of three, from pixels of the crop to pixels of the photo
     */
    public static double[] toPhoto(double[][] landmarks, double[][] template, boolean fitInPhoto) {
        double[] turn = turn(landmarks, template, fitInPhoto);
        double square = turn[0] * turn[0] + turn[1] * turn[1];
        double real = turn[0] / square; // 1 / a
        double imaginary = -turn[1] / square;
        double[] from = mean(template);
        double[] to = mean(landmarks);
        return new double[] {
            real, -imaginary, to[0] - real * from[0] + imaginary * from[1],
            imaginary, real, to[1] - imaginary * from[0] - real * from[1]
        };
    }

    /** The same from pixels of the photo to pixels of the crop. */
    public static double[] toCrop(double[][] landmarks, double[][] template, boolean fitInPhoto) {
        double[] a = turn(landmarks, template, fitInPhoto);
        double[] from = mean(landmarks);
        double[] to = mean(template);
        return new double[] {
            a[0], -a[1], to[0] - a[0] * from[0] + a[1] * from[1],
            a[1], a[0], to[1] - a[1] * from[0] - a[0] * from[1]
        };
    }

    private static double[] turn(double[][] points, double[][] targets, boolean fitInPhoto) {
        double[] p0 = mean(points);
        double[] q0 = mean(targets);
        double real = 0;
        double imaginary = 0;
        double pointSquares = 0;
        double targetSquares = 0;
        for (int i = 0; i < points.length; i++) {
            double px = points[i][0] - p0[0];
            double py = points[i][1] - p0[1];
            double qx = targets[i][0] - q0[0];
            double qy = targets[i][1] - q0[1];
            real += px * qx + py * qy;
            imaginary += px * qy - py * qx;
            pointSquares += px * px + py * py;
            targetSquares += qx * qx + qy * qy;
        }
        if (!fitInPhoto) {
            double variance = Math.max(pointSquares, 1e-12);
            return new double[] {real / variance, imaginary / variance};
        }
        double square = real * real + imaginary * imaginary; // 1 / conj(z) = z / |z|^2
        return new double[] {targetSquares * real / square, targetSquares * imaginary / square};
    }

    /** Mean of points, x,y. */
    public static double[] mean(double[][] points) {
        double x = 0;
        double y = 0;
        for (double[] point : points) {
            x += point[0];
            y += point[1];
        }
        return new double[] {x / points.length, y / points.length};
    }

    /** The aligned face: landmarks on the template, black outside the photo. */
    public static Pixels align(Pixels photo, double[][] landmarks, CropGeometry crop) {
        // OpenCV is given the matrix to the crop and inverts it.
        double[] matrix = inverted(toCrop(landmarks, crop.template, crop.fitInPhoto));
        return photo.warped(matrix, crop.width, crop.height, 0);
    }

    static double[] inverted(double[] m) {
        double determinant = m[0] * m[4] - m[1] * m[3];
        double d = determinant != 0 ? 1 / determinant : 0;
        double a = m[4] * d;
        double b = -m[1] * d;
        double c = -m[3] * d;
        double e = m[0] * d;
        return new double[] {a, b, -a * m[2] - b * m[5], c, e, -c * m[2] - e * m[5]};
    }

    /** Matrix of a square crop whose corner pixels are half a pixel off the box's corners. */
    public static double[] ofBox(double[] box, int side) {
        double scale = (box[2] - box[0]) / (side - 1);
        return new double[] {scale, 0, box[0] - 0.5, 0, scale, box[1] - 0.5};
    }

    /** Cuts square crops out of one photo, from halvings of it where they are much smaller. */
    public static final class Cutter {
        private final Pixels[] halvings = new Pixels[32];

        public Cutter(Pixels photo) {
            halvings[0] = photo;
        }

        /**
         * A crop, bilinear, grey outside the photo.
         *
         * @param matrix from pixels of the crop to pixels of the photo
         * @param side rows and columns of the crop
         */
        public Pixels cut(double[] matrix, int side) {
            double reduction = Math.max(Math.hypot(matrix[0], matrix[3]), 1);
            int halving = halvings(reduction);
            Pixels photo = halvings[0];
            if (halving == 0) {
                return photo.warped(matrix, side, side, Pixels.GREY);
            }
            Pixels reduced = reduced(halving);
            double across = (double) reduced.width / photo.width;
            double down = (double) reduced.height / photo.height;
            // About the pixels' edges: x + 0.5 is what is multiplied.
            double[] m = {
                matrix[0] * across, matrix[1] * across, (matrix[2] + 0.5) * across - 0.5,
                matrix[3] * down, matrix[4] * down, (matrix[5] + 0.5) * down - 0.5
            };
            return reduced.warped(m, side, side, Pixels.GREY);
        }

        private static int halvings(double reduction) {
            double halvings = Math.ceil(Math.log(reduction / LARGEST_REDUCTION) / Math.log(2));
            return (int) Math.max(0, Math.min(halvings, 30)); // not a number: 0
        }

        private Pixels reduced(int halving) {
            if (halvings[halving] == null) {
                Pixels photo = halvings[0];
                double scale = Math.pow(2, -halving);
                int width = (int) Math.max(1, Math.rint(photo.width * scale));
                int height = (int) Math.max(1, Math.rint(photo.height * scale));
                halvings[halving] = photo.areaResized(width, height);
            }
            return halvings[halving];
        }
    }
}
