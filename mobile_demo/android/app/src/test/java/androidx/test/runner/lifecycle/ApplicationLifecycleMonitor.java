package androidx.test.runner.lifecycle;

/** As Stage. */
public interface ApplicationLifecycleMonitor {}
