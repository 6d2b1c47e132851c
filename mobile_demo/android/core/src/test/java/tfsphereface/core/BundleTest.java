package tfsphereface.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;
import static org.junit.Assume.assumeNotNull;

import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** The networks of a real bundle against what Python computed with them. */
public class BundleTest {
    @Rule public final TemporaryFolder temporary = new TemporaryFolder();
    private Path bundle;
    private Cases cases;

    @Before
    public void requireBundle() {
        bundle = Cases.given("bundle");
        assumeNotNull("no BUNDLE", bundle);
        cases = new Cases(Cases.given("cases"));
    }

    private Recognizer open(String variant) {
        return new Recognizer(new Bundle(Cases.files(bundle)), new LiteRuntime(), variant, 1, 0);
    }

    private List<String> variants() throws Exception {
        List<String> names = new ArrayList<>();
        for (JsonValue name : cases.topic("cases").get("variants").asArray()) {
            names.add(name.asString());
        }
        return names;
    }

    @Test
    public void facesAndNamesArePythons() throws Exception {
        JsonObject tolerance = cases.topic("faces").get("tolerance").asObject();
        for (String variant : variants()) {
            double least = tolerance.get("least_cosine").asObject().getDouble(variant, 1);
            Map<String, List<Recognizer.Seen>> seen = new LinkedHashMap<>();
            double apart = 0;
            double worst = 1;
            int faces = 0;
            int differing = 0;
            try (Recognizer recognizer = open(variant)) {
                assertTrue(SelfTest.passed(recognizer.selfTest()));
                for (JsonObject each : cases.of("faces")) {
                    String name = each.getString("name", "");
                    List<Recognizer.Seen> found =
                            recognizer.look(cases.picture(each.get("photo")));
                    recognizer.name(found, new Gallery(new MemoryStore()), 0.01);
                    seen.put(name, found);
                    assertEquals(name, each.get("faces").asArray().size(), found.size());
                    for (int i = 0; i < found.size(); i++, faces++) {
                        JsonObject expected = each.get("faces").asArray().get(i).asObject();
                        double[][] points = Cases.points(expected.get("landmarks"));
                        for (int point = 0; point < 5; point++) {
                            double[] mark = found.get(i).face.landmarks[point];
                            apart = Math.max(apart, Math.hypot(mark[0] - points[point][0],
                                    mark[1] - points[point][1]));
                        }
                        byte[] crop = cases.picture(expected.get("crop")).rgb;
                        differing += java.util.Arrays.equals(crop, found.get(i).crop.rgb) ? 0 : 1;
                        float[] feature = Cases.unpacked(expected.get("features").asObject()
                                .getString(variant, ""));
                        worst = Math.min(worst, Gallery.cosine(feature, found.get(i).feature));
                    }
                }
                System.out.println("median ms: " + recognizer.timings.quantile(0.5));
                assertNames(recognizer, seen);
                System.out.printf("%s: %d faces, landmarks within %.4f px, %d crops differ, "
                        + "worst cosine %.7f%n", variant, faces, apart, differing, worst);
            }
            assertTrue(variant + " landmarks " + apart, apart <= 0.05);
            assertTrue(variant + " cosine " + worst, worst >= least);
        }
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
            List<Recognizer.Seen> one = new ArrayList<>();
            one.add(face);
            Gallery.Naming found = recognizer.name(one, gallery, each.getDouble("far", 0)).get(0);
            JsonObject expected = each.get("expected").asObject();
            DecisionTest.assertNaming(each.getString("name", ""), expected, found,
                    topic.getDouble("tolerance", 0));
        }
    }

    @Test
    public void identitiesArePythons() throws Exception {
        Contract contract = new Bundle(Cases.files(bundle)).contract;
        for (JsonObject each : cases.of("identity")) {
            assertEquals(each.get("expected"),
                    contract.identity(each.getString("name", "")).toJson());
        }
    }

    private Path copied() throws Exception {
        final Path copy = temporary.newFolder().toPath();
        for (Object found : Files.walk(bundle).filter(Files::isRegularFile).toArray()) {
            Path to = copy.resolve(bundle.relativize((Path) found).toString());
            Files.createDirectories(to.getParent());
            Files.copy((Path) found, to, StandardCopyOption.REPLACE_EXISTING);
        }
        return copy;
    }

    private static BadInput refusal(Path folder, String variant, TFLiteRuntime runtime) {
        try (Recognizer opened = new Recognizer(new Bundle(Cases.files(folder)), runtime, variant,
                1, 0)) {
            fail("opened: " + opened);
            return null;
        } catch (BadInput refused) {
            assertEquals(-1, refused.getMessage().indexOf('\n'));
            return refused;
        }
    }

    private static void writeContract(Path folder, String text) throws Exception {
        byte[] content = text.getBytes(StandardCharsets.UTF_8);
        Files.write(folder.resolve("contract.json"), content);
        Files.write(folder.resolve("contract.json.sha256"),
                (Checksums.sha256(content) + "  contract.json\n").getBytes("US-ASCII"));
    }

    private static String contract(Path folder) throws Exception {
        return new String(Files.readAllBytes(folder.resolve("contract.json")), "UTF-8");
    }

    @Test
    public void everyChangedFileIsNoticed() throws Exception {
        String[] files = {"contract.json", "embedder.tflite", "detector/onet.tflite",
            "golden/golden.json"};
        for (String file : files) {
            Path folder = copied();
            byte[] content = Files.readAllBytes(folder.resolve(file));
            content[content.length / 2] ^= 1;
            Files.write(folder.resolve(file), content);
            BadInput refused = refusal(folder, "none", new LiteRuntime());
            assertEquals(file, BadInput.Kind.BUNDLE_DAMAGED, refused.kind);
            assertTrue(refused.getMessage(), refused.getMessage().contains(file));
            Files.delete(folder.resolve(file));
            assertEquals(BadInput.Kind.BUNDLE_DAMAGED,
                    refusal(folder, "none", new LiteRuntime()).kind);
        }
    }

    @Test
    public void changedGoldenPhotoIsNoticedByTheSelfTest() throws Exception {
        Path folder = copied();
        Files.copy(folder.resolve("golden/photo_1.png"), folder.resolve("golden/photo_0.png"),
                StandardCopyOption.REPLACE_EXISTING);
        try (Recognizer recognizer = new Recognizer(new Bundle(Cases.files(folder)),
                new LiteRuntime(), null, 1, 0)) {
            recognizer.selfTest();
            fail("passed");
        } catch (BadInput refused) {
            assertEquals(BadInput.Kind.BUNDLE_DAMAGED, refused.kind);
        }
    }

    @Test
    public void newerBundleIsToldFromDamagedOne() throws Exception {
        Path folder = copied();
        writeContract(folder, contract(folder).replaceFirst("\"format_version\": 3",
                "\"format_version\": 4"));
        assertEquals(BadInput.Kind.BUNDLE_NEWER, refusal(folder, null, new LiteRuntime()).kind);
    }

    @Test
    public void fileOutsideTheBundleIsNotRead() throws Exception {
        Path folder = copied();
        writeContract(folder, contract(folder).replaceFirst("\"golden/golden.json\"",
                "\"../golden.json\""));
        assertEquals(BadInput.Kind.BUNDLE_DAMAGED, refusal(folder, null, new LiteRuntime()).kind);
    }

    @Test
    public void variantThatTheRuntimeIsTooOldForIsNotOffered() {
        Contract contract = new Bundle(Cases.files(bundle)).contract;
        for (Contract.Variant variant : contract.variantsFor("2.16.1")) {
            assertFalse(variant.name, variant.name.equals("dynamic"));
        }
        assertEquals(BadInput.Kind.BUNDLE_UNFIT,
                refusal(bundle, "dynamic", new LiteRuntime("2.16.1")).kind);
        assertTrue(Contract.compare("2.9.0", "2.17.0") < 0);
    }

    @Test
    public void runtimeWithOtherNumbersRecognisesNobody() throws Exception {
        try (Recognizer recognizer = new Recognizer(new Bundle(Cases.files(bundle)),
                new OtherRuntime(), null, 1, 0)) {
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

    @Test
    public void contractsThatMeanSomethingElseAreRefused() throws Exception {
        String good = contract(bundle);
        String[][] changes = {
            {"\"height\": 112", "\"height\": \"112\""}, {"\"width\": 96", "\"width\": 0"},
            {"\"default_variant\": \"none\"", "\"default_variant\": \"nine\""},
            {"\"smallest_face\": 20.0", "\"smallest_face\": 1.0"},
            {"\"pyramid_factor\": 0.709", "\"pyramid_factor\": 0.99"},
            {"\"embedding_dim\": 256", "\"embedding_dim\": 256.5"},
            {"\"library_version\"", "\"format_version\": 3, \"library_version\""},
        };
        for (String[] change : changes) {
            String text = good.replaceFirst(java.util.regex.Pattern.quote(change[0]),
                    java.util.regex.Matcher.quoteReplacement(change[1]));
            assertFalse(change[0], text.equals(good));
            try {
                Contract.parse(text.getBytes(StandardCharsets.UTF_8));
                fail(change[1]);
            } catch (BadInput refused) {
                assertEquals(BadInput.Kind.BUNDLE_DAMAGED, refused.kind);
            }
        }
    }
}
