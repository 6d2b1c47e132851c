package tfsphereface.app;

import android.content.Context;
import android.content.SharedPreferences;

/** What the user chose; kept at once. */
final class Settings {
    static final double FAR = 0.01;
    static final int SMALLEST_FACE = 60; // pixels of a camera picture of 640 x 480

    private final SharedPreferences kept;

    Settings(Context context) {
        kept = context.getSharedPreferences("settings", Context.MODE_PRIVATE);
    }

    /** Name of the variant; null for the bundle's default. */
    String variant() {
        return kept.getString("variant", null);
    }

    double far() {
        return Double.parseDouble(kept.getString("far", String.valueOf(FAR)));
    }

    int smallestFace() {
        return kept.getInt("smallest_face", SMALLEST_FACE);
    }

    int threads() {
        return kept.getInt("threads", Math.min(4, Runtime.getRuntime().availableProcessors()));
    }

    boolean frontCamera() {
        return kept.getBoolean("front_camera", true);
    }

    void setVariant(String variant) {
        kept.edit().putString("variant", variant).apply();
    }

    void setFar(double far) {
        kept.edit().putString("far", String.valueOf(far)).apply();
    }

    void setSmallestFace(int pixels) {
        kept.edit().putInt("smallest_face", pixels).apply();
    }

    void setThreads(int threads) {
        kept.edit().putInt("threads", threads).apply();
    }

    void setFrontCamera(boolean front) {
        kept.edit().putBoolean("front_camera", front).apply();
    }
}
