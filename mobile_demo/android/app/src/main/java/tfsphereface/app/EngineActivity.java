package tfsphereface.app;

import android.app.Activity;
import android.os.Bundle;
import android.view.View;
import android.widget.TextView;

/** A screen that hears of the engine while it is shown, and has a line for its state. */
abstract class EngineActivity extends Activity implements Engine.Listener {
    protected Engine engine;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        engine = ((FaceApp) getApplication()).engine();
    }

    @Override
    protected void onResume() {
        super.onResume();
        engine.listen(this);
    }

    @Override
    protected void onPause() {
        engine.ignore(this);
        super.onPause();
    }

    protected final void say(String words) {
        TextView status = findViewById(R.id.status);
        if (!status.getText().toString().equals(words)) {
            status.setText(words); // TalkBack reads it when it changes
        }
        status.setVisibility(words.isEmpty() ? View.GONE : View.VISIBLE);
    }
}
