package tfsphereface.core;

import com.eclipsesource.json.Json;
import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import javax.imageio.ImageIO;
import tfsphereface.core.bundle.Bundle;
import tfsphereface.core.pixels.Pixels;

/** Contract cases, and bundles, in folders. */
public final class Cases {
    private final Path folder;

    public Cases(Path folder) {
        this.folder = folder;
    }

    /** Those without weights. */
    public static Cases contract() {
        return new Cases(Paths.get(System.getProperty("contract")));
    }

    /** The folder of a system property; null if it is not set. */
    public static Path given(String property) {
        String value = System.getProperty(property, "");
        return value.isEmpty() || value.startsWith("$") ? null : Paths.get(value);
    }

    public JsonObject topic(String name) throws IOException {
        byte[] content = Files.readAllBytes(folder.resolve(name + ".json"));
        return Json.parse(new String(content, StandardCharsets.UTF_8)).asObject();
    }

    public List<JsonObject> of(String topic) throws IOException {
        List<JsonObject> cases = new ArrayList<>();
        for (JsonValue value : topic(topic).get("cases").asArray()) {
            cases.add(value.asObject());
        }
        if (cases.isEmpty()) {
            throw new IllegalStateException("no cases of " + topic);
        }
        return cases;
    }

    public Pixels picture(JsonValue name) throws IOException {
        return decode(Files.readAllBytes(folder.resolve(name.asString())));
    }

    public static Pixels decode(byte[] content) throws IOException {
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(content));
        if (image == null) {
            throw new IOException("no picture");
        }
        int[] argb = image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0,
                image.getWidth());
        return Pixels.ofArgb(image.getWidth(), image.getHeight(), argb);
    }

    /** Numbers; null is none. */
    public static double[] numbers(JsonValue list) {
        JsonArray array = list.asArray();
        double[] numbers = new double[array.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = array.get(i).isNull() ? Double.NaN : array.get(i).asDouble();
        }
        return numbers;
    }

    public static float[] floats(JsonValue list) {
        double[] numbers = numbers(list);
        float[] floats = new float[numbers.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) numbers[i];
        }
        return floats;
    }

    public static double[][] points(JsonValue list) {
        double[][] points = new double[list.asArray().size()][];
        for (int i = 0; i < points.length; i++) {
            points[i] = numbers(list.asArray().get(i));
        }
        return points;
    }

    /** Base64 of float32. */
    public static float[] unpacked(String text) {
        byte[] bytes = Base64.getDecoder().decode(text);
        float[] numbers = new float[bytes.length / 4];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(numbers);
        return numbers;
    }

    /** A bundle in a folder. */
    public static Bundle.Files files(final Path bundle) {
        return new Bundle.Files() {
            @Override
            public InputStream open(String name) throws IOException {
                return Files.newInputStream(bundle.resolve(name));
            }

            @Override
            public ByteBuffer map(String name) throws IOException {
                byte[] content = Files.readAllBytes(bundle.resolve(name));
                ByteBuffer direct = ByteBuffer.allocateDirect(content.length);
                direct.put(content).flip();
                return direct;
            }

            @Override
            public Pixels picture(String name) throws IOException {
                return decode(Files.readAllBytes(bundle.resolve(name)));
            }
        };
    }
}
