package tfsphereface.app;

import android.content.res.Resources;
import java.util.List;
import java.util.Locale;
import tfsphereface.core.BadInput;
import tfsphereface.core.gallery.Decision;
import tfsphereface.core.gallery.Pose;
import tfsphereface.core.gallery.Quality;

/** Texts of what the core says in codes. */
final class Words {
    private Words() {}

    static String of(Resources resources, Engine.Label label) {
        String score = label.score == null ? "" : String.format(Locale.US, "  %.2f", label.score);
        if (label.decision == Decision.KNOWN) {
            return label.name + score;
        }
        if (label.decision == Decision.UNKNOWN) {
            return resources.getString(R.string.unknown) + score;
        }
        return label.decision == null ? resources.getString(R.string.looking)
                : resources.getString(R.string.not_sure) + score;
    }

    static String of(Resources resources, Engine engine) {
        if (engine.state() == Engine.State.LOADING) {
            return resources.getString(R.string.loading);
        }
        return engine.state() == Engine.State.READY ? "" : of(resources, engine.refusal());
    }

    static String of(Resources resources, BadInput error) {
        switch (error.kind) {
            case BUNDLE_DAMAGED:
                return resources.getString(R.string.bundle_damaged, error.getMessage());
            case BUNDLE_NEWER:
                return resources.getString(R.string.bundle_newer, error.getMessage());
            case BUNDLE_UNFIT:
                return resources.getString(R.string.bundle_unfit, error.getMessage());
            case SELF_TEST:
                return resources.getString(R.string.self_test_failed);
            case GALLERY_DAMAGED:
                return resources.getString(R.string.gallery_damaged, error.getMessage());
            case GALLERY_FOREIGN:
                return resources.getString(R.string.gallery_foreign);
            case STORAGE:
                return resources.getString(R.string.storage_full);
            case NAME:
                return resources.getString(R.string.bad_name, error.getMessage());
            default:
                return error.getMessage();
        }
    }

    static String of(Resources resources, FrameSource.Failure failure) {
        switch (failure) {
            case NO_CAMERA:
                return resources.getString(R.string.no_camera);
            case TAKEN:
                return resources.getString(R.string.camera_taken);
            default:
                return resources.getString(R.string.camera_broken);
        }
    }

    static String of(Resources resources, List<Quality.Reason> reasons) {
        StringBuilder words = new StringBuilder();
        for (Quality.Reason reason : reasons) {
            words.append(words.length() == 0 ? "" : "\n");
            words.append(resources.getString(id(reason)));
        }
        return words.toString();
    }

    private static int id(Quality.Reason reason) {
        switch (reason) {
            case TOO_SMALL:
                return R.string.too_small;
            case TOO_DARK:
                return R.string.too_dark;
            case TOO_BRIGHT:
                return R.string.too_bright;
            case LOW_CONTRAST:
                return R.string.low_contrast;
            case BLURRED:
                return R.string.blurred;
            case TURNED:
                return R.string.turned;
            case HARDLY_A_FACE:
                return R.string.hardly_a_face;
            case UNCERTAIN_LANDMARKS:
                return R.string.uncertain_landmarks;
            default:
                return R.string.two_people;
        }
    }

    static int of(Pose pose) {
        switch (pose) {
            case FRONT:
                return R.string.pose_front;
            case LEFT:
                return R.string.pose_left;
            case RIGHT:
                return R.string.pose_right;
            case UP:
                return R.string.pose_up;
            default:
                return R.string.pose_down;
        }
    }

    /** A rate such as "1 in 1,000". */
    static String far(Resources resources, double far) {
        return resources.getString(R.string.one_in, Math.round(1 / far));
    }
}
