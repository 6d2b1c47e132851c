package tfsphereface.app;

import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import tfsphereface.core.gallery.Transfer;
import tfsphereface.core.pixels.Pixels;

/** Pixels of Android's pictures, and back. */
final class Pictures {
    static final Transfer.Decoder DECODER = new Transfer.Decoder() {
        @Override
        public Pixels decode(byte[] content) throws IOException {
            Bitmap bitmap = decoded(new ByteArrayInputStream(content));
            return bitmap == null ? null : pixels(bitmap);
        }
    };

    private Pictures() {}

    /** A picture whose numbers are those of the file; null if it is none. */
    static Bitmap decoded(InputStream stream) {
        BitmapFactory.Options options = new BitmapFactory.Options();
        options.inPreferredConfig = Bitmap.Config.ARGB_8888;
        options.inScaled = false;
        options.inPremultiplied = false;
        return BitmapFactory.decodeStream(stream, null, options);
    }

    static Pixels pixels(Bitmap bitmap) {
        int width = bitmap.getWidth();
        int height = bitmap.getHeight();
        int[] argb = new int[width * height];
        bitmap.getPixels(argb, 0, width, 0, 0, width, height);
        return Pixels.ofArgb(width, height, argb);
    }

    static Bitmap bitmap(Pixels pixels) {
        return Bitmap.createBitmap(pixels.toArgb(), pixels.width, pixels.height,
                Bitmap.Config.ARGB_8888);
    }
}
