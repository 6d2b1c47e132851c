package tfsphereface.core.detection;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotNull;

import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.Test;
import tfsphereface.core.Cases;
import tfsphereface.core.Timings;
import tfsphereface.core.bundle.Contract;
import tfsphereface.core.bundle.StrictJson;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.pixels.Warp;

/** Boxes, pyramid, consensus and cascade, around answers that the cases prepare. */
public class CascadeTest {
    private final Cases cases = Cases.contract();

    /** Networks that give prepared answers, in the order in which they are asked. */
    private static final class ScriptedNetworks implements Networks {
        final List<int[]> levels = new ArrayList<>();
        final List<float[]> crops = new ArrayList<>();
        private final JsonObject script;
        private int askedR;
        private int askedO;

        ScriptedNetworks(JsonObject script) {
            this.script = script;
        }

        private static int windows(int side) {
            return (side - 2 + 1) / 2 - 4;
        }

        @Override
        public Answers pnet(float[] level, int height, int width) {
            levels.add(new int[] {height, width});
            crops.add(level);
            int columns = windows(width);
            float[] scores = new float[columns * windows(height)];
            float[] offsets = new float[4 * scores.length];
            for (JsonValue value : script.get("pnet").asArray()) {
                JsonObject size = value.asObject();
                if (size.getInt("height", 0) != height || size.getInt("width", 0) != width) {
                    continue;
                }
                for (JsonValue cell : size.get("cells").asArray()) {
                    JsonObject strong = cell.asObject();
                    int place = strong.getInt("row", 0) * columns + strong.getInt("column", 0);
                    scores[place] = strong.getFloat("score", 0);
                    System.arraycopy(Cases.floats(strong.get("offsets")), 0, offsets, 4 * place, 4);
                }
            }
            return new Answers(offsets, scores, null);
        }

        @Override
        public Answers rnet(float[] crops) {
            int count = crops.length / (24 * 24 * 3);
            askedR += count;
            return take("rnet", askedR - count, count);
        }

        @Override
        public Answers onet(float[] input) {
            crops.add(input);
            int count = input.length / (48 * 48 * 3);
            askedO += count;
            return take("onet", askedO - count, count);
        }

        private Answers take(String name, int start, int count) {
            JsonArray answers = script.get(name).asArray();
            float[] offsets = new float[4 * count];
            float[] scores = new float[count];
            float[] landmarks = new float[10 * count];
            for (int i = 0; i < count; i++) {
                JsonObject answer = answers.get(start + i).asObject();
                scores[i] = answer.getFloat("score", 0);
                System.arraycopy(Cases.floats(answer.get("offsets")), 0, offsets, 4 * i, 4);
                if (name.equals("onet")) {
                    System.arraycopy(Cases.floats(answer.get("landmarks")), 0, landmarks, 10 * i,
                            10);
                }
            }
            return new Answers(offsets, scores, landmarks);
        }
    }

    @Test
    public void boxesAreThoseOfTheCases() throws Exception {
        for (JsonObject each : cases.of("boxes")) {
            double[][] boxes = Cases.points(each.get("boxes"));
            List<Boxes.Scored> scored = new ArrayList<>();
            for (int i = 0; i < boxes.length; i++) {
                float score = (float) Cases.numbers(each.get("scores"))[i];
                scored.add(new Boxes.Scored(boxes[i], score));
                float[] offsets = Cases.floats(each.get("offsets").asArray().get(i));
                assertArrayEquals(Cases.points(each.get("refined"))[i],
                        Boxes.refined(boxes[i], offsets, 0), 1e-5);
                assertArrayEquals(Cases.points(each.get("squares"))[i],
                        Boxes.toSquare(boxes[i]), 1e-6);
                for (int j = 0; j < boxes.length; j++) {
                    assertEquals(Cases.points(each.get("overlap_union"))[i][j],
                            Boxes.overlap(boxes[i], boxes[j], false), 1e-6);
                    assertEquals(Cases.points(each.get("overlap_smaller"))[i][j],
                            Boxes.overlap(boxes[i], boxes[j], true), 1e-6);
                }
            }
            for (JsonValue value : each.get("kept").asArray()) {
                JsonObject kept = value.asObject();
                List<Integer> places = new ArrayList<>();
                for (Boxes.Scored one : Boxes.suppress(scored, kept.getDouble("threshold", 0),
                        kept.getString("denominator", "").equals("smaller"))) {
                    places.add(scored.indexOf(one));
                }
                List<Integer> expected = new ArrayList<>();
                for (double place : Cases.numbers(kept.get("indices"))) {
                    expected.add((int) place);
                }
                assertEquals(each.getString("name", ""), expected, places);
            }
        }
    }

    @Test
    public void levelsAreThoseOfTheCases() throws Exception {
        for (JsonObject each : cases.of("pyramid")) {
            ScriptedNetworks networks =
                    new ScriptedNetworks(new JsonObject().add("pnet", new JsonArray())
                            .add("rnet", new JsonArray()).add("onet", new JsonArray()));
            Cascade.Settings settings = new Cascade.Settings();
            settings.smallestFace = each.getDouble("smallest_face", 0);
            settings.pyramidFactor = each.getDouble("pyramid_factor", 0);
            new Cascade(networks, settings, new Timings()).detect(cases.picture(each.get("photo")));
            JsonArray levels = each.get("levels").asArray();
            assertEquals(each.getString("name", ""), levels.size(), networks.levels.size());
            for (int i = 0; i < levels.size(); i++) {
                Pixels expected = cases.picture(levels.get(i).asObject().get("expected"));
                assertArrayEquals(new int[] {expected.height, expected.width},
                        networks.levels.get(i));
                assertArrayEquals(expected.normalized(), networks.crops.get(i), 0);
            }
        }
    }

    @Test
    public void consensusIsThatOfTheCases() throws Exception {
        for (JsonObject each : cases.of("consensus")) {
            JsonArray onet = new JsonArray();
            for (JsonValue round : each.get("answers").asArray()) {
                for (JsonValue answer : round.asArray()) {
                    onet.add(new JsonObject().add("score", 1)
                            .add("offsets", com.eclipsesource.json.Json.array(0, 0, 0, 0))
                            .add("landmarks", answer));
                }
            }
            ScriptedNetworks networks = new ScriptedNetworks(new JsonObject().add("onet", onet));
            Boxes.Scored face = new Boxes.Scored(Cases.numbers(each.get("box")), 1);
            face.landmarks = Cases.points(each.get("landmarks"));
            Consensus.Agreement agreed = Consensus.agree(networks,
                    new Warp.Cutter(cases.picture(each.get("photo"))),
                    Collections.singletonList(face)).get(0);
            String name = each.getString("name", "");
            assertEquals(name, each.getInt("rounds_asked", -1), networks.crops.size());
            assertEquals(name, each.getDouble("confidence", -1), agreed.confidence, 1e-6);
            double[][] expected = Cases.points(each.get("agreed"));
            for (int i = 0; i < 5; i++) {
                assertArrayEquals(name, expected[i], agreed.landmarks[i], 1e-4);
            }
            if (each.get("upright") != null) {
                float[] asked = networks.crops.get(0);
                float[] upright = cases.picture(each.get("upright")).normalized();
                float[] mirrored = cases.picture(each.get("mirrored")).normalized();
                for (int i = 0; i < upright.length; i++) {
                    assertEquals(name, upright[i], asked[i], 0);
                    assertEquals(name, mirrored[i], asked[upright.length + i], 0);
                }
            }
        }
    }

    @Test
    public void facesAreThoseOfTheCases() throws Exception {
        for (JsonObject each : cases.of("cascade")) {
            ScriptedNetworks networks = new ScriptedNetworks(each);
            Cascade.Settings settings = Contract.settings(StrictJson.parse(
                    each.get("settings").toString().getBytes(StandardCharsets.UTF_8)));
            List<Face> faces = new Cascade(networks, settings, new Timings())
                    .detect(cases.picture(each.get("photo")));
            String name = each.getString("name", "");
            assertEquals(name, Cases.points(each.get("levels_asked")).length,
                    networks.levels.size());
            JsonArray expected = each.get("faces").asArray();
            assertEquals(name, expected.size(), faces.size());
            for (int i = 0; i < faces.size(); i++) {
                assertFace(name, expected.get(i).asObject(), faces.get(i));
            }
        }
    }

    private static void assertFace(String name, JsonObject expected, Face face) {
        assertNotNull(name, face);
        assertArrayEquals(name, Cases.numbers(expected.get("box")), face.box, 1e-3);
        assertEquals(name, expected.getDouble("score", 0), face.score, 1e-3);
        boolean one = expected.get("confidence").isNull();
        assertEquals(name, one ? Double.NaN : expected.getDouble("confidence", 0),
                face.confidence, 1e-3);
        double[][] landmarks = Cases.points(expected.get("landmarks"));
        for (int i = 0; i < 5; i++) {
            assertArrayEquals(name, landmarks[i], face.landmarks[i], 1e-3);
        }
    }
}
