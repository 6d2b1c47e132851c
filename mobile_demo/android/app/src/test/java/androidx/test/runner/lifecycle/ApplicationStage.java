package androidx.test.runner.lifecycle;

/** As Stage. */
public enum ApplicationStage { PRE_ON_CREATE, CREATED }
