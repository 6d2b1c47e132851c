package tfsphereface.core.pixels;

/** Size of aligned faces, and where the landmarks lie in them. */
public final class CropGeometry {
    public final int height;
    public final int width;
    /** Five x,y pixels. */
    public final double[][] template;
    public final boolean fitInPhoto;

    public CropGeometry(int height, int width, double[][] template, boolean fitInPhoto) {
        this.height = height;
        this.width = width;
        this.template = template;
        this.fitInPhoto = fitInPhoto;
    }
}
