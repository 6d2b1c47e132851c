package androidx.test.runner.lifecycle;

/** Name of a class on Google's Maven; what Robolectric calls of it. */
public enum Stage {
    PRE_ON_CREATE, CREATED, STARTED, RESUMED, PAUSED, STOPPED, RESTARTED, DESTROYED
}
