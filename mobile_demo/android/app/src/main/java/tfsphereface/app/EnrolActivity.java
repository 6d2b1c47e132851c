package tfsphereface.app;

import android.os.Bundle;
import android.text.Editable;
import android.text.TextWatcher;
import android.view.View;
import android.widget.Button;
import android.widget.EditText;
import android.widget.ProgressBar;
import android.widget.TextView;
import java.text.SimpleDateFormat;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.TimeZone;
import tfsphereface.core.BadInput;
import tfsphereface.core.detection.Face;
import tfsphereface.core.gallery.Gallery;
import tfsphereface.core.gallery.Pose;
import tfsphereface.core.gallery.Quality;
import tfsphereface.core.gallery.Recognizer;

/**
 * Guided enrolment: a name, then five poses. Each template is on the disk before the next pose
 * is asked for, so that neither a turned phone nor a killed process loses one.
 */
public final class EnrolActivity extends CameraActivity {
    private static final int STEADY_FRAMES = 3; // in a row, in which the pose is held

    private String name = "";
    private boolean started;
    private int pose;
    private double frontPitch;
    private int steady;
    private boolean saving;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.enrol);
        frameView().showBoxesOnly(); // whom the gallery takes it for would confuse
        if (saved != null) {
            name = saved.getString("name", "");
            started = saved.getBoolean("started");
            pose = saved.getInt("pose");
            frontPitch = saved.getDouble("front_pitch");
        }
        final EditText field = findViewById(R.id.name);
        field.setText(name);
        field.addTextChangedListener(new TextWatcher() {
            @Override
            public void beforeTextChanged(CharSequence text, int start, int count, int after) {}

            @Override
            public void onTextChanged(CharSequence text, int start, int before, int count) {}

            @Override
            public void afterTextChanged(Editable text) {
                name = text.toString().trim();
                field.setError(null);
                show();
            }
        });
        findViewById(R.id.start).setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                startOrStop();
            }
        });
        findViewById(R.id.skip).setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                next();
            }
        });
        show();
    }

    @Override
    protected void onSaveInstanceState(Bundle saved) {
        super.onSaveInstanceState(saved);
        saved.putString("name", name);
        saved.putBoolean("started", started);
        saved.putInt("pose", pose);
        saved.putDouble("front_pitch", frontPitch);
    }

    private void startOrStop() {
        if (started) {
            finish();
            return;
        }
        try {
            Gallery.requireName(name);
        } catch (BadInput error) {
            EditText field = findViewById(R.id.name);
            field.setError(getString(R.string.bad_name_hint));
            field.requestFocus();
            return;
        }
        started = true;
        show();
    }

    private boolean isDone() {
        return pose >= Pose.values().length;
    }

    private void next() {
        pose++;
        steady = 0;
        show();
    }

    private void show() {
        findViewById(R.id.name).setEnabled(!started);
        Button start = findViewById(R.id.start);
        start.setEnabled(!name.isEmpty());
        start.setText(!started ? R.string.start : R.string.finish);
        findViewById(R.id.skip).setVisibility(
                started && !isDone() ? View.VISIBLE : View.GONE);
        ProgressBar progress = findViewById(R.id.progress);
        progress.setMax(Pose.values().length);
        progress.setProgress(pose);
        TextView asked = findViewById(R.id.pose);
        asked.setText(!started ? getString(R.string.enrol_how)
                : isDone() ? getString(R.string.enrolled, name)
                        : getString(Words.of(Pose.values()[pose])));
    }

    @Override
    protected void onFaces(Engine.Frame frame) {
        if (!started || isDone() || saving) {
            say("");
            return;
        }
        if (frame.faces.isEmpty()) {
            steady = 0;
            say(getString(R.string.no_face));
            return;
        }
        Recognizer.Seen seen = frame.faces.get(0); // the nearest to the middle
        Pose wanted = Pose.values()[pose];
        Pose.HeadTurn turn = Pose.HeadTurn.of(seen.face.landmarks);
        List<Quality.Reason> reasons = reasons(frame, seen, wanted);
        if (!reasons.isEmpty()) {
            steady = 0;
            say(Words.of(getResources(), reasons));
        } else if (!wanted.isOf(turn, frontPitch)) {
            steady = 0;
            say(getString(R.string.not_yet, getString(Words.of(wanted))));
        } else if (++steady < STEADY_FRAMES) {
            say(getString(R.string.hold_still));
        } else {
            save(seen, wanted, turn);
        }
    }

    private List<Quality.Reason> reasons(Engine.Frame frame, Recognizer.Seen seen, Pose wanted) {
        List<Face> faces = new ArrayList<>();
        for (Recognizer.Seen each : frame.faces) {
            faces.add(each.face);
        }
        List<Quality.Reason> reasons = Quality.measure(seen.face, seen.crop).reasonsAgainst(
                Quality.neededEyes(engine.contract().crop), Quality.rival(seen.face, faces));
        if (wanted == Pose.LEFT || wanted == Pose.RIGHT) {
            reasons.remove(Quality.Reason.TURNED); // it was asked for
        }
        return reasons;
    }

    /** Waits for the button, so that what went wrong can be read. */
    private void pause(String words) {
        started = false;
        steady = 0;
        show();
        ((TextView) findViewById(R.id.pose)).setText(words);
    }

    private void save(final Recognizer.Seen seen, final Pose wanted, final Pose.HeadTurn turn) {
        saving = true;
        final String person = name;
        engine.run(new Engine.Task<Boolean>() {
            @Override
            Boolean run(Recognizer recognizer, Gallery gallery) {
                if (recognizer.isUnlike(gallery, person, seen)) {
                    return false;
                }
                gallery.add(person, new Gallery.Template(seen.feature,
                        "camera, " + wanted.name().toLowerCase(Locale.ROOT), now(),
                        Quality.measure(seen.face, seen.crop)));
                return true;
            }

            @Override
            void done(Boolean taken) {
                saving = false;
                if (taken) {
                    frontPitch = wanted == Pose.FRONT ? turn.pitch : frontPitch;
                    next();
                } else {
                    pause(getString(R.string.unlike, person));
                }
            }

            @Override
            void failed(BadInput error) {
                saving = false;
                pause(Words.of(getResources(), error));
            }
        });
    }

    /** The time, UTC, as templates have it. */
    private static String now() {
        SimpleDateFormat format = new SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.US);
        format.setTimeZone(TimeZone.getTimeZone("UTC"));
        return format.format(new Date());
    }
}
