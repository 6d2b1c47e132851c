package tfsphereface.app;

import android.content.Intent;
import android.os.Bundle;
import android.view.View;
import java.util.Locale;
import java.util.Map;
import tfsphereface.core.gallery.Gallery;
import tfsphereface.core.gallery.Recognizer;

/** The first screen: the camera, and the names of the faces in it. */
public final class MainActivity extends CameraActivity {
    private int enrolled = -1; // not known yet

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.main);
        open(R.id.enrol, EnrolActivity.class);
        open(R.id.people, PeopleActivity.class);
        open(R.id.settings, SettingsActivity.class);
        findViewById(R.id.frame).setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                restartCamera();
            }
        });
    }

    private void open(int button, final Class<?> screen) {
        findViewById(button).setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                startActivity(new Intent(MainActivity.this, screen));
            }
        });
    }

    @Override
    public void onState(Engine changed) {
        boolean ready = changed.state() == Engine.State.READY;
        findViewById(R.id.enrol).setEnabled(ready);
        findViewById(R.id.people).setEnabled(ready);
        super.onState(changed);
        if (ready) {
            changed.run(new Engine.Task<Integer>() {
                @Override
                Integer run(Recognizer recognizer, Gallery gallery) {
                    return gallery.people().size();
                }

                @Override
                void done(Integer people) {
                    enrolled = people;
                    if (people == 0 && isCameraRunning()) {
                        say(getString(R.string.nobody_enrolled));
                    }
                }
            });
        }
    }

    @Override
    protected void onFaces(Engine.Frame frame) {
        if (enrolled == 0) {
            say(getString(R.string.nobody_enrolled));
        } else if (engine.fars().isEmpty()) {
            say(getString(R.string.no_threshold));
        } else {
            Map<String, Double> stages = frame.milliseconds;
            say(String.format(Locale.US, getString(R.string.milliseconds), stages.get("total"),
                    stages.get("resize") + stages.get("detect") + stages.get("consensus"),
                    stages.get("warp") + stages.get("embed")));
        }
    }
}
