package tfsphereface.core.pixels;

import java.util.Arrays;

/**
 * A photo or crop, RGB, a byte a channel, row by row.
 *
 * <p>All resizing is that of OpenCV 5 to the last bit: a crop that differs by one grey level
 * moves the feature of a network with 8-bit numbers.
 */
public final class Pixels {
    /** The grey 127.5, which OpenCV rounds up: 0 after {@link #normalized}, all but. */
    public static final int GREY = 128;

    private static final int BITS = 11; // of the weights of a linear enlargement
    private static final float[] NORMALIZED = new float[256];

    static {
        for (int value = 0; value < 256; value++) {
            NORMALIZED[value] = (value - 127.5f) / 128f;
        }
    }

    public final int width;
    public final int height;
    public final byte[] rgb;

    public Pixels(int width, int height, byte[] rgb) {
        if (width < 1 || height < 1 || rgb.length != 3L * width * height) {
            throw new IllegalArgumentException(
                    "pixels must be width x height x 3 bytes. Received: " + width + " x " + height
                            + ", " + rgb.length + " bytes");
        }
        this.width = width;
        this.height = height;
        this.rgb = rgb;
    }

    /** Pixels of packed ARGB integers, as Android's and Java's pictures have them. */
    public static Pixels ofArgb(int width, int height, int[] argb) {
        byte[] rgb = new byte[3 * width * height];
        for (int i = 0; i < width * height; i++) {
            rgb[3 * i] = (byte) (argb[i] >> 16);
            rgb[3 * i + 1] = (byte) (argb[i] >> 8);
            rgb[3 * i + 2] = (byte) argb[i];
        }
        return new Pixels(width, height, rgb);
    }

    /** Packed ARGB integers of it. */
    public int[] toArgb() {
        int[] argb = new int[width * height];
        for (int i = 0; i < argb.length; i++) {
            argb[i] = 0xff000000 | (rgb[3 * i] & 255) << 16 | (rgb[3 * i + 1] & 255) << 8
                    | rgb[3 * i + 2] & 255;
        }
        return argb;
    }

    /** Numbers (pixel - 127.5) / 128, which the detector's networks take. */
    public float[] normalized() {
        float[] numbers = new float[rgb.length];
        for (int i = 0; i < rgb.length; i++) {
            numbers[i] = NORMALIZED[rgb[i] & 255];
        }
        return numbers;
    }

    /** The mirror image: left and right exchanged. */
    public Pixels mirrored() {
        byte[] out = new byte[rgb.length];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                System.arraycopy(rgb, 3 * (y * width + x), out,
                        3 * (y * width + width - 1 - x), 3);
            }
        }
        return new Pixels(width, height, out);
    }

    /** Brightness 0..255 of each pixel, as OpenCV's RGB2GRAY rounds it. */
    public float[] grey() {
        float[] grey = new float[width * height];
        for (int i = 0; i < grey.length; i++) {
            grey[i] = (9798 * (rgb[3 * i] & 255) + 19235 * (rgb[3 * i + 1] & 255)
                    + 3735 * (rgb[3 * i + 2] & 255) + (1 << 14)) >> 15;
        }
        return grey;
    }

    /**
     * Reduces by the area that a new pixel covers (INTER_AREA).
     *
     * @param newWidth columns, at most those of the photo
     * @param newHeight rows, likewise
     */
    public Pixels areaResized(int newWidth, int newHeight) {
        if (newWidth == width && newHeight == height) {
            return this;
        }
        if (newWidth > width || newHeight > height || newWidth < 1 || newHeight < 1) {
            throw new IllegalArgumentException("an area resize makes no photo larger");
        }
        if (width == 2 * newWidth && height == 2 * newHeight) {
            return halved();
        }
        if (width % newWidth == 0 && height % newHeight == 0) {
            return reducedByBlocks(newWidth, newHeight);
        }
        AreaTable columns = new AreaTable(width, newWidth);
        AreaTable rows = new AreaTable(height, newHeight);
        byte[] out = new byte[3 * newWidth * newHeight];
        float[] line = new float[3 * newWidth];
        float[] sums = new float[3 * newWidth];
        for (int y = 0; y < newHeight; y++) {
            for (int k = rows.starts[y]; k < rows.starts[y + 1]; k++) {
                columns.reduce(rgb, 3 * width * rows.sources[k], line);
                float weight = rows.weights[k];
                boolean first = k == rows.starts[y];
                for (int i = 0; i < line.length; i++) {
                    sums[i] = first ? weight * line[i] : sums[i] + weight * line[i];
                }
            }
            for (int i = 0; i < sums.length; i++) {
                out[3 * newWidth * y + i] = rounded(sums[i]);
            }
        }
        return new Pixels(newWidth, newHeight, out);
    }

    private Pixels halved() {
        int w = width / 2;
        int h = height / 2;
        byte[] out = new byte[3 * w * h];
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                int from = 3 * (2 * y * width + 2 * x);
                int below = from + 3 * width;
                for (int c = 0; c < 3; c++) {
                    out[3 * (y * w + x) + c] = (byte) ((rgb[from + c] & 255)
                            + (rgb[from + 3 + c] & 255) + (rgb[below + c] & 255)
                            + (rgb[below + 3 + c] & 255) + 2 >> 2);
                }
            }
        }
        return new Pixels(w, h, out);
    }

    private Pixels reducedByBlocks(int newWidth, int newHeight) {
        int across = width / newWidth;
        int down = height / newHeight;
        float share = 1f / (across * down);
        byte[] out = new byte[3 * newWidth * newHeight];
        for (int i = 0; i < out.length; i++) {
            int x = i / 3 % newWidth;
            int y = i / 3 / newWidth;
            int sum = 0;
            for (int j = 0; j < across * down; j++) {
                int row = y * down + j / across;
                sum += rgb[3 * (row * width + x * across + j % across) + i % 3] & 255;
            }
            out[i] = rounded(sum * share);
        }
        return new Pixels(newWidth, newHeight, out);
    }

    /** Enlarges to twice the sides, bilinear (INTER_LINEAR). */
    public Pixels enlargedTwice() {
        byte[] out = new byte[12 * width * height];
        int line = 6 * width;
        int[] upper = new int[line];
        int[] lower = new int[line];
        for (int y = 0; y < 2 * height; y++) {
            int above = Math.floorDiv(y - 1, 2);
            enlargeRow(Math.max(above, 0), upper);
            enlargeRow(Math.min(above + 1, height - 1), lower);
            int share = (y % 2 == 0 ? 3 : 1) << BITS - 2; // of the lower row
            int rest = (1 << BITS) - share;
            for (int i = 0; i < line; i++) {
                out[y * line + i] = (byte) ((rest * (upper[i] >> 4) >> 16)
                        + (share * (lower[i] >> 4) >> 16) + 2 >> 2);
            }
        }
        return new Pixels(2 * width, 2 * height, out);
    }

    private void enlargeRow(int row, int[] out) {
        for (int x = 0; x < 2 * width; x++) {
            int left = Math.max(Math.floorDiv(x - 1, 2), 0);
            int right = x == 0 ? 0 : Math.min(left + 1, width - 1);
            int share = (x % 2 == 0 ? 3 : 1) << BITS - 2; // of the right pixel
            for (int c = 0; c < 3; c++) {
                out[3 * x + c] = ((1 << BITS) - share) * (rgb[3 * (row * width + left) + c] & 255)
                        + share * (rgb[3 * (row * width + right) + c] & 255);
            }
        }
    }

    /**
     * Cuts out a part, bilinear (warpAffine with WARP_INVERSE_MAP).
     *
     * @param matrix two rows of three: from pixels of the part to pixels of this photo
     * @param newWidth columns of the part
     * @param newHeight rows of the part
     * @param outside brightness 0..255 of what lies outside this photo
     */
    public Pixels warped(double[] matrix, int newWidth, int newHeight, int outside) {
        float[] m = new float[6];
        for (int i = 0; i < 6; i++) {
            m[i] = (float) matrix[i];
        }
        byte[] out = new byte[3 * newWidth * newHeight];
        for (int y = 0; y < newHeight; y++) {
            float startX = y * m[1] + m[2];
            float startY = y * m[4] + m[5];
            for (int x = 0; x < newWidth; x++) {
                sample(multiplied(x, m[0], startX), multiplied(x, m[3], startY), outside, out,
                        3 * (y * newWidth + x));
            }
        }
        return new Pixels(newWidth, newHeight, out);
    }

    private void sample(float x, float y, int outside, byte[] out, int at) {
        float left = (float) Math.floor(x);
        float top = (float) Math.floor(y);
        if (!(left >= -1 && left < width && top >= -1 && top < height)) { // NaN, too
            Arrays.fill(out, at, at + 3, (byte) outside);
            return;
        }
        float across = x - left;
        float down = y - top;
        int column = (int) left;
        int row = (int) top;
        for (int c = 0; c < 3; c++) {
            float a = at(column, row, c, outside);
            float b = at(column, row + 1, c, outside);
            float upper = multiplied(across, at(column + 1, row, c, outside) - a, a);
            float lower = multiplied(across, at(column + 1, row + 1, c, outside) - b, b);
            out[at + c] = rounded(multiplied(down, lower - upper, upper));
        }
    }

    private int at(int column, int row, int channel, int outside) {
        boolean inside = column >= 0 && column < width && row >= 0 && row < height;
        return inside ? rgb[3 * (row * width + column) + channel] & 255 : outside;
    }

    /** a b + c, rounded once, as processors do it; Math.fma needs Android 13. */
    private static float multiplied(float a, float b, float c) {
        return (float) ((double) a * b + c);
    }

    private static byte rounded(float value) {
        return (byte) Math.max(0, Math.min(255, (int) Math.rint(value)));
    }

    /** The source pixels of each new one along an axis, and their shares. */
    private static final class AreaTable {
        final int[] starts;
        final int[] sources;
        final float[] weights;

        AreaTable(int size, int newSize) {
            double scale = (double) size / newSize;
            starts = new int[newSize + 1];
            sources = new int[size + 2 * newSize];
            weights = new float[size + 2 * newSize];
            int k = 0;
            for (int i = 0; i < newSize; i++) {
                double from = i * scale;
                double to = from + scale;
                double cell = Math.min(scale, size - from);
                int last = Math.min((int) Math.floor(to), size - 1);
                int first = Math.min((int) Math.ceil(from), last);
                if (first - from > 1e-3) {
                    k = add(k, first - 1, (first - from) / cell);
                }
                for (int source = first; source < last; source++) {
                    k = add(k, source, 1 / cell);
                }
                if (to - last > 1e-3) {
                    k = add(k, last, Math.min(Math.min(to - last, 1), cell) / cell);
                }
                starts[i + 1] = k;
            }
        }

        private int add(int k, int source, double weight) {
            sources[k] = source;
            weights[k] = (float) weight;
            return k + 1;
        }

        void reduce(byte[] rgb, int row, float[] out) {
            for (int x = 0; x + 1 < starts.length; x++) {
                float red = 0;
                float green = 0;
                float blue = 0;
                for (int k = starts[x]; k < starts[x + 1]; k++) {
                    int from = row + 3 * sources[k];
                    float weight = weights[k];
                    red += (rgb[from] & 255) * weight;
                    green += (rgb[from + 1] & 255) * weight;
                    blue += (rgb[from + 2] & 255) * weight;
                }
                out[3 * x] = red;
                out[3 * x + 1] = green;
                out[3 * x + 2] = blue;
            }
        }
    }
}
