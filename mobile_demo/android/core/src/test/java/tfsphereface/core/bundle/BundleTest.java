package tfsphereface.core.bundle;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;
import static org.junit.Assume.assumeNotNull;

import com.eclipsesource.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import tfsphereface.core.BadInput;
import tfsphereface.core.Cases;
import tfsphereface.core.gallery.Recognizer;
import tfsphereface.core.runtimes.LiteRuntime;
import tfsphereface.core.runtimes.OtherRuntime;
import tfsphereface.core.runtimes.TFLiteRuntime;

/** Files of a real bundle that are damaged, newer, unfit or hostile. */
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
                refusal(bundle, "dynamic", OtherRuntime.called("2.16.1")).kind);
        assertTrue(Contract.compare("2.9.0", "2.17.0") < 0);
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
