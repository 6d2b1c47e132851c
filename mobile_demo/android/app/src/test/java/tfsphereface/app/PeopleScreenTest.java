package tfsphereface.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Activity;
import android.app.AlertDialog;
import android.content.Intent;
import android.net.Uri;
import android.view.ViewGroup;
import android.widget.TextView;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import org.junit.Test;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadows.ShadowAlertDialog;
import org.robolectric.shadows.ShadowToast;
import tfsphereface.core.gallery.Gallery;
import tfsphereface.core.gallery.Recognizer;

/** The people of a gallery on their screen: deletion, export and import. */
public class PeopleScreenTest extends ScreenCase {
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
    public void importThatFailsAfterTheScreenIsGoneIsTold() throws Exception {
        ActivityController<PeopleActivity> opened = open(PeopleActivity.class);
        Uri file = Uri.parse("content://files/people.json");
        shadowOf(app.getContentResolver()).registerInputStream(file,
                new ByteArrayInputStream("[[[[".getBytes(StandardCharsets.UTF_8)));
        click(opened.get(), R.id.import_people);
        app.held = new ArrayDeque<>();
        answer(opened.get(), file);
        opened.pause().stop().destroy();
        app.work();
        idle();
        assertEquals(null, ShadowAlertDialog.getLatestAlertDialog()); // it has no window
        assertTrue(ShadowToast.getTextOfLatestToast().startsWith("The people cannot be read"));
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
}
