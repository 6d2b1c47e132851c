package tfsphereface.core.pixels;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.nio.ByteBuffer;
import java.util.Base64;
import org.junit.Test;
import tfsphereface.core.Cases;
import tfsphereface.core.bundle.Embedder;

/** Resizing, warps, planes of cameras: the bytes of OpenCV. */
public class PixelsTest {
    private final Cases cases = Cases.contract();

    private void assertPicture(String name, JsonValue expected, Pixels actual) throws Exception {
        Pixels wanted = cases.picture(expected);
        assertEquals(name, wanted.width + " x " + wanted.height,
                actual.width + " x " + actual.height);
        assertArrayEquals(name, wanted.rgb, actual.rgb);
    }

    @Test
    public void areaResizesAreOpenCvs() throws Exception {
        for (JsonObject each : cases.of("area_resize")) {
            Pixels actual = cases.picture(each.get("photo")).areaResized(
                    each.get("width").asInt(), each.get("height").asInt());
            assertPicture(each.get("name").asString(), each.get("expected"), actual);
        }
    }

    @Test
    public void enlargementsAreOpenCvs() throws Exception {
        for (JsonObject each : cases.of("enlarged")) {
            assertPicture(each.get("name").asString(), each.get("expected"),
                    cases.picture(each.get("photo")).enlargedTwice());
        }
    }

    @Test
    public void warpsAreOpenCvs() throws Exception {
        for (JsonObject each : cases.of("warp")) {
            int side = each.get("side").asInt();
            double[] matrix = each.get("box") == null ? matrix(each.get("to_photo"))
                    : Warp.ofBox(Cases.numbers(each.get("box")), side);
            Pixels actual = new Warp.Cutter(cases.picture(each.get("photo"))).cut(matrix, side);
            assertPicture(each.get("name").asString(), each.get("expected"), actual);
        }
    }

    static double[] matrix(JsonValue rows) {
        double[][] m = Cases.points(rows);
        return new double[] {m[0][0], m[0][1], m[0][2], m[1][0], m[1][1], m[1][2]};
    }

    private static CropGeometry crop(JsonObject each) {
        boolean inPhoto = each.get("fit").asString().equals("photo");
        return new CropGeometry(each.getInt("height", 0), each.getInt("width", 0),
                Cases.points(each.get("template")), inPhoto);
    }

    @Test
    public void alignedFacesAreOpenCvs() throws Exception {
        for (JsonObject each : cases.of("aligned")) {
            Pixels actual = Warp.align(cases.picture(each.get("photo")),
                    Cases.points(each.get("landmarks")), crop(each));
            assertPicture(each.get("name").asString(), each.get("expected"), actual);
        }
    }

    @Test
    public void similaritiesAreLeastSquares() throws Exception {
        for (JsonObject each : cases.of("similarity")) {
            CropGeometry crop = crop(each);
            double[][] landmarks = Cases.points(each.get("landmarks"));
            double[] toCrop = Warp.toCrop(landmarks, crop.template, crop.fitInPhoto);
            String name = each.get("name").asString();
            assertArrayEquals(name, matrix(each.get("to_crop")), toCrop, 1e-6);
            double[] back = Warp.inverted(Warp.toPhoto(landmarks, crop.template, crop.fitInPhoto));
            assertArrayEquals(name, toCrop, back, 1e-6);
        }
    }

    @Test
    public void pixelsAreNormalisedByTheContract() throws Exception {
        for (JsonObject each : cases.of("normalised")) {
            double[][] rows = flat(each.get("pixels"));
            byte[] rgb = new byte[3 * rows.length];
            for (int i = 0; i < rgb.length; i++) {
                rgb[i] = (byte) rows[i / 3][i % 3];
            }
            boolean bgr = each.get("channel_order").asString().equals("BGR");
            float[] actual = Embedder.normalized(new Pixels(rows.length, 1, rgb), bgr,
                    oneOrThree(each.get("mean")), oneOrThree(each.get("scale")));
            double[][] expected = flat(each.get("expected"));
            for (int i = 0; i < rgb.length; i++) {
                assertEquals(each.get("name").asString(), expected[i / 3][i % 3], actual[i], 1e-6);
            }
        }
    }

    private static double[] oneOrThree(JsonValue value) {
        return value.isNumber() ? new double[] {value.asDouble()} : Cases.numbers(value);
    }

    private static double[][] flat(JsonValue rows) {
        int width = rows.asArray().get(0).asArray().size();
        double[][] flat = new double[rows.asArray().size() * width][];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = Cases.numbers(rows.asArray().get(i / width).asArray().get(i % width));
        }
        return flat;
    }

    @Test
    public void planesOfCamerasAreUpright() throws Exception {
        for (JsonObject each : cases.of("camera")) {
            Pixels actual = Yuv.toRgb(each.getInt("width", 0), each.getInt("height", 0),
                    plane(each, "y", each.getInt("y_row_stride", 0), 1),
                    plane(each, "u", each.getInt("uv_row_stride", 0),
                            each.getInt("uv_pixel_stride", 0)),
                    plane(each, "v", each.getInt("uv_row_stride", 0),
                            each.getInt("uv_pixel_stride", 0)),
                    each.getInt("rotation", -1));
            Pixels expected = cases.picture(each.get("expected"));
            String name = each.get("name").asString();
            assertEquals(name, expected.width, actual.width);
            for (int i = 0; i < actual.rgb.length; i++) {
                assertEquals(name, expected.rgb[i] & 255, actual.rgb[i] & 255, 1);
            }
        }
    }

    private static Yuv.Plane plane(JsonObject each, String key, int rowStride, int pixelStride) {
        byte[] samples = Base64.getDecoder().decode(each.get(key).asString());
        return new Yuv.Plane(ByteBuffer.wrap(samples), rowStride, pixelStride);
    }

    /** Every stride and rotation gives the picture that was put into the planes. */
    @Test
    public void planesOfAnyStrideGiveThePicture() {
        for (int rotation = 0; rotation < 360; rotation += 90) {
            for (int gap = 0; gap < 3; gap++) {
                for (int step = 1; step < 4; step++) {
                    Pixels actual = madeUp(5, 4, gap, step, rotation);
                    for (int y = 0; y < actual.height; y++) {
                        for (int x = 0; x < actual.width; x++) {
                            int[] from = source(x, y, 5, 4, rotation);
                            int expected = 10 * from[0] + 50 * from[1]; // grey: no colour
                            assertEquals(expected, actual.rgb[3 * (y * actual.width + x)] & 255);
                        }
                    }
                }
            }
        }
    }

    private static Pixels madeUp(int width, int height, int gap, int step, int rotation) {
        int stride = width * step + gap;
        byte[] light = new byte[stride * (height - 1) + (width - 1) * step + 1];
        for (int i = 0; i < width * height; i++) {
            light[i / width * stride + i % width * step] =
                    (byte) (10 * (i % width) + 50 * (i / width));
        }
        int rows = (height + 1) / 2;
        int columns = (width + 1) / 2;
        byte[] colour = new byte[(columns * step + gap) * (rows - 1) + (columns - 1) * step + 1];
        java.util.Arrays.fill(colour, (byte) 128);
        Yuv.Plane both = new Yuv.Plane(ByteBuffer.wrap(colour), columns * step + gap, step);
        return Yuv.toRgb(width, height, new Yuv.Plane(ByteBuffer.wrap(light), stride, step), both,
                both, rotation);
    }

    /** Column and row of the camera that a turned pixel comes from. */
    private static int[] source(int x, int y, int width, int height, int rotation) {
        switch (rotation) {
            case 90:
                return new int[] {y, height - 1 - x};
            case 180:
                return new int[] {width - 1 - x, height - 1 - y};
            case 270:
                return new int[] {width - 1 - y, x};
            default:
                return new int[] {x, y};
        }
    }

    @Test(expected = IllegalArgumentException.class)
    public void planeThatIsTooShortIsRefused() {
        Yuv.Plane plane = new Yuv.Plane(ByteBuffer.wrap(new byte[11]), 4, 1);
        Yuv.toRgb(4, 3, plane, plane, plane, 0);
    }

    @Test
    public void matrixWithoutNumbersGivesGrey() {
        Pixels photo = new Pixels(2, 2, new byte[12]);
        double[] none = {Double.NaN, 0, 0, 0, Double.POSITIVE_INFINITY, 0};
        Pixels crop = new Warp.Cutter(photo).cut(none, 3);
        assertTrue((crop.rgb[0] & 255) == Pixels.GREY);
    }
}
