package tfsphereface.app;

import android.os.Bundle;
import android.text.Editable;
import android.text.TextWatcher;
import android.view.View;
import android.widget.Button;
import android.widget.EditText;
import android.widget.ProgressBar;
import android.widget.TextView;
import java.util.ArrayList;
import java.util.List;
import tfsphereface.core.BadInput;
import tfsphereface.core.detection.Face;
import tfsphereface.core.gallery.Pose;
import tfsphereface.core.gallery.Quality;
import tfsphereface.core.gallery.Recognizer;

/** Guided enrolment: a name, then five poses. */
public final class EnrolActivity extends CameraActivity implements Enrolment.Listener {
    private Enrolment enrolment;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.enrol);
        frameView().showBoxesOnly(); // whom the gallery takes it for would confuse
        Object kept = getLastNonConfigurationInstance();
        enrolment = kept != null ? (Enrolment) kept
                : saved != null ? Enrolment.restored(saved) : new Enrolment();
        enrolment.listen(this);
        final EditText field = findViewById(R.id.name);
        field.addTextChangedListener(new TextWatcher() {
            @Override
            public void beforeTextChanged(CharSequence text, int start, int count, int after) {}

            @Override
            public void onTextChanged(CharSequence text, int start, int before, int count) {}

            @Override
            public void afterTextChanged(Editable text) {
                field.setError(null);
                onChange();
            }
        });
        findViewById(R.id.start).setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                startOrFinish();
            }
        });
        findViewById(R.id.skip).setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                enrolment.next();
            }
        });
        onChange();
    }

    @Override
    public Object onRetainNonConfigurationInstance() {
        return enrolment;
    }

    @Override
    protected void onSaveInstanceState(Bundle saved) {
        super.onSaveInstanceState(saved); // the name that is typed, too
        enrolment.save(saved);
    }

    @Override
    public void onState(Engine changed) {
        super.onState(changed);
        if (changed.state() == Engine.State.READY) {
            enrolment.use(features());
        }
    }

    private String features() {
        return engine.contract().identity(engine.variant().name).features;
    }

    private String name() {
        return ((EditText) findViewById(R.id.name)).getText().toString().trim();
    }

    private void startOrFinish() {
        if (enrolment.isStarted()) {
            finish();
            return;
        }
        if (engine.state() != Engine.State.READY) {
            return;
        }
        try {
            enrolment.start(name(), features());
        } catch (BadInput error) {
            EditText field = findViewById(R.id.name);
            field.setError(getString(R.string.bad_name_hint));
            field.requestFocus();
            return;
        }
        onChange();
    }

    @Override
    public void onChange() {
        boolean started = enrolment.isStarted();
        findViewById(R.id.name).setEnabled(!started);
        Button start = findViewById(R.id.start);
        start.setEnabled(!name().isEmpty());
        start.setText(!started ? R.string.start : R.string.finish);
        View skip = findViewById(R.id.skip);
        skip.setVisibility(started && !enrolment.isDone() ? View.VISIBLE : View.GONE);
        skip.setEnabled(enrolment.isAsking());
        ProgressBar progress = findViewById(R.id.progress);
        progress.setMax(Pose.values().length);
        progress.setProgress(enrolment.past());
        TextView asked = findViewById(R.id.pose);
        asked.setText(!started ? getString(R.string.enrol_how)
                : enrolment.isDone() ? getString(R.string.enrolled, enrolment.person())
                        : getString(Words.of(enrolment.pose())));
    }

    /** Waits for the button, so that what went wrong can be read. */
    @Override
    public void onStop(Enrolment.Stop why, BadInput error) {
        onChange();
        ((TextView) findViewById(R.id.pose)).setText(
                why == Enrolment.Stop.UNLIKE ? getString(R.string.unlike, enrolment.person())
                        : why == Enrolment.Stop.OTHER_NETWORK ? getString(R.string.other_network)
                                : Words.of(getResources(), error));
    }

    @Override
    protected void onFaces(Engine.Frame frame) {
        if (!enrolment.isAsking()) {
            say("");
            return;
        }
        if (frame.faces.isEmpty()) {
            enrolment.interrupted();
            say(getString(R.string.no_face));
            return;
        }
        Recognizer.Seen seen = frame.faces.get(0); // the nearest to the middle
        Pose.HeadTurn turn = Pose.HeadTurn.of(seen.face.landmarks);
        List<Quality.Reason> reasons = reasons(frame, seen);
        if (!reasons.isEmpty()) {
            enrolment.interrupted();
            say(Words.of(getResources(), reasons));
        } else if (!enrolment.isHeld(turn)) {
            enrolment.interrupted();
            say(getString(R.string.not_yet, getString(Words.of(enrolment.pose()))));
        } else if (!enrolment.isSteady()) {
            say(getString(R.string.hold_still));
        } else {
            enrolment.take(engine, frame, seen, turn);
        }
    }

    private List<Quality.Reason> reasons(Engine.Frame frame, Recognizer.Seen seen) {
        List<Face> faces = new ArrayList<>();
        for (Recognizer.Seen each : frame.faces) {
            faces.add(each.face);
        }
        List<Quality.Reason> reasons = Quality.measure(seen.face, seen.crop).reasonsAgainst(
                Quality.neededEyes(engine.contract().crop), Quality.rival(seen.face, faces));
        if (enrolment.pose() == Pose.LEFT || enrolment.pose() == Pose.RIGHT) {
            reasons.remove(Quality.Reason.TURNED); // it was asked for
        }
        return reasons;
    }
}
