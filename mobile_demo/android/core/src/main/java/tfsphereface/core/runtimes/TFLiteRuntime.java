package tfsphereface.core.runtimes;

import java.io.Closeable;
import java.nio.ByteBuffer;

/** A runtime of TFLite files: that of the phone, or that of the tests. */
public interface TFLiteRuntime {
    /** Version of the runtime, such as "2.16.1": contracts name the oldest for a file. */
    String version();

    /**
     * Opens a network.
     *
     * @param model content of the file, a direct buffer, which must not change
     * @param threads CPU threads
     * @throws BadInput if the runtime refuses the file
     */
    Network open(ByteBuffer model, int threads);

    /** A network; one thread at a time. */
    interface Network extends Closeable {
        /**
         * Runs the network.
         *
         * @param input numbers as the file stores them, native byte order, direct
         * @param shape of the input: batch, height, width, 3
         * @return a buffer for each output, native byte order, valid until the next run; in
         *     the order of their last axes, the shortest first
         */
        ByteBuffer[] run(ByteBuffer input, int[] shape);

        @Override
        void close();
    }
}
