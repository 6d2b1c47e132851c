package androidx.test.runner.intent;

/** As Stage. */
public interface IntentMonitor {}
