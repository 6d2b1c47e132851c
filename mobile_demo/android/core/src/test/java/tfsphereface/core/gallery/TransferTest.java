package tfsphereface.core.gallery;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import org.junit.Test;
import tfsphereface.core.BadInput;
import tfsphereface.core.Cases;
import tfsphereface.core.bundle.Contract;
import tfsphereface.core.bundle.StrictJson;
import tfsphereface.core.pixels.Pixels;

/** Files of galleries, good and hostile ones. */
public class TransferTest {
    private static final Transfer.Decoder DECODER = new Transfer.Decoder() {
        @Override
        public Pixels decode(byte[] content) throws IOException {
            return Cases.decode(content);
        }
    };
    private final Cases cases = Cases.contract();

    private static String content(JsonObject each) {
        if (each.get("text") != null) {
            return each.getString("text", null);
        }
        JsonObject repeat = each.get("repeat").asObject();
        int times = repeat.getInt("times", 0);
        return String.join("", Collections.nCopies(times, repeat.getString("open", "")))
                + String.join("", Collections.nCopies(times, repeat.getString("close", "")));
    }

    private Contract.Identity identity() throws IOException {
        JsonValue identity = cases.topic("imports").get("identity");
        return Contract.Identity.of(
                StrictJson.parse(identity.toString().getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    public void filesAreReadOrRefusedAsTheCasesSay() throws Exception {
        for (JsonObject each : cases.of("imports")) {
            String name = each.getString("name", "");
            Gallery gallery = new Gallery(new MemoryStore());
            Integer added = null;
            try {
                byte[] file = content(each).getBytes(StandardCharsets.UTF_8);
                added = Transfer.importInto(gallery, identity(), file, DECODER);
            } catch (BadInput refused) {
                assertTrue(name, gallery.people().isEmpty());
                assertEquals(name, -1, refused.getMessage().indexOf('\n'));
            }
            Integer expected = each.get("added").isNull() ? null : each.getInt("added", 0);
            assertEquals(name, expected, added);
            assertEquals(name, added == null ? 0 : added, gallery.size());
        }
    }

    @Test
    public void galleryThatWasExportedIsImportedOnce() throws Exception {
        byte[] file = content(cases.of("imports").get(0)).getBytes(StandardCharsets.UTF_8);
        Gallery first = new Gallery(new MemoryStore());
        Transfer.importInto(first, identity(), file, DECODER);
        byte[] exported = Transfer.export(first, identity());
        Gallery second = new Gallery(new MemoryStore());
        assertEquals(3, Transfer.importInto(second, identity(), exported, DECODER));
        assertEquals(0, Transfer.importInto(second, identity(), exported, DECODER));
        assertEquals(new String(exported, StandardCharsets.UTF_8),
                new String(Transfer.export(second, identity()), StandardCharsets.UTF_8));
    }

    @Test
    public void bytesThatAreNoUtf8AreRefused() throws Exception {
        try {
            Transfer.importInto(new Gallery(new MemoryStore()), identity(),
                    new byte[] {'{', '"', (byte) 0xff, '"', '}'}, DECODER);
            fail("no error");
        } catch (BadInput refused) {
            assertEquals(BadInput.Kind.GALLERY_DAMAGED, refused.kind);
        }
    }

    @Test
    public void nameOfSomebodyElseIsNotGiven() {
        Gallery gallery = new Gallery(new MemoryStore());
        gallery.add("Ada", new Gallery.Template(new float[] {1}, "", "", null));
        gallery.add("Zo\u00eb", new Gallery.Template(new float[] {2}, "", "", null));
        try {
            gallery.rename("Ada", "Zoe\u0308"); // the same letters, written otherwise
            fail("no error");
        } catch (BadInput refused) {
            assertEquals(BadInput.Kind.NAME, refused.kind);
        }
        gallery.rename("Ada", "Bob");
        assertEquals("Bob", gallery.people().get(0).name);
    }
}
