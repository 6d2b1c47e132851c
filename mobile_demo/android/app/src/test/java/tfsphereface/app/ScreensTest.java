package tfsphereface.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.app.Activity;
import android.graphics.Bitmap;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.EditText;
import android.widget.RadioButton;
import android.widget.RadioGroup;
import android.widget.ScrollView;
import android.widget.TextView;
import org.junit.Test;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import tfsphereface.core.gallery.Pose;
import tfsphereface.core.runtimes.OtherRuntime;

/** Camera, settings and self-test on the screens, and their looks. */
public class ScreensTest extends ScreenCase {
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

    @Test
    public void labelsStayInThePictureHoweverLong() throws Exception {
        StringBuilder name = new StringBuilder("Ada");
        while (name.length() < 200) {
            name.append(" Lovelace".charAt(name.length() % 9));
        }
        enrol(name.toString().trim(), "person_0_0");
        MainActivity main = open(MainActivity.class).get();
        hold("scene", 4);
        Bitmap drawn = drawn(main, "main_long_name");
        for (int y = 0; y < drawn.getHeight(); y++) {
            for (int x : new int[] {0, drawn.getWidth() - 1}) {
                assertNotEquals(main.getColor(R.color.known), drawn.getPixel(x, y));
                assertNotEquals(main.getColor(R.color.unknown), drawn.getPixel(x, y));
            }
        }
    }

    @Test
    @Config(qualifiers = "w892dp-h412dp-land-notnight-xxhdpi")
    public void cameraHasRoomInLandscape() throws Exception {
        EnrolActivity enrol = open(EnrolActivity.class).get();
        ((EditText) enrol.findViewById(R.id.name)).setText("Emmy Noether");
        click(enrol, R.id.start);
        hold(posing(Pose.FRONT, null), 1);
        drawn(enrol, "enrol_landscape");
        int screen = enrol.getWindow().getDecorView().getHeight();
        assertTrue(enrol.frameView().getHeight() > 0.6 * screen);
        MainActivity main = open(MainActivity.class).get();
        hold("scene", 4);
        drawn(main, "main_landscape");
        assertTrue(main.frameView().getHeight() > 0.6 * screen);
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
        hold(posing(Pose.FRONT, null), 1);
        drawn(enrol, "enrol");
        drawn(open(PeopleActivity.class).get(), "people");
        SettingsActivity settings = open(SettingsActivity.class).get();
        drawn(settings, "settings");
        ((ScrollView) settings.findViewById(R.id.scroll)).fullScroll(View.FOCUS_DOWN);
        idle();
        drawn(settings, "settings_end");
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
