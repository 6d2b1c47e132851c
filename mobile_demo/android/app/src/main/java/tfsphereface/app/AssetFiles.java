package tfsphereface.app;

import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import android.graphics.Bitmap;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import tfsphereface.core.bundle.Bundle;
import tfsphereface.core.pixels.Pixels;

/** The bundle in the app's assets; networks are mapped, since they are stored as they are. */
final class AssetFiles implements Bundle.Files {
    private final AssetManager assets;
    private final String folder;

    AssetFiles(AssetManager assets, String folder) {
        this.assets = assets;
        this.folder = folder;
    }

    @Override
    public InputStream open(String name) throws IOException {
        return assets.open(folder + "/" + name);
    }

    @Override
    public ByteBuffer map(String name) throws IOException {
        try (AssetFileDescriptor file = assets.openFd(folder + "/" + name);
                FileInputStream stream = new FileInputStream(file.getFileDescriptor())) {
            return stream.getChannel().map(FileChannel.MapMode.READ_ONLY, file.getStartOffset(),
                    file.getDeclaredLength());
        }
    }

    @Override
    public Pixels picture(String name) throws IOException {
        try (InputStream stream = open(name)) {
            Bitmap bitmap = Pictures.decoded(stream);
            if (bitmap == null) {
                throw new IOException("no picture: " + name);
            }
            return Pictures.pixels(bitmap);
        }
    }
}
