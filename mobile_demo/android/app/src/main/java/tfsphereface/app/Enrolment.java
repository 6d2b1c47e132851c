package tfsphereface.app;

import android.os.Bundle;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.Locale;
import java.util.TimeZone;
import tfsphereface.core.BadInput;
import tfsphereface.core.gallery.Gallery;
import tfsphereface.core.gallery.Pose;
import tfsphereface.core.gallery.Quality;
import tfsphereface.core.gallery.Recognizer;

/**
 * The poses of one person in one gallery. It outlives a screen that is turned, and with it the
 * template that is being saved; each template is on the disk before the next pose is asked for.
 */
final class Enrolment {
    private static final int STEADY_FRAMES = 3; // in a row, in which the pose is held

    /** Why the poses stopped. */
    enum Stop { UNLIKE, OTHER_NETWORK, FAILED }

    /** The screen that shows it now. */
    interface Listener {
        void onChange();

        void onStop(Stop why, BadInput error);
    }

    /** What became of a template. */
    private enum Saved { TAKEN, UNLIKE, OTHER_NETWORK }

    private Listener listener;
    private String person = "";
    private String features = ""; // of the gallery that the poses go to
    private boolean started;
    private int pose;
    private double frontPitch;
    private int steady;
    private boolean saving;

    void listen(Listener newListener) {
        listener = newListener;
    }

    /** Writes what a killed process needs to go on. */
    void save(Bundle to) {
        to.putString("person", person);
        to.putString("features", features);
        to.putBoolean("started", started);
        to.putInt("pose", pose);
        to.putDouble("front_pitch", frontPitch);
    }

    static Enrolment restored(Bundle saved) {
        Enrolment enrolment = new Enrolment();
        enrolment.person = saved.getString("person", "");
        enrolment.features = saved.getString("features", "");
        enrolment.started = saved.getBoolean("started");
        enrolment.pose = saved.getInt("pose");
        enrolment.frontPitch = saved.getDouble("front_pitch");
        return enrolment;
    }

    /**
     * Starts, or goes on with the pose that was asked for last; another person, or another
     * gallery, begins with the first pose.
     *
     * @param inGallery checksum of its features
     * @throws BadInput if the name is none
     */
    void start(String name, String inGallery) {
        Gallery.requireName(name);
        if (!Gallery.key(name).equals(Gallery.key(person)) || !inGallery.equals(features)) {
            pose = 0;
            frontPitch = 0;
        }
        person = name;
        features = inGallery;
        steady = 0;
        started = true;
    }

    /** The networks in use; poses for the gallery of others stop. */
    void use(String inGallery) {
        if (started && !isDone() && !inGallery.equals(features)) {
            stop(Stop.OTHER_NETWORK, null);
        }
    }

    String person() {
        return person;
    }

    boolean isStarted() {
        return started;
    }

    /** Whether a pose is asked for, and none is being saved. */
    boolean isAsking() {
        return started && !isDone() && !saving;
    }

    boolean isDone() {
        return pose >= Pose.values().length;
    }

    /** Number of poses that were taken or passed over. */
    int past() {
        return pose;
    }

    Pose pose() {
        return Pose.values()[pose];
    }

    boolean isHeld(Pose.HeadTurn turn) {
        return pose().isOf(turn, frontPitch);
    }

    void next() {
        pose++;
        steady = 0;
        listener.onChange();
    }

    void interrupted() {
        steady = 0;
    }

    /** Counts a frame in which the pose is held; true once they are enough. */
    boolean isSteady() {
        return ++steady >= STEADY_FRAMES;
    }

    private void stop(Stop why, BadInput error) {
        started = false;
        steady = 0;
        listener.onStop(why, error);
    }

    /** Adds a face to the gallery whose networks have seen it; then asks for the next pose. */
    void take(Engine engine, final Engine.Frame frame, final Recognizer.Seen seen,
            final Pose.HeadTurn turn) {
        saving = true;
        listener.onChange();
        final Pose taken = pose();
        engine.run(new Engine.Task<Saved>() {
            @Override
            Saved run(Recognizer recognizer, Gallery gallery) {
                if (recognizer != frame.seenBy) {
                    return Saved.OTHER_NETWORK;
                }
                if (recognizer.isUnlike(gallery, person, seen)) {
                    return Saved.UNLIKE;
                }
                gallery.add(person, new Gallery.Template(seen.feature,
                        "camera, " + taken.name().toLowerCase(Locale.ROOT), now(),
                        Quality.measure(seen.face, seen.crop)));
                return Saved.TAKEN;
            }

            @Override
            void done(Saved saved) {
                saving = false;
                if (saved == Saved.TAKEN) {
                    frontPitch = taken == Pose.FRONT ? turn.pitch : frontPitch;
                    next();
                } else {
                    stop(saved == Saved.UNLIKE ? Stop.UNLIKE : Stop.OTHER_NETWORK, null);
                }
            }

            @Override
            void failed(BadInput error) {
                saving = false;
                stop(Stop.FAILED, error);
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
