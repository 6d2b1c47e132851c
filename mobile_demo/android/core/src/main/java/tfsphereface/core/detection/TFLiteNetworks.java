package tfsphereface.core.detection;

import java.io.Closeable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import tfsphereface.core.BadInput;
import tfsphereface.core.runtimes.TFLiteRuntime;

/** P-Net, R-Net and O-Net on a runtime, with arrays in place of buffers. */
public final class TFLiteNetworks implements Networks, Closeable {
    private static final int[] BATCHES = {64, 16, 4}; // few shapes, few reallocations

    private final TFLiteRuntime.Network pnet;
    private final TFLiteRuntime.Network rnet;
    private final TFLiteRuntime.Network onet;
    private ByteBuffer input = ByteBuffer.allocateDirect(0);

    public TFLiteNetworks(TFLiteRuntime.Network pnet, TFLiteRuntime.Network rnet, TFLiteRuntime.Network onet) {
        this.pnet = pnet;
        this.rnet = rnet;
        this.onet = onet;
    }

    @Override
    public Answers pnet(float[] level, int height, int width) {
        ByteBuffer[] outputs = run(pnet, level, 1, height, width);
        return answers(numbers(outputs[0]), numbers(outputs[1]), null);
    }

    @Override
    public Answers rnet(float[] crops) {
        return inBatches(rnet, crops, 24, 0);
    }

    @Override
    public Answers onet(float[] crops) {
        return inBatches(onet, crops, 48, 10);
    }

    private Answers inBatches(TFLiteRuntime.Network network, float[] crops, int side, int points) {
        int size = side * side * 3;
        int count = crops.length / size;
        float[] pairs = new float[2 * count];
        float[] offsets = new float[4 * count];
        float[] landmarks = new float[points * count];
        for (int start = 0; start < count; ) {
            int left = count - start;
            int batch = left >= BATCHES[0] ? BATCHES[0] : left >= BATCHES[1] ? BATCHES[1]
                    : BATCHES[2];
            int used = Math.min(batch, left);
            float[] part = Arrays.copyOfRange(crops, start * size, (start + used) * size);
            ByteBuffer[] outputs = run(network, Arrays.copyOf(part, batch * size), batch, side,
                    side);
            copy(outputs[0], pairs, 2 * start, 2 * used);
            copy(outputs[1], offsets, 4 * start, 4 * used);
            if (points > 0) {
                copy(outputs[2], landmarks, points * start, points * used);
            }
            start += used;
        }
        return answers(pairs, offsets, points > 0 ? landmarks : null);
    }

    private static Answers answers(float[] pairs, float[] offsets, float[] landmarks) {
        float[] scores = new float[pairs.length / 2];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = pairs[2 * i + 1]; // of a face; the other is of none
        }
        if (offsets.length != 4 * scores.length) {
            throw new BadInput(BadInput.Kind.BUNDLE_DAMAGED,
                    "the outputs of a detector network do not belong together");
        }
        return new Answers(offsets, scores, landmarks);
    }

    private ByteBuffer[] run(TFLiteRuntime.Network network, float[] numbers, int batch, int height,
            int width) {
        if (input.capacity() < 4 * numbers.length) {
            input = ByteBuffer.allocateDirect(4 * numbers.length).order(ByteOrder.nativeOrder());
        }
        input.clear();
        input.asFloatBuffer().put(numbers);
        input.limit(4 * numbers.length);
        return network.run(input, new int[] {batch, height, width, 3});
    }

    private static float[] numbers(ByteBuffer output) {
        FloatBuffer floats = output.asFloatBuffer();
        float[] numbers = new float[floats.remaining()];
        floats.get(numbers);
        return numbers;
    }

    private static void copy(ByteBuffer output, float[] to, int at, int count) {
        output.asFloatBuffer().get(to, at, count);
    }

    @Override
    public void close() {
        pnet.close();
        rnet.close();
        onet.close();
    }
}
