package androidx.test.runner.lifecycle;

import android.app.Activity;

/** As Stage. */
public interface ActivityLifecycleMonitor {
    Stage getLifecycleStageOf(Activity activity);
}
