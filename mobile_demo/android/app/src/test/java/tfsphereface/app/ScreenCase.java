package tfsphereface.app;

import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeNotNull;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.app.Activity;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.os.Looper;
import android.view.View;
import android.widget.TextView;
import com.eclipsesource.json.JsonObject;
import java.io.File;
import java.io.FileOutputStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.After;
import org.junit.Before;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import tfsphereface.core.Cases;
import tfsphereface.core.detection.Face;
import tfsphereface.core.gallery.Gallery;
import tfsphereface.core.gallery.Pose;
import tfsphereface.core.gallery.Quality;
import tfsphereface.core.gallery.Recognizer;
import tfsphereface.core.pixels.Pixels;

/** The screens, with the real networks and a camera that shows rendered people. */
@RunWith(RobolectricTestRunner.class)
abstract class ScreenCase {
    protected TestApp app;
    protected Cases cases;

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
        if (app != null) { // null: there is no bundle
            app.held = null;
            app.engine().close(); // Android ends the process instead
        }
    }

    protected static void idle() {
        shadowOf(Looper.getMainLooper()).idle();
    }

    protected Pixels photo(String name) throws Exception {
        for (JsonObject each : cases.of("faces")) {
            if (each.getString("name", "").equals(name)) {
                return cases.picture(each.get("photo"));
            }
        }
        throw new AssertionError(name);
    }

    protected void hold(String photo, int frames) throws Exception {
        for (int i = 0; i < frames; i++) {
            app.camera.show(photo(photo));
            idle();
        }
    }

    protected static <A extends Activity> ActivityController<A> open(Class<A> screen) {
        ActivityController<A> opened = Robolectric.buildActivity(screen).setup();
        idle();
        return opened;
    }

    protected static String text(Activity screen, int id) {
        return ((TextView) screen.findViewById(id)).getText().toString();
    }

    protected static void click(Activity screen, int id) {
        assertTrue(screen.findViewById(id).performClick());
        idle();
    }

    protected void enrol(final String name, final String photo) throws Exception {
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

    protected List<Gallery.Person> people() {
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
    protected static Bitmap drawn(Activity screen, String name) throws Exception {
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

    /** A picture in which a person holds a pose; of anybody but whom another one shows. */
    protected String posing(Pose pose, String but) throws Exception {
        for (JsonObject each : cases.of("faces")) {
            String name = each.getString("name", "");
            boolean other = but == null || !but.startsWith(name.replaceAll("\\d+$", ""));
            if (other && each.get("faces").asArray().size() == 1) {
                JsonObject face = each.get("faces").asArray().get(0).asObject();
                double[][] marks = Cases.points(face.get("landmarks"));
                Face found = new Face(
                        Cases.numbers(face.get("box")), face.getDouble("score", 0), marks,
                        face.getDouble("confidence", 0));
                List<Quality.Reason> reasons = Quality.measure(found,
                        cases.picture(face.get("crop"))).reasonsAgainst(23.5, 0);
                if (pose != Pose.FRONT) {
                    reasons.remove(Quality.Reason.TURNED);
                }
                if (reasons.isEmpty() && pose.isOf(Pose.HeadTurn.of(marks), 0)) {
                    return name;
                }
            }
        }
        throw new AssertionError("no picture of " + pose);
    }
}
