package tfsphereface.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeNotNull;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.app.Activity;
import android.app.AlertDialog;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.net.Uri;
import android.os.Bundle;
import android.os.Looper;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.EditText;
import android.widget.RadioButton;
import android.widget.RadioGroup;
import android.widget.TextView;
import com.eclipsesource.json.JsonObject;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.shadows.ShadowAlertDialog;
import org.robolectric.shadows.ShadowToast;
import tfsphereface.core.Cases;
import tfsphereface.core.Gallery;
import tfsphereface.core.LiteRuntime;
import tfsphereface.core.Pixels;
import tfsphereface.core.Recognizer;
import tfsphereface.core.TFLiteRuntime;

/** The screens, with the real networks and a camera that shows rendered people. */
@RunWith(RobolectricTestRunner.class)
public class ScreensTest {
    private TestApp app;
    private Cases cases;

    @Before
    public void setUp() {
        assumeNotNull("no BUNDLE", Cases.given("bundle"));
        app = (TestApp) RuntimeEnvironment.getApplication();
        cases = new Cases(Cases.given("cases"));
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
    }

    @After
    public void tearDown() {
        TestApp.runtime = null;
        TestApp.failure = null;
    }

    private static void idle() {
        shadowOf(Looper.getMainLooper()).idle();
    }

    private Pixels photo(String name) throws Exception {
        for (JsonObject each : cases.of("faces")) {
            if (each.getString("name", "").equals(name)) {
                return cases.picture(each.get("photo"));
            }
        }
        throw new AssertionError(name);
    }

    private void hold(String photo, int frames) throws Exception {
        for (int i = 0; i < frames; i++) {
            app.camera.show(photo(photo));
            idle();
        }
    }

    private static <A extends Activity> ActivityController<A> open(Class<A> screen) {
        ActivityController<A> opened = Robolectric.buildActivity(screen).setup();
        idle();
        return opened;
    }

    private static String text(Activity screen, int id) {
        return ((TextView) screen.findViewById(id)).getText().toString();
    }

    private static void click(Activity screen, int id) {
        assertTrue(screen.findViewById(id).performClick());
        idle();
    }

    private void enrol(final String name, final String photo) throws Exception {
        final Pixels pixels = photo(photo);
        app.engine().run(new Engine.Task<Void>() {
            @Override
            Void run(Recognizer recognizer, Gallery gallery) {
                gallery.add(name, new Gallery.Template(recognizer.look(pixels).get(0).feature,
                        "camera, front", "2026-11-30T12:00:00Z", null));
                return null;
            }

            @Override
            void done(Void nothing) {}
        });
        idle();
    }

    private List<Gallery.Person> people() {
        final List<Gallery.Person> people = new ArrayList<>();
        app.engine().run(new Engine.Task<Void>() {
            @Override
            Void run(Recognizer recognizer, Gallery gallery) {
                people.addAll(gallery.people());
                return null;
            }

            @Override
            void done(Void nothing) {}
        });
        return people;
    }

    /** Draws a screen into build/screenshots, to be looked at. */
    private static Bitmap drawn(Activity screen, String name) throws Exception {
        View view = screen.getWindow().getDecorView();
        Bitmap bitmap = Bitmap.createBitmap(view.getWidth(), view.getHeight(),
                Bitmap.Config.ARGB_8888);
        view.draw(new Canvas(bitmap));
        File folder = new File("../build/screenshots");
        folder.mkdirs();
        boolean night = (screen.getResources().getConfiguration().uiMode & 48) == 32;
        try (FileOutputStream out = new FileOutputStream(
                new File(folder, name + (night ? "_dark" : "_light") + ".png"))) {
            bitmap.compress(Bitmap.CompressFormat.PNG, 100, out);
        }
        return bitmap;
    }

    @Test
    public void enrolledPersonIsNamedAndStrangerIsNot() throws Exception {
        enrol("Ada", "person_0_0");
        MainActivity main = open(MainActivity.class).get();
        hold("person_0_1", 4);
        String seen = main.frameView().getContentDescription().toString();
        assertTrue(seen, seen.startsWith("Ada"));
        hold("nobody", 1);
        hold("person_19_0", 4);
        seen = main.frameView().getContentDescription().toString();
        assertTrue(seen, seen.startsWith("unknown"));
    }

    @Test
    public void cameraStopsWithTheScreenAndStartsAgain() throws Exception {
        ActivityController<MainActivity> main = open(MainActivity.class);
        assertTrue(app.camera.running);
        main.pause();
        assertFalse(app.camera.running);
        main.resume();
        idle();
        assertTrue(app.camera.running);
        main.pause().stop().destroy();
        assertFalse(app.camera.running);
    }

    @Test
    public void camerasThatFailAreSaidInWords() throws Exception {
        int[] words = {R.string.no_camera, R.string.camera_taken, R.string.camera_broken};
        for (FrameSource.Failure failure : FrameSource.Failure.values()) {
            TestApp.failure = failure;
            MainActivity main = open(MainActivity.class).get();
            assertEquals(main.getString(words[failure.ordinal()]), text(main, R.id.status));
            TestApp.failure = null;
            click(main, R.id.frame); // tries again
            assertEquals(main.getString(R.string.nobody_enrolled), text(main, R.id.status));
            app.camera.fail(FrameSource.Failure.TAKEN); // while it runs
            idle();
            assertEquals(main.getString(R.string.camera_taken), text(main, R.id.status));
            assertFalse(app.camera.running);
        }
    }

    @Test
    public void withoutPermissionTheScreenAsksAndSaysWhy() throws Exception {
        shadowOf(app).denyPermissions(Manifest.permission.CAMERA);
        MainActivity main = open(MainActivity.class).get();
        assertEquals(View.VISIBLE, main.findViewById(R.id.allow).getVisibility());
        assertEquals(main.getString(R.string.needs_camera), text(main, R.id.status));
        assertEquals(null, app.camera);
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
        main.onRequestPermissionsResult(1, new String[] {Manifest.permission.CAMERA},
                new int[] {0});
        idle();
        assertTrue(app.camera.running);
        assertEquals(View.GONE, main.findViewById(R.id.allow).getVisibility());
    }

    @Test
    public void templateOfEachPoseIsKeptAcrossRotationAndProcessDeath() throws Exception {
        ActivityController<EnrolActivity> enrol = open(EnrolActivity.class);
        ((EditText) enrol.get().findViewById(R.id.name)).setText("Ada");
        click(enrol.get(), R.id.start);
        String front = frontal();
        hold(front, 4);
        assertEquals(1, people().get(0).templates.size());
        assertEquals("camera, front", people().get(0).templates.get(0).source);
        assertEquals(enrol.get().getString(R.string.pose_left), text(enrol.get(), R.id.pose));
        enrol.recreate(); // as rotation does
        idle();
        assertEquals(enrol.get().getString(R.string.pose_left), text(enrol.get(), R.id.pose));
        Bundle saved = new Bundle();
        enrol.saveInstanceState(saved).pause().stop().destroy();
        enrol = Robolectric.buildActivity(EnrolActivity.class).setup(saved);
        idle();
        assertEquals("Ada", text(enrol.get(), R.id.name));
        assertEquals(enrol.get().getString(R.string.pose_left), text(enrol.get(), R.id.pose));
        hold(front, 4); // not turned: nothing is taken
        assertEquals(1, people().get(0).templates.size());
        assertTrue(text(enrol.get(), R.id.status).length() > 0);
    }

    /** A rendered picture that passes as one from the front. */
    private String frontal() throws Exception {
        for (JsonObject each : cases.of("faces")) {
            if (each.get("faces").asArray().size() == 1) {
                JsonObject face = each.get("faces").asArray().get(0).asObject();
                double[][] marks = Cases.points(face.get("landmarks"));
                tfsphereface.core.Pose.HeadTurn turn =
                        tfsphereface.core.Pose.HeadTurn.of(marks);
                tfsphereface.core.Face found = new tfsphereface.core.Face(
                        Cases.numbers(face.get("box")), face.getDouble("score", 0), marks,
                        face.getDouble("confidence", 0));
                Pixels crop = cases.picture(face.get("crop"));
                if (tfsphereface.core.Pose.FRONT.isOf(turn, 0)
                        && tfsphereface.core.Quality.measure(found, crop)
                        .reasonsAgainst(23.5, 0).isEmpty()) {
                    return each.getString("name", "");
                }
            }
        }
        throw new AssertionError("no frontal picture");
    }

    @Test
    public void badNameIsNotTaken() {
        EnrolActivity enrol = open(EnrolActivity.class).get();
        assertFalse(enrol.findViewById(R.id.start).isEnabled());
        EditText name = enrol.findViewById(R.id.name);
        name.setText("Ada\u202egpj");
        click(enrol, R.id.start);
        assertNotNull(name.getError());
        assertTrue(name.isEnabled());
    }

    @Test
    public void fullStorageSaysSoAndLosesNothing() throws Exception {
        enrol("Ada", "person_0_0");
        EnrolActivity enrol = open(EnrolActivity.class).get();
        ((EditText) enrol.findViewById(R.id.name)).setText("Bob");
        click(enrol, R.id.start);
        SQLiteStoreTest.limitPages(app);
        hold(frontal(), 4);
        assertEquals(enrol.getString(R.string.storage_full), text(enrol, R.id.pose));
        assertEquals(1, people().size());
        click(enrol, R.id.start); // the same pose again
        assertEquals(enrol.getString(R.string.pose_front), text(enrol, R.id.pose));
    }

    @Test
    public void peopleAreDeletedForGood() throws Exception {
        enrol("Ada", "person_0_0");
        enrol("Bob", "person_1_0");
        PeopleActivity screen = open(PeopleActivity.class).get();
        ViewGroup list = screen.findViewById(R.id.list);
        assertEquals(2, list.getChildCount());
        list.getChildAt(0).findViewById(R.id.delete).performClick();
        idle();
        AlertDialog question = ShadowAlertDialog.getLatestAlertDialog();
        question.getButton(AlertDialog.BUTTON_POSITIVE).performClick();
        idle();
        assertEquals(1, list.getChildCount());
        assertEquals("Bob", people().get(0).name);
        assertEquals(screen.getString(R.string.deleted), ShadowToast.getTextOfLatestToast());
    }

    @Test
    public void galleryGoesOutAndInByFile() throws Exception {
        enrol("Ada", "person_0_0");
        PeopleActivity screen = open(PeopleActivity.class).get();
        Uri file = Uri.parse("content://files/people.json");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        shadowOf(screen.getContentResolver()).registerOutputStream(file, out);
        click(screen, R.id.export_people);
        answer(screen, file);
        assertTrue(out.size() > 100);
        app.engine().run(new Engine.Task<Void>() {
            @Override
            Void run(Recognizer recognizer, Gallery gallery) {
                gallery.forget("Ada", null);
                return null;
            }

            @Override
            void done(Void nothing) {}
        });
        shadowOf(screen.getContentResolver()).registerInputStream(file,
                new ByteArrayInputStream(out.toByteArray()));
        click(screen, R.id.import_people);
        answer(screen, file);
        assertEquals(1, people().size());
        assertEquals("1 template imported.", ShadowToast.getTextOfLatestToast());
    }

    private static void answer(Activity screen, Uri file) {
        Intent asked = shadowOf(screen).getNextStartedActivityForResult().intent;
        shadowOf(screen).receiveResult(asked, Activity.RESULT_OK, new Intent().setData(file));
        idle();
    }

    @Test
    public void hostileFileIsRefusedInWords() throws Exception {
        PeopleActivity screen = open(PeopleActivity.class).get();
        Uri file = Uri.parse("content://files/people.json");
        String[] contents = {"", "[[[[", "{\"kind\": 1}"};
        for (String content : contents) {
            shadowOf(screen.getContentResolver()).registerInputStream(file,
                    new ByteArrayInputStream(content.getBytes(StandardCharsets.UTF_8)));
            click(screen, R.id.import_people);
            answer(screen, file);
            TextView message = ShadowAlertDialog.getLatestAlertDialog()
                    .findViewById(android.R.id.message);
            assertTrue(message.getText().toString(),
                    message.getText().toString().startsWith("The people cannot be read"));
            assertEquals(0, people().size());
        }
    }

    @Test
    public void failedSelfTestRecognisesNobody() throws Exception {
        TestApp.runtime = new OtherRuntime();
        MainActivity main = open(MainActivity.class).get();
        assertEquals(main.getString(R.string.self_test_failed), text(main, R.id.status));
        assertFalse(main.findViewById(R.id.enrol).isEnabled());
        assertEquals(null, app.camera); // not even started
        SelfTestActivity test = open(SelfTestActivity.class).get();
        ViewGroup rows = test.findViewById(R.id.rows);
        int differing = 0;
        for (int i = 0; i < rows.getChildCount(); i++) {
            TextView verdict = rows.getChildAt(i).findViewById(R.id.verdict);
            differing += verdict.getText().toString().equals("differs") ? 1 : 0;
        }
        assertEquals(4, differing);
        drawn(test, "self_test_failed");
        drawn(main, "main_failed");
    }

    @Test
    public void variantsHaveGalleriesOfTheirOwn() throws Exception {
        enrol("Ada", "person_0_0");
        SettingsActivity screen = open(SettingsActivity.class).get();
        RadioGroup variants = screen.findViewById(R.id.variants);
        assertTrue(((RadioButton) variants.getChildAt(0)).isChecked());
        variants.getChildAt(variants.getChildCount() - 1).performClick();
        idle();
        assertEquals(Engine.State.READY, app.engine().state());
        assertEquals(0, people().size());
        assertEquals(1, app.engine().others());
        RadioGroup fars = screen.findViewById(R.id.fars);
        fars.getChildAt(0).performClick();
        assertEquals(0.1, app.engine().far(), 0);
    }

    /** A runtime that computes other numbers, as an old one does of files it does not know. */
    private static final class OtherRuntime implements TFLiteRuntime {
        private final TFLiteRuntime real = new LiteRuntime();

        @Override
        public String version() {
            return real.version();
        }

        @Override
        public Network open(ByteBuffer model, int threads) {
            final boolean embedder = model.remaining() > 2_000_000;
            final Network network = real.open(model, threads);
            return new Network() {
                @Override
                public ByteBuffer[] run(ByteBuffer input, int[] shape) {
                    ByteBuffer[] outputs = network.run(input, shape);
                    for (int i = 0; embedder && i < outputs[0].remaining(); i += 8) {
                        outputs[0].putFloat(i, 0);
                    }
                    return outputs;
                }

                @Override
                public void close() {
                    network.close();
                }
            };
        }
    }

    @Test
    public void screensInLight() throws Exception {
        drawAll();
    }

    @Test
    @Config(qualifiers = "w412dp-h892dp-port-night-xxhdpi")
    public void screensInDark() throws Exception {
        drawAll();
    }

    private void drawAll() throws Exception {
        MainActivity main = open(MainActivity.class).get();
        drawn(main, "main_empty");
        enrol("Ada Lovelace", "person_0_0");
        enrol("Grace Hopper", "person_1_0");
        enrol("Grace Hopper", "person_1_1");
        main = open(MainActivity.class).get();
        hold("scene", 4);
        drawn(main, "main");
        EnrolActivity enrol = open(EnrolActivity.class).get();
        drawn(enrol, "enrol_name");
        ((EditText) enrol.findViewById(R.id.name)).setText("Emmy Noether");
        click(enrol, R.id.start);
        hold(frontal(), 1);
        drawn(enrol, "enrol");
        drawn(open(PeopleActivity.class).get(), "people");
        drawn(open(SettingsActivity.class).get(), "settings");
        drawn(open(SelfTestActivity.class).get(), "self_test");
        shadowOf(app).denyPermissions(Manifest.permission.CAMERA);
        drawn(open(MainActivity.class).get(), "main_permission");
        assertEveryViewHasWords(main);
    }

    /** What can be touched has words for TalkBack and 48 dp at least. */
    private static void assertEveryViewHasWords(Activity screen) {
        float density = screen.getResources().getDisplayMetrics().density;
        for (int id : new int[] {R.id.enrol, R.id.people, R.id.settings}) {
            Button button = screen.findViewById(id);
            assertTrue(button.getText().length() > 0);
            assertTrue(button.getHeight() >= 48 * density);
        }
        assertTrue(screen.findViewById(R.id.frame).getContentDescription().length() > 0);
    }
}
