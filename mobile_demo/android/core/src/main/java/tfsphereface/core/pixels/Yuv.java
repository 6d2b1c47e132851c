package tfsphereface.core.pixels;

import java.nio.ByteBuffer;

/** Camera pictures (YUV_420_888, full-range BT.601) in RGB, upright. */
public final class Yuv {
    private Yuv() {}

    /** One of the three planes: its samples and how far they lie apart. */
    public static final class Plane {
        final ByteBuffer samples;
        final int rowStride;
        final int pixelStride;

        public Plane(ByteBuffer samples, int rowStride, int pixelStride) {
            this.samples = samples;
            this.rowStride = rowStride;
            this.pixelStride = pixelStride;
        }

        /** Last sample of a plane; what follows in its row may be missing. */
        private void require(int width, int height) {
            long last = (long) (height - 1) * rowStride + (long) (width - 1) * pixelStride;
            if (rowStride < 1 || pixelStride < 1 || last >= samples.limit()) {
                throw new IllegalArgumentException("a plane of " + samples.limit()
                        + " bytes is too small for " + width + " x " + height);
            }
        }

        int at(int x, int y) {
            return samples.get(y * rowStride + x * pixelStride) & 255;
        }
    }

    /**
     * RGB of the planes, turned clockwise.
     *
     * @param width columns of the picture as the camera gives it
     * @param height rows
     * @param rotation 0, 90, 180 or 270 degrees
     */
    public static Pixels toRgb(int width, int height, Plane y, Plane u, Plane v, int rotation) {
        if (rotation % 90 != 0 || rotation < 0 || rotation > 270) {
            throw new IllegalArgumentException("rotation must be 0, 90, 180 or 270. Received: "
                    + rotation);
        }
        y.require(width, height);
        u.require((width + 1) / 2, (height + 1) / 2);
        v.require((width + 1) / 2, (height + 1) / 2);
        boolean lies = rotation % 180 != 0;
        int newWidth = lies ? height : width;
        int newHeight = lies ? width : height;
        byte[] rgb = new byte[3 * width * height];
        for (int row = 0; row < height; row++) {
            for (int column = 0; column < width; column++) {
                int to = place(row, column, width, height, rotation);
                int light = y.at(column, row);
                int blue = u.at(column / 2, row / 2) - 128;
                int red = v.at(column / 2, row / 2) - 128;
                // 16 bits behind the point: 1.402, 0.344136, 0.714136 and 1.772.
                rgb[to] = clamped((light << 16) + 91881 * red);
                rgb[to + 1] = clamped((light << 16) - 22554 * blue - 46802 * red);
                rgb[to + 2] = clamped((light << 16) + 116130 * blue);
            }
        }
        return new Pixels(newWidth, newHeight, rgb);
    }

    private static int place(int row, int column, int width, int height, int rotation) {
        switch (rotation) {
            case 90:
                return 3 * (column * height + height - 1 - row);
            case 180:
                return 3 * ((height - 1 - row) * width + width - 1 - column);
            case 270:
                return 3 * ((width - 1 - column) * height + row);
            default:
                return 3 * (row * width + column);
        }
    }

    private static byte clamped(int value) {
        return (byte) Math.max(0, Math.min(255, value + (1 << 15) >> 16));
    }
}
