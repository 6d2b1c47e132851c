package tfsphereface.core.bundle;

import java.io.Closeable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import tfsphereface.core.BadInput;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.runtimes.TFLiteRuntime;

/** The embedding network of one variant: features of aligned faces, by the contract. */
public final class Embedder implements Closeable {
    private final Contract contract;
    private final Contract.Variant variant;
    private final TFLiteRuntime.Network network;
    private final ByteBuffer input;

    public Embedder(Contract contract, Contract.Variant variant, TFLiteRuntime.Network network) {
        this.contract = contract;
        this.variant = variant;
        this.network = network;
        int numbers = 3 * contract.crop.height * contract.crop.width;
        int size = variant.input.dtype.equals("float32") ? 4 : 1;
        input = ByteBuffer.allocateDirect(numbers * size).order(ByteOrder.nativeOrder());
    }

    /** The feature of an aligned face, not of length 1 unless the file does that. */
    public float[] feature(Pixels crop) {
        float[] plain = embedding(crop);
        return contract.mirrorsOutside()
                ? combine(plain, embedding(crop.mirrored()), contract.mirror) : plain;
    }

    /** What the file gives for one crop. */
    public float[] embedding(Pixels crop) {
        if (crop.width != contract.crop.width || crop.height != contract.crop.height) {
            throw new IllegalArgumentException("crops must be " + contract.crop.width + " x "
                    + contract.crop.height + ". Received: " + crop.width + " x " + crop.height);
        }
        store(crop);
        ByteBuffer[] outputs =
                network.run(input, new int[] {1, contract.crop.height, contract.crop.width, 3});
        return real(outputs[0]);
    }

    private void store(Pixels crop) {
        input.clear();
        if (contract.inside.contains("pixels")) {
            input.put(crop.rgb);
        } else {
            float[] numbers = normalized(crop, contract.bgr, contract.mean, contract.scale);
            for (float number : numbers) {
                if (variant.input.dtype.equals("float32")) {
                    input.putFloat(number);
                } else {
                    input.put(stored(number, variant.input));
                }
            }
        }
        input.rewind();
    }

    /**
     * Numbers (pixel - mean) / scale in the network's order of channels.
     *
     * @param mean one, or one of each channel in that order
     * @param scale likewise
     */
    public static float[] normalized(Pixels crop, boolean bgr, double[] mean, double[] scale) {
        float[] numbers = new float[crop.rgb.length];
        for (int i = 0; i < numbers.length; i++) {
            int channel = i % 3;
            int from = bgr ? i - channel + 2 - channel : i;
            float m = (float) mean[channel % mean.length];
            numbers[i] = ((crop.rgb[from] & 255) - m) / (float) scale[channel % scale.length];
        }
        return numbers;
    }

    private static byte stored(float value, Contract.Tensor tensor) {
        // float32 as NumPy divides; the scale alone decides between two steps.
        double steps = Math.rint(value / (float) tensor.scale) + tensor.zeroPoint;
        boolean signed = tensor.dtype.equals("int8");
        return (byte) Math.max(signed ? -128 : 0, Math.min(signed ? 127 : 255, steps));
    }

    private float[] real(ByteBuffer output) {
        float[] numbers = new float[contract.outputDim()];
        boolean floats = variant.output.dtype.equals("float32");
        if (output.remaining() != numbers.length * (floats ? 4 : 1)) {
            throw new BadInput(BadInput.Kind.BUNDLE_DAMAGED,
                    "damaged bundle: " + variant.file.file + " gives another number of values");
        }
        for (int i = 0; i < numbers.length; i++) {
            if (floats) {
                numbers[i] = output.getFloat(4 * i);
            } else {
                int value = output.get(i);
                value = variant.output.dtype.equals("int8") ? value : value & 255;
                numbers[i] = (value - variant.output.zeroPoint) * (float) variant.output.scale;
            }
        }
        return numbers;
    }

    /** The feature of a face, from the embeddings of its crop and of the mirror image. */
    public static float[] combine(float[] plain, float[] mirrored, String policy) {
        boolean both = policy.equals("concat");
        float[] feature = new float[plain.length * (both ? 2 : 1)];
        for (int i = 0; i < plain.length; i++) {
            feature[i] = both ? plain[i] : (plain[i] + mirrored[i]) / 2;
            if (both) {
                feature[plain.length + i] = mirrored[i];
            }
        }
        return feature;
    }

    @Override
    public void close() {
        network.close();
    }
}
