package tfsphereface.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;

import android.os.Bundle;
import android.widget.EditText;
import java.util.ArrayDeque;
import org.junit.Test;
import org.robolectric.Robolectric;
import org.robolectric.android.controller.ActivityController;
import tfsphereface.core.gallery.Pose;

/** Guided enrolment: turned phones, killed processes, other names and networks on the way. */
public class EnrolmentTest extends ScreenCase {
    @Test
    public void templateOfEachPoseIsKeptAcrossRotationAndProcessDeath() throws Exception {
        ActivityController<EnrolActivity> enrol = open(EnrolActivity.class);
        ((EditText) enrol.get().findViewById(R.id.name)).setText("Ada");
        click(enrol.get(), R.id.start);
        String front = posing(Pose.FRONT, null);
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
        hold(posing(Pose.FRONT, null), 4);
        assertEquals(enrol.getString(R.string.storage_full), text(enrol, R.id.pose));
        assertEquals(1, people().size());
        click(enrol, R.id.start); // the same pose again
        assertEquals(enrol.getString(R.string.pose_front), text(enrol, R.id.pose));
    }

    private ActivityController<EnrolActivity> started(String name) {
        ActivityController<EnrolActivity> enrol = open(EnrolActivity.class);
        type(enrol.get(), name);
        click(enrol.get(), R.id.start);
        return enrol;
    }

    private static void type(EnrolActivity enrol, String name) {
        ((EditText) enrol.findViewById(R.id.name)).setText(name);
    }

    @Test
    public void templateThatIsSavedWhileThePhoneTurnsIsTakenOnce() throws Exception {
        ActivityController<EnrolActivity> enrol = started("Ada");
        hold(posing(Pose.FRONT, null), 2);
        app.held = new ArrayDeque<>();
        hold(posing(Pose.FRONT, null), 1);
        app.work(); // looks
        idle();
        assertFalse(enrol.get().findViewById(R.id.skip).isEnabled()); // this pose is taken
        enrol.recreate();
        app.work(); // saves, and opens nothing else
        idle();
        app.held = null;
        assertEquals(enrol.get().getString(R.string.pose_left), text(enrol.get(), R.id.pose));
        assertTrue(enrol.get().findViewById(R.id.skip).isEnabled());
        hold(posing(Pose.FRONT, null), 4);
        assertEquals(1, people().get(0).templates.size());
    }

    @Test
    public void anotherNameBeginsWithTheFirstPose() throws Exception {
        EnrolActivity enrol = started("Ada").get();
        String front = posing(Pose.FRONT, null);
        hold(front, 4);
        hold(posing(Pose.LEFT, front), 4); // somebody else steps in
        assertEquals(enrol.getString(R.string.unlike, "Ada"), text(enrol, R.id.pose));
        click(enrol, R.id.start); // goes on with Ada
        assertEquals(enrol.getString(R.string.pose_left), text(enrol, R.id.pose));
        hold(posing(Pose.LEFT, front), 4);
        type(enrol, "Bob");
        click(enrol, R.id.start);
        assertEquals(enrol.getString(R.string.pose_front), text(enrol, R.id.pose));
        assertEquals(1, people().size());
        assertEquals(1, people().get(0).templates.size());
    }

    @Test
    public void anotherNetworkBeginsAnewAndMixesNoGalleries() throws Exception {
        EnrolActivity enrol = started("Ada").get();
        hold(posing(Pose.FRONT, null), 4);
        assertEquals(1, people().get(0).templates.size());
        app.engine().settings.setVariant("int8");
        app.engine().open();
        idle();
        assertEquals(enrol.getString(R.string.other_network), text(enrol, R.id.pose));
        hold(posing(Pose.FRONT, null), 4);
        assertEquals(0, people().size());
        click(enrol, R.id.start);
        assertEquals(enrol.getString(R.string.pose_front), text(enrol, R.id.pose));
        hold(posing(Pose.FRONT, null), 4);
        assertEquals("camera, front", people().get(0).templates.get(0).source);
    }

    @Test
    public void faceThatOtherNetworksSawIsNotSaved() throws Exception {
        EnrolActivity enrol = started("Ada").get();
        hold(posing(Pose.FRONT, null), 2);
        app.held = new ArrayDeque<>();
        hold(posing(Pose.FRONT, null), 1);
        app.engine().settings.setVariant("int8");
        app.engine().open(); // behind the look, before the template
        app.work();
        idle();
        app.work();
        idle();
        app.held = null;
        assertEquals(0, people().size());
        assertEquals(enrol.getString(R.string.other_network), text(enrol, R.id.pose));
    }
}
