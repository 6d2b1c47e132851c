package tfsphereface.core.runtimes;

import java.nio.ByteBuffer;

/** A runtime whose numbers are others: as an old one gives on files it does not know. */
public final class OtherRuntime implements TFLiteRuntime {
    private final TFLiteRuntime runtime = new LiteRuntime();

    /** The real runtime, which says that it is of another version. */
    public static TFLiteRuntime called(String version) {
        return new LiteRuntime(version);
    }

    @Override
    public String version() {
        return runtime.version();
    }

    @Override
    public Network open(ByteBuffer model, int threads) {
        final boolean embedder = model.remaining() > 2_000_000;
        final Network network = runtime.open(model, threads);
        return new Network() {
            @Override
            public ByteBuffer[] run(ByteBuffer input, int[] shape) {
                ByteBuffer[] outputs = network.run(input, shape);
                for (int i = 0; embedder && i < outputs[0].remaining(); i += 8) {
                    outputs[0].putFloat(i, 0);
                }
                return outputs;
            }

            @Override
            public void close() {
                network.close();
            }
        };
    }
}
