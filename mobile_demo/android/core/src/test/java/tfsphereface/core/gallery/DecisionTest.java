package tfsphereface.core.gallery;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;

import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.Test;
import tfsphereface.core.BadInput;
import tfsphereface.core.Cases;
import tfsphereface.core.bundle.Checksums;
import tfsphereface.core.bundle.Embedder;
import tfsphereface.core.detection.Face;
import tfsphereface.core.pixels.CropGeometry;

/** Scores, verdicts, thresholds, names, frames and quality of the contract cases. */
public class DecisionTest {
    private final Cases cases = Cases.contract();

    private static Double number(JsonObject each, String key) {
        JsonValue value = each.get(key);
        return value == null || value.isNull() ? null : (Double) value.asDouble();
    }

    private static String text(JsonObject each, String key) {
        return each.get(key).isNull() ? null : each.get(key).asString();
    }

    private static void assertNumber(String name, Double expected, Double actual, double most) {
        if (expected == null) {
            assertNull(name, actual);
        } else {
            assertNotNull(name, actual);
            assertEquals(name, expected, actual, most);
        }
    }

    @Test
    public void cosinesAreThoseOfTheCases() throws Exception {
        for (JsonObject each : cases.of("cosine")) {
            float[] first = Cases.floats(each.get("first"));
            assertArrayEquals(Cases.floats(each.get("unit")), Gallery.unit(first), 1e-6f);
            assertEquals(each.getDouble("cosine", 2),
                    Gallery.cosine(first, Cases.floats(each.get("second"))), 1e-6);
        }
    }

    @Test
    public void featuresFollowTheMirrorPolicy() throws Exception {
        for (JsonObject each : cases.of("mirror")) {
            String policy = each.getString("mirror", "");
            for (int i = 0; !policy.equals("none") && i < 2; i++) {
                float[] feature = Embedder.combine(
                        Cases.floats(each.get("plain").asArray().get(i)),
                        Cases.floats(each.get("mirrored").asArray().get(i)), policy);
                assertArrayEquals(Cases.floats(each.get("features").asArray().get(i)), feature,
                        1e-6f);
            }
        }
    }

    @Test
    public void verdictsAreThoseOfTheCases() throws Exception {
        Map<String, Decision> words = new LinkedHashMap<>();
        words.put("same", Decision.KNOWN);
        words.put("unknown", Decision.NOT_SURE);
        words.put("different", Decision.UNKNOWN);
        for (JsonObject each : cases.of("verdict")) {
            assertEquals(each.getString("name", ""), words.get(text(each, "verdict")),
                    Decision.of(each.getDouble("score", 2), number(each, "threshold"),
                            number(each, "different_below")));
        }
    }

    private static Map<String, Double> thresholds(JsonValue value) {
        if (value.isNull()) {
            return null;
        }
        Map<String, Double> thresholds = new LinkedHashMap<>();
        for (JsonObject.Member member : value.asObject()) {
            thresholds.put(member.getName(), member.getValue().asDouble());
        }
        return thresholds;
    }

    @Test
    public void searchThresholdsAreThoseOfTheCases() throws Exception {
        for (JsonObject each : cases.of("search_threshold")) {
            JsonObject asked = each.get("asked").asObject();
            boolean cross = asked.getBoolean("cross_variant", false);
            Map<String, Double> thresholds =
                    thresholds(each.get(cross ? "cross_variant_thresholds" : "thresholds"));
            JsonValue pairs = each.get("impostor_pairs");
            long impostors = cross || pairs.isNull() ? 0 : pairs.asLong();
            int templates = asked.getInt("templates", 0);
            String name = each.getString("name", "");
            Decision.Threshold found = null;
            try {
                found = asked.get("false_alarms") == null
                        ? Decision.atFar(thresholds, null, templates, asked.getDouble("far", 0))
                        : Decision.forFalseAlarms(thresholds, null, impostors, templates,
                                asked.getDouble("false_alarms", 0));
            } catch (BadInput refused) {
                assertEquals(name, BadInput.Kind.BUNDLE_UNFIT, refused.kind);
            }
            assertEquals(name, each.get("expected").isNull(), found == null);
            if (found != null) {
                JsonObject expected = each.get("expected").asObject();
                assertNumber(name, number(expected, "threshold"), found.score, 1e-9);
                if (found.score != null) {
                    assertEquals(name, number(expected, "far"), found.far, 1e-9);
                    assertEquals(name, number(expected, "false_alarms_at_most"),
                            found.falseAlarms(), 1e-9);
                }
            }
        }
    }

    @Test
    public void namesAreThoseOfTheCases() throws Exception {
        JsonObject topic = cases.topic("naming");
        List<Gallery.Person> people = new ArrayList<>();
        for (JsonValue value : topic.get("people").asArray()) {
            Gallery.Person person = new Gallery.Person(value.asObject().getString("name", ""));
            for (JsonValue template : value.asObject().get("templates").asArray()) {
                person.templates.add(new Gallery.Template(Cases.floats(template), "", "", null));
            }
            people.add(person);
        }
        Gallery gallery = new Gallery(new MemoryStore());
        gallery.add(people);
        Double below = number(topic, "different_below");
        for (JsonObject each : cases.of("naming")) {
            Gallery asked = each.getBoolean("empty", false) ? new Gallery(new MemoryStore())
                    : gallery;
            Gallery.Rule rule = Gallery.Rule.valueOf(
                    each.getString("rule", "").toUpperCase(Locale.ROOT).replace('-', '_'));
            Gallery.Naming found = asked.name(Cases.floats(each.get("probe")),
                    new Decision.Threshold(number(each, "threshold"), 0.01, below, 11), rule,
                    each.getInt("k", 0));
            assertNaming(each.getString("name", ""), each.get("expected").asObject(), found, 1e-5);
        }
    }

    static void assertNaming(String name, JsonObject expected, Gallery.Naming found,
            double tolerance) {
        assertEquals(name, text(expected, "name"), found.name);
        assertEquals(name, text(expected, "decision"),
                found.decision == null ? null : found.decision.word);
        assertEquals(name, text(expected, "nearest"), found.nearest);
        assertNumber(name, number(expected, "score"), found.score, tolerance);
        assertNumber(name, number(expected, "margin"), found.margin, 2 * tolerance);
    }

    @Test
    public void framesShowWhatTheCasesDo() throws Exception {
        for (JsonObject each : cases.of("frames")) {
            FaceTracks tracks = new FaceTracks();
            String name = each.getString("name", "");
            for (JsonValue frame : each.get("frames").asArray()) {
                List<double[]> boxes = new ArrayList<>();
                List<FaceTracks.Answer> answers = new ArrayList<>();
                for (JsonValue value : frame.asObject().get("faces").asArray()) {
                    JsonObject face = value.asObject();
                    boxes.add(Cases.numbers(face.get("box")));
                    answers.add(new FaceTracks.Answer(decision(text(face, "decision")),
                            text(face, "name"), number(face, "score")));
                }
                List<FaceTracks.Track> shown = tracks.update(boxes, answers);
                for (int i = 0; i < shown.size(); i++) {
                    JsonObject expected =
                            frame.asObject().get("expected").asArray().get(i).asObject();
                    assertEquals(name, expected.getInt("track", 0), shown.get(i).number);
                    assertEquals(name, decision(text(expected, "decision")),
                            shown.get(i).decision);
                    assertEquals(name, text(expected, "name"), shown.get(i).name);
                    assertNumber(name, number(expected, "score"), shown.get(i).score, 1e-6);
                }
            }
        }
    }

    private static Decision decision(String word) {
        return word == null ? null
                : Decision.valueOf(word.toUpperCase(Locale.ROOT).replace(' ', '_'));
    }

    @Test
    public void reasonsAreThoseOfTheCases() throws Exception {
        for (JsonObject each : cases.of("quality")) {
            Double sure = number(each, "landmark_confidence");
            Quality quality = new Quality(number(each, "score"), number(each, "eyes"),
                    number(each, "brightness"), number(each, "sharpness"), number(each, "turn"),
                    sure == null ? Double.NaN : sure, number(each, "contrast"));
            List<String> codes = new ArrayList<>();
            for (Quality.Reason reason : quality.reasonsAgainst(number(each, "eyes_needed"),
                    number(each, "rival"))) {
                codes.add(reason.name().toLowerCase(Locale.ROOT));
            }
            List<String> expected = new ArrayList<>();
            for (JsonValue code : each.get("codes").asArray()) {
                expected.add(code.asString());
            }
            assertEquals(each.getString("name", ""), expected, codes);
        }
    }

    @Test
    public void measurementsAreThoseOfTheCases() throws Exception {
        JsonObject tolerance = cases.topic("measures").get("tolerance").asObject();
        double[][] template = {{29.2946, 50.6963}, {64.5318, 50.5014}, {47.0252, 70.7366},
            {32.5493, 91.3655}, {61.7299, 91.2041}};
        assertEquals(cases.topic("measures").getDouble("eyes_needed", 0),
                Quality.neededEyes(new CropGeometry(112, 96, template, false)), 1e-6);
        for (JsonObject each : cases.of("measures")) {
            Face face = new Face(new double[] {5, 5, 70, 90}, each.getDouble("score", 0),
                    Cases.points(each.get("landmarks")), each.getDouble("confidence", 0));
            Quality found = Quality.measure(face, cases.picture(each.get("crop")));
            JsonObject expected = each.get("expected").asObject();
            String name = each.getString("name", "");
            assertEquals(name, number(expected, "eyes"), found.eyes, number(tolerance, "eyes"));
            assertEquals(name, number(expected, "brightness"), found.brightness,
                    number(tolerance, "brightness"));
            assertEquals(name, number(expected, "contrast"), found.contrast,
                    number(tolerance, "contrast"));
            assertEquals(name, number(expected, "sharpness"), found.sharpness,
                    number(tolerance, "sharpness"));
            assertEquals(name, number(expected, "turn"), found.turn, number(tolerance, "turn"));
        }
    }

    @Test
    public void checksumsOfPartsAreThoseOfTheCases() throws Exception {
        for (JsonObject each : cases.of("checksums")) {
            assertEquals(each.getString("name", ""), each.getString("checksum", ""),
                    Checksums.ofParts(each.get("parts")));
        }
    }

    @Test
    public void posesAreThoseOfTheCases() throws Exception {
        for (JsonObject each : cases.of("poses")) {
            Pose.HeadTurn turn = Pose.HeadTurn.of(Cases.points(each.get("landmarks")));
            String name = each.getString("name", "");
            assertEquals(name, number(each, "yaw"), turn.yaw, 1e-6);
            assertEquals(name, number(each, "pitch"), turn.pitch, 1e-6);
            List<String> found = new ArrayList<>();
            for (Pose pose : Pose.values()) {
                if (pose.isOf(turn, number(each, "front_pitch"))) {
                    found.add(pose.name().toLowerCase(Locale.ROOT));
                }
            }
            List<String> expected = new ArrayList<>();
            for (JsonValue pose : each.get("poses").asArray()) {
                expected.add(pose.asString());
            }
            assertEquals(name, expected, found);
        }
    }
}
