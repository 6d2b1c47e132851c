package tfsphereface.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.graphics.ImageFormat;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.util.Size;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadows.ShadowCameraCharacteristics;
import org.robolectric.shadows.ShadowCameraManager;
import org.robolectric.shadows.StreamConfigurationMapBuilder;
import tfsphereface.core.pixels.Pixels;

/** The phone's camera, opened and closed, with Robolectric's in its place. */
@RunWith(RobolectricTestRunner.class)
public class Camera2SourceTest {
    private final List<FrameSource.Failure> failures = new ArrayList<>();
    private CameraManager manager;
    private Camera2Source source;

    @Before
    public void setUp() {
        manager = RuntimeEnvironment.getApplication().getSystemService(CameraManager.class);
        source = new Camera2Source(RuntimeEnvironment.getApplication());
    }

    private void addCamera() {
        CameraCharacteristics facts = ShadowCameraCharacteristics.newCameraCharacteristics();
        shadowOf(facts).set(CameraCharacteristics.LENS_FACING,
                CameraCharacteristics.LENS_FACING_FRONT);
        shadowOf(facts).set(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP,
                StreamConfigurationMapBuilder.newBuilder()
                        .addOutputSize(ImageFormat.YUV_420_888, new Size(640, 480)).build());
        shadowOf(manager).addCamera("0", facts);
    }

    private void start() {
        source.start(true, 0, new FrameSource.Listener() {
            @Override
            public void onFrame(Pixels frame) {}

            @Override
            public void onFailure(FrameSource.Failure failure) {
                failures.add(failure);
            }
        });
    }

    /** The camera that was opened last; waits for the answer to its opening. */
    private static CameraDevice lastOpened(Thread answering) throws Exception {
        answering.join();
        Field field = ShadowCameraManager.class.getDeclaredField("lastDevice");
        field.setAccessible(true);
        return (CameraDevice) field.get(null);
    }

    /** The camera's thread, of which a test is not told otherwise. */
    private static Thread cameraThread() {
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().equals("camera") && thread.isAlive()) {
                return thread;
            }
        }
        throw new AssertionError("no thread");
    }

    private static boolean isClosed(CameraDevice device) throws Exception {
        try {
            device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
            return false;
        } catch (IllegalStateException closed) {
            return true;
        }
    }

    @Test
    public void cameraThatOpensAfterTheStopIsClosed() throws Exception {
        addCamera();
        Thread thread;
        synchronized (source) { // the answer comes when both are over
            start();
            thread = cameraThread();
            source.stop();
        }
        CameraDevice device = lastOpened(thread);
        assertNotNull(device);
        assertTrue(isClosed(device));
        assertEquals(new ArrayList<FrameSource.Failure>(), failures);
    }

    @Test
    public void stopEndsTheThread() throws Exception {
        addCamera();
        start();
        Thread thread = cameraThread();
        source.stop();
        thread.join(10_000);
        assertFalse(thread.isAlive());
    }

    @Test
    public void phoneWithoutACameraIsToldAtOnce() {
        start();
        assertEquals(1, failures.size());
        assertEquals(FrameSource.Failure.NO_CAMERA, failures.get(0));
        source.stop();
    }
}
