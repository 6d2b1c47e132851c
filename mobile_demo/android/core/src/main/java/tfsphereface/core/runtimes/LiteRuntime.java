package tfsphereface.core.runtimes;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorflowlite.BuiltinOpResolverWithXNNPACK;
import org.bytedeco.tensorflowlite.FlatBufferModel;
import org.bytedeco.tensorflowlite.Interpreter;
import org.bytedeco.tensorflowlite.InterpreterBuilder;
import org.bytedeco.tensorflowlite.TfLiteTensor;
import org.bytedeco.tensorflowlite.global.tensorflowlite;
import tfsphereface.core.BadInput;

/** TensorFlow Lite by JavaCPP: the same on phones and on the computers of the tests. */
public final class LiteRuntime implements TFLiteRuntime {
    private static final int CACHED_SHAPES = 16; // a new one costs a third of a photo's time

    private final String version;

    public LiteRuntime() {
        this(tensorflowlite.TfLiteVersion().getString());
    }

    /** One that says that it is of another version. */
    LiteRuntime(String version) {
        this.version = version;
    }

    @Override
    public String version() {
        return version;
    }

    @Override
    public Network open(ByteBuffer content, int threads) {
        return new LiteNetwork(content, threads);
    }

    private static final class LiteNetwork implements Network {
        private final BytePointer bytes; // read by the model as long as that lives
        private final FlatBufferModel model;
        // The plain resolver has no delegate in this library: 10 times as slow.
        private final BuiltinOpResolverWithXNNPACK operators =
                new BuiltinOpResolverWithXNNPACK(true);
        private final int threads;
        private final Map<String, Interpreter> interpreters =
                new LinkedHashMap<>(16, 0.75f, true);

        LiteNetwork(ByteBuffer content, int threads) {
            this.threads = threads;
            bytes = new BytePointer(content);
            model = FlatBufferModel.VerifyAndBuildFromBuffer(bytes, content.remaining());
            if (model == null || model.isNull()) {
                throw new BadInput(BadInput.Kind.BUNDLE_DAMAGED,
                        "damaged bundle: a network is no TFLite model");
            }
        }

        @Override
        public ByteBuffer[] run(ByteBuffer input, int[] shape) {
            Interpreter interpreter = interpreter(shape);
            TfLiteTensor tensor = interpreter.tensor(interpreter.inputs().get(0));
            require(tensorflowlite.TfLiteTensorCopyFromBuffer(tensor, new BytePointer(input),
                    input.remaining()));
            require(interpreter.Invoke());
            return outputs(interpreter);
        }

        private Interpreter interpreter(int[] shape) {
            String key = Arrays.toString(shape);
            Interpreter interpreter = interpreters.get(key);
            if (interpreter == null) {
                if (interpreters.size() == CACHED_SHAPES) {
                    Iterator<Interpreter> oldest = interpreters.values().iterator();
                    oldest.next().close();
                    oldest.remove();
                }
                interpreter = new Interpreter((Pointer) null);
                InterpreterBuilder builder = new InterpreterBuilder(model, operators);
                require(builder.apply(interpreter, threads));
                builder.close();
                interpreters.put(key, interpreter);
                require(interpreter.ResizeInputTensor(interpreter.inputs().get(0), shape));
                require(interpreter.AllocateTensors());
            }
            return interpreter;
        }

        /** Outputs by the length of their last axes; the order in the file is its converter's. */
        private static ByteBuffer[] outputs(Interpreter interpreter) {
            int count = (int) interpreter.outputs().limit();
            ByteBuffer[] outputs = new ByteBuffer[count];
            int[] widths = new int[count];
            for (int i = 0; i < count; i++) {
                TfLiteTensor output = interpreter.tensor(interpreter.outputs().get(i));
                int axes = tensorflowlite.TfLiteTensorNumDims(output);
                int width = tensorflowlite.TfLiteTensorDim(output, axes - 1);
                int place = i;
                for (; place > 0 && widths[place - 1] > width; place--) {
                    widths[place] = widths[place - 1];
                    outputs[place] = outputs[place - 1];
                }
                widths[place] = width;
                outputs[place] = new BytePointer(tensorflowlite.TfLiteTensorData(output))
                        .capacity(tensorflowlite.TfLiteTensorByteSize(output)).asByteBuffer()
                        .order(ByteOrder.nativeOrder());
            }
            return outputs;
        }

        private static void require(int status) {
            if (status != 0) {
                throw new BadInput(BadInput.Kind.BUNDLE_DAMAGED,
                        "damaged bundle: a network does not run");
            }
        }

        @Override
        public void close() {
            for (Interpreter interpreter : interpreters.values()) {
                interpreter.close();
            }
            interpreters.clear();
            operators.close();
            model.close();
            bytes.close();
        }
    }
}
