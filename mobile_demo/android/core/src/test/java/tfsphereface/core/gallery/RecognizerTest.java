package tfsphereface.core.gallery;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;
import static org.junit.Assume.assumeNotNull;

import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.Before;
import org.junit.Test;
import tfsphereface.core.BadInput;
import tfsphereface.core.Cases;
import tfsphereface.core.bundle.Bundle;
import tfsphereface.core.bundle.SelfTest;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.runtimes.LiteRuntime;
import tfsphereface.core.runtimes.OtherRuntime;
import tfsphereface.core.runtimes.TFLiteRuntime;

/** Faces, features and names of a bundle's photos against what Python computed. */
public class RecognizerTest {
    private static final double MOST_PIXELS = 0.05;

    private Cases cases;

    @Before
    public void requireBundle() {
        assumeNotNull("no BUNDLE", Cases.given("bundle"));
        cases = new Cases(Cases.given("cases"));
    }

    private static Recognizer open(TFLiteRuntime runtime, String variant) {
        Bundle bundle = new Bundle(Cases.files(Cases.given("bundle")));
        return new Recognizer(bundle, runtime, variant, 1, 0);
    }

    /** Differences from Python over all photos. */
    private static final class Drift {
        int faces;
        int crops;
        double pixels;
        double cosine = 1;

        void add(JsonObject expected, Recognizer.Seen found, String variant, Cases cases)
                throws Exception {
            faces++;
            double[][] points = Cases.points(expected.get("landmarks"));
            for (int i = 0; i < points.length; i++) {
                double[] mark = found.face.landmarks[i];
                pixels = Math.max(pixels,
                        Math.hypot(mark[0] - points[i][0], mark[1] - points[i][1]));
            }
            byte[] crop = cases.picture(expected.get("crop")).rgb;
            crops += Arrays.equals(crop, found.crop.rgb) ? 0 : 1;
            float[] feature = Cases.unpacked(
                    expected.get("features").asObject().getString(variant, ""));
            cosine = Math.min(cosine, Gallery.cosine(feature, found.feature));
        }
    }

    @Test
    public void facesAndNamesArePythons() throws Exception {
        JsonObject least =
                cases.topic("faces").get("tolerance").asObject().get("least_cosine").asObject();
        for (JsonValue name : cases.topic("cases").get("variants").asArray()) {
            String variant = name.asString();
            Drift drift = new Drift();
            try (Recognizer recognizer = open(new LiteRuntime(), variant)) {
                assertTrue(SelfTest.passed(recognizer.selfTest()));
                Map<String, List<Recognizer.Seen>> seen = look(recognizer, drift);
                System.out.printf(Locale.US, "%s: %d photos, %d faces, landmarks within %.4f px, "
                        + "%d crops differ, worst cosine %.7f%n", variant, seen.size(),
                        drift.faces, drift.pixels, drift.crops, drift.cosine);
                System.out.println(variant + ": " + milliseconds(recognizer));
                assertNames(recognizer, seen);
            }
            assertTrue(variant + " landmarks " + drift.pixels, drift.pixels <= MOST_PIXELS);
            assertTrue(variant + " cosine " + drift.cosine,
                    drift.cosine >= least.getDouble(variant, 1));
        }
    }

    private Map<String, List<Recognizer.Seen>> look(Recognizer recognizer, Drift drift)
            throws Exception {
        Map<String, List<Recognizer.Seen>> seen = new LinkedHashMap<>();
        Gallery nobody = new Gallery(new MemoryStore());
        for (JsonObject each : cases.of("faces")) {
            String photo = each.getString("name", "");
            List<Recognizer.Seen> found = recognizer.look(cases.picture(each.get("photo")));
            recognizer.name(found, nobody, 0.01);
            assertEquals(photo, each.get("faces").asArray().size(), found.size());
            for (int i = 0; i < found.size(); i++) {
                JsonObject expected = each.get("faces").asArray().get(i).asObject();
                drift.add(expected, found.get(i), recognizer.variant.name, cases);
            }
            seen.put(photo, found);
        }
        return seen;
    }

    private static String milliseconds(Recognizer recognizer) {
        StringBuilder words = new StringBuilder("median milliseconds of a photo:");
        for (Map.Entry<String, Double> stage : recognizer.timings.quantile(0.5).entrySet()) {
            words.append(String.format(Locale.US, " %s %.2f", stage.getKey(), stage.getValue()));
        }
        return words.toString();
    }

    private void assertNames(Recognizer recognizer, Map<String, List<Recognizer.Seen>> seen)
            throws Exception {
        JsonObject topic = cases.topic("decisions_" + recognizer.variant.name);
        Gallery gallery = new Gallery(new MemoryStore());
        for (JsonValue value : topic.get("enrolled").asArray()) {
            JsonObject enrolled = value.asObject();
            float[] feature = seen.get(enrolled.getString("photo", "")).get(0).feature;
            gallery.add(enrolled.getString("person", ""),
                    new Gallery.Template(feature, "", "", null));
        }
        for (JsonValue value : topic.get("cases").asArray()) {
            JsonObject each = value.asObject();
            Recognizer.Seen face =
                    seen.get(each.getString("photo", "")).get(each.getInt("face", 0));
            Gallery.Naming found = recognizer.name(Collections.singletonList(face), gallery,
                    each.getDouble("far", 0)).get(0);
            DecisionTest.assertNaming(each.getString("name", ""),
                    each.get("expected").asObject(), found, topic.getDouble("tolerance", 0));
        }
    }

    @Test
    public void runtimeWithOtherNumbersRecognisesNobody() throws Exception {
        try (Recognizer recognizer = open(new OtherRuntime(), null)) {
            Pixels photo = cases.picture(cases.of("faces").get(0).get("photo"));
            assertRefuses(recognizer, photo); // before the test
            List<SelfTest.Row> rows = recognizer.selfTest();
            assertFalse(SelfTest.passed(rows));
            for (SelfTest.Row row : rows) {
                assertEquals(row.check != SelfTest.Check.EMBEDDING, row.ok());
            }
            assertRefuses(recognizer, photo);
        }
    }

    private static void assertRefuses(Recognizer recognizer, Pixels photo) {
        try {
            recognizer.look(photo);
            fail("no error");
        } catch (BadInput refused) {
            assertNotNull(refused.getMessage());
            assertEquals(BadInput.Kind.SELF_TEST, refused.kind);
        }
    }
}
