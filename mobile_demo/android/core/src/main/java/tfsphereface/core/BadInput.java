package tfsphereface.core;

/** An error that the user can mend, in one line. */
public class BadInput extends RuntimeException {
    /** Why, for those who say it in their own words. */
    public enum Kind {
        BUNDLE_DAMAGED, BUNDLE_NEWER, BUNDLE_UNFIT, SELF_TEST, GALLERY_DAMAGED, GALLERY_FOREIGN,
        NAME, STORAGE, OTHER
    }

    private static final long serialVersionUID = 1;
    public final Kind kind;

    public BadInput(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public BadInput(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }
}
