package tfsphereface.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import android.content.Context;
import android.database.sqlite.SQLiteDatabase;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Collections;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import tfsphereface.core.BadInput;
import tfsphereface.core.bundle.Contract;
import tfsphereface.core.gallery.Gallery;

/** The gallery on disk. */
@RunWith(RobolectricTestRunner.class)
public class SQLiteStoreTest {
    static final Contract.Identity IDENTITY = new Contract.Identity("none", "none", 256, 112, 96,
            "1111111111111111111111111111111111111111111111111111111111111111",
            "2222222222222222222222222222222222222222222222222222222222222222");

    @Rule public final TemporaryFolder temporary = new TemporaryFolder();
    private File file;

    @Before
    public void setUp() {
        file = new File(temporary.getRoot(), "gallery.db");
    }

    static Gallery.Person person(String name, int seed) {
        float[] feature = new float[256];
        for (int i = 0; i < feature.length; i++) {
            feature[i] = (float) Math.sin(seed + 1.7 * i);
        }
        Gallery.Person person = new Gallery.Person(name);
        person.templates.add(
                new Gallery.Template(feature, "camera, front", "2026-11-30T12:00:00Z", null));
        return person;
    }

    /** Leaves the open gallery of an app no further page. */
    static void limitPages(TestApp app) throws Exception {
        Field field = Engine.class.getDeclaredField("store");
        field.setAccessible(true);
        limitPages((SQLiteStore) field.get(app.engine()));
    }

    private static void limitPages(SQLiteStore store) throws Exception {
        Field field = SQLiteStore.class.getDeclaredField("database");
        field.setAccessible(true);
        SQLiteDatabase database = (SQLiteDatabase) field.get(store);
        database.setMaximumSize(database.getPageSize()); // SQLite keeps what is there
    }

    @Test
    public void peopleAreThereAfterAReopening() {
        try (SQLiteStore store = new SQLiteStore(file, IDENTITY)) {
            store.add(Collections.singletonList(person("Zo\u00eb", 1)));
            store.add(Collections.singletonList(person("Zoe\u0308", 2))); // the same letters
            store.add(Collections.singletonList(person("Ada", 3)));
            store.rename("Ada", "Bob");
        }
        try (SQLiteStore store = new SQLiteStore(file, IDENTITY)) {
            assertEquals("Bob", store.people().get(0).name);
            assertEquals(2, store.people().get(1).templates.size());
            assertEquals(person("", 1).templates.get(0).feature[7],
                    store.people().get(1).templates.get(0).feature[7], 0);
            store.forget("Zo\u00eb", store.people().get(1).templates.get(0));
            assertEquals(1, store.people().get(1).templates.size());
            store.forget("Zo\u00eb", null);
            assertEquals(1, store.people().size());
        }
    }

    @Test
    public void nothingOfADeletedPersonIsLeftInTheFiles() throws Exception {
        try (SQLiteStore store = new SQLiteStore(file, IDENTITY)) {
            store.add(Collections.singletonList(person("Nobody Inparticular", 1)));
            assertTrue(contains("Nobody Inparticular"));
            store.forget("Nobody Inparticular", null);
        }
        assertFalse(contains("Nobody Inparticular"));
    }

    private boolean contains(String words) throws Exception {
        boolean found = false;
        for (File each : temporary.getRoot().listFiles()) {
            String content = new String(Files.readAllBytes(each.toPath()),
                    StandardCharsets.ISO_8859_1);
            found |= content.contains(words);
        }
        return found;
    }

    @Test
    public void fullDiskLeavesAllAsItWas() throws Exception {
        try (SQLiteStore store = new SQLiteStore(file, IDENTITY)) {
            store.add(Collections.singletonList(person("Ada", 1)));
            limitPages(store);
            Gallery.Person many = person("Bob", 2);
            for (int i = 0; i < 100; i++) {
                many.templates.add(person("", i).templates.get(0));
            }
            try {
                store.add(Collections.singletonList(many));
                fail("no error");
            } catch (BadInput full) {
                assertEquals(BadInput.Kind.STORAGE, full.kind);
            }
            assertEquals(1, store.people().size());
        }
        try (SQLiteStore store = new SQLiteStore(file, IDENTITY)) {
            assertEquals("Ada", store.people().get(0).name);
        }
    }

    @Test
    public void galleryOfAnotherBundleIsRefused() {
        new SQLiteStore(file, IDENTITY).close();
        Contract.Identity other = new Contract.Identity("int8", "none", 256, 112, 96,
                IDENTITY.crops, IDENTITY.features);
        try {
            new SQLiteStore(file, other).close();
            fail("no error");
        } catch (BadInput refused) {
            assertEquals(BadInput.Kind.GALLERY_FOREIGN, refused.kind);
        }
    }

    @Test
    public void damagedGalleryIsToldAndNotDeleted() throws Exception {
        new SQLiteStore(file, IDENTITY).close();
        byte[] content = Files.readAllBytes(file.toPath());
        for (int i = 0; i < content.length; i++) {
            content[i] ^= 0x5a;
        }
        Files.write(file.toPath(), content);
        try {
            new SQLiteStore(file, IDENTITY).close();
            fail("no error");
        } catch (BadInput refused) {
            assertEquals(BadInput.Kind.GALLERY_DAMAGED, refused.kind);
        }
        assertEquals(content.length, Files.readAllBytes(file.toPath()).length);
    }


    /** Adds people until it is killed; says which are on the disk. */
    @RunWith(RobolectricTestRunner.class)
    public static final class WriterRun {
        @Test
        public void write() {
            try (SQLiteStore store =
                    new SQLiteStore(new File(System.getProperty("gallery")), IDENTITY)) {
                for (int i = store.people().size(); ; i++) {
                    store.add(Collections.singletonList(person("person " + (100_000 + i), i)));
                    System.out.println("\nkept " + i);
                    System.out.flush();
                }
            }
        }
    }

    @Test
    public void whatWasToldToBeKeptIsThereAfterAKill() throws Exception {
        int kept = -1;
        for (int round = 0; round < 2; round++) {
            ProcessBuilder builder = new ProcessBuilder(
                    System.getProperty("java.home") + "/bin/java", "-cp",
                    System.getProperty("surefire.test.class.path",
                            System.getProperty("java.class.path")),
                    "-Dgallery=" + file.getPath(), "-Drobolectric.offline=true",
                    "-Drobolectric.dependency.dir="
                            + System.getProperty("robolectric.dependency.dir"),
                    "org.junit.runner.JUnitCore", WriterRun.class.getName());
            builder.redirectErrorStream(true);
            Process writer = builder.start();
            BufferedReader told = new BufferedReader(
                    new InputStreamReader(writer.getInputStream(), StandardCharsets.UTF_8));
            int wanted = kept + 20;
            StringBuilder all = new StringBuilder();
            for (String line; kept < wanted && (line = told.readLine()) != null; ) {
                all.append(line).append('\n');
                if (line.startsWith("kept ")) {
                    kept = Integer.parseInt(line.substring(5));
                }
            }
            assertTrue(all.toString(), kept >= wanted);
            writer.destroyForcibly().waitFor(); // SIGKILL, amid a transaction or not
            try (SQLiteStore store = new SQLiteStore(file, IDENTITY)) {
                int there = store.people().size();
                assertTrue(there + " of " + (kept + 1), there >= kept + 1);
                for (Gallery.Person person : store.people()) {
                    assertEquals(1, person.templates.size());
                }
                kept = there - 1;
            }
        }
    }
}
