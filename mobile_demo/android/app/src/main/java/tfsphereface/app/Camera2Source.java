package tfsphereface.app;

import android.annotation.SuppressLint;
import android.content.Context;
import android.graphics.ImageFormat;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.HandlerThread;
import android.util.Size;
import java.util.Collections;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.pixels.Yuv;

/** The phone's camera: pictures of about 640 x 480 by camera2. */
final class Camera2Source implements FrameSource {
    private static final int WANTED_PIXELS = 640 * 480;

    private final Context context;
    private volatile Listener listener;
    private int rotation;
    // Guarded by this, since a camera opens on its own thread:
    private HandlerThread thread;
    private Opened opening; // null: none was asked for, or its answer is there
    private CameraDevice camera;
    private ImageReader reader;

    Camera2Source(Context context) {
        this.context = context;
    }

    @Override
    @SuppressLint("MissingPermission") // the activity asks for it before
    public synchronized void start(boolean front, int displayDegrees, Listener newListener) {
        stop();
        listener = newListener;
        thread = new HandlerThread("camera");
        thread.start();
        final Handler handler = new Handler(thread.getLooper());
        CameraManager manager = context.getSystemService(CameraManager.class);
        try {
            String id = camera(manager, front);
            if (id == null) {
                fail(Failure.NO_CAMERA);
                return;
            }
            CameraCharacteristics facts = manager.getCameraCharacteristics(id);
            rotation = rotation(facts, displayDegrees);
            Size size = size(facts);
            reader = ImageReader.newInstance(size.getWidth(), size.getHeight(),
                    ImageFormat.YUV_420_888, 2);
            reader.setOnImageAvailableListener(new ImageReader.OnImageAvailableListener() {
                @Override
                public void onImageAvailable(ImageReader from) {
                    take(from);
                }
            }, handler);
            opening = new Opened(thread, handler);
            manager.openCamera(id, opening, handler);
        } catch (CameraAccessException error) {
            opening = null;
            boolean taken = error.getReason() == CameraAccessException.CAMERA_IN_USE
                    || error.getReason() == CameraAccessException.MAX_CAMERAS_IN_USE;
            fail(taken ? Failure.TAKEN : Failure.BROKEN);
        } catch (RuntimeException error) { // some phones' drivers throw others
            opening = null;
            fail(Failure.BROKEN);
        }
    }

    /** The camera of the wanted side, or any; null if there is none. */
    private static String camera(CameraManager manager, boolean front)
            throws CameraAccessException {
        int wanted = front ? CameraCharacteristics.LENS_FACING_FRONT
                : CameraCharacteristics.LENS_FACING_BACK;
        String any = null;
        for (String id : manager.getCameraIdList()) {
            Integer facing = manager.getCameraCharacteristics(id)
                    .get(CameraCharacteristics.LENS_FACING);
            if (facing != null && facing == wanted) {
                return id;
            }
            any = any == null ? id : any;
        }
        return any;
    }

    /** Degrees clockwise by which a picture is turned to stand upright on the screen. */
    private static int rotation(CameraCharacteristics facts, int displayDegrees) {
        Integer sensor = facts.get(CameraCharacteristics.SENSOR_ORIENTATION);
        Integer facing = facts.get(CameraCharacteristics.LENS_FACING);
        boolean front = facing != null && facing == CameraCharacteristics.LENS_FACING_FRONT;
        return rotation(sensor == null ? 0 : sensor, displayDegrees, front);
    }

    static int rotation(int sensorDegrees, int displayDegrees, boolean front) {
        int turned = front ? sensorDegrees + displayDegrees : sensorDegrees - displayDegrees;
        return (turned % 360 + 360) % 360;
    }

    private static Size size(CameraCharacteristics facts) {
        Size[] sizes = facts.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP)
                .getOutputSizes(ImageFormat.YUV_420_888);
        Size best = sizes[0];
        for (Size size : sizes) {
            if (apart(size) < apart(best)) {
                best = size;
            }
        }
        return best;
    }

    private static long apart(Size size) {
        return Math.abs((long) size.getWidth() * size.getHeight() - WANTED_PIXELS);
    }

    private void take(ImageReader from) {
        Listener to = listener;
        try (Image image = from.acquireLatestImage()) {
            if (image != null && to != null) {
                Image.Plane[] planes = image.getPlanes();
                Pixels frame = Yuv.toRgb(image.getWidth(), image.getHeight(), plane(planes[0]),
                        plane(planes[1]), plane(planes[2]), rotation);
                to.onFrame(frame);
            }
        } catch (IllegalStateException closed) {
            // The reader was closed while a picture was on its way.
        }
    }

    private static Yuv.Plane plane(Image.Plane plane) {
        return new Yuv.Plane(plane.getBuffer(), plane.getRowStride(), plane.getPixelStride());
    }

    private void fail(Failure failure) {
        Listener to = listener;
        if (to != null) {
            to.onFailure(failure);
        }
    }

    /** Answer to the opening of a camera, which comes after {@link #stop}, too. */
    private final class Opened extends CameraDevice.StateCallback {
        private final HandlerThread own;
        private final Handler handler;

        Opened(HandlerThread own, Handler handler) {
            this.own = own;
            this.handler = handler;
        }

        /** Whether it is still waited for; its thread ends otherwise. */
        private boolean isWanted() {
            boolean wanted = opening == this;
            if (wanted) {
                opening = null;
            } else if (thread != own) {
                own.quitSafely();
            }
            return wanted;
        }

        @Override
        @SuppressWarnings("deprecation") // what replaces it needs Android 9
        public void onOpened(CameraDevice device) {
            synchronized (Camera2Source.this) {
                if (!isWanted()) {
                    device.close();
                    return;
                }
                camera = device;
                try {
                    device.createCaptureSession(Collections.singletonList(reader.getSurface()),
                            new Session(device), handler);
                } catch (CameraAccessException | RuntimeException error) {
                    fail(Failure.BROKEN);
                }
            }
        }

        @Override
        public void onDisconnected(CameraDevice device) {
            end(device, Failure.TAKEN); // by an app that comes first
        }

        @Override
        public void onError(CameraDevice device, int error) {
            boolean taken = error == ERROR_CAMERA_IN_USE || error == ERROR_MAX_CAMERAS_IN_USE;
            end(device, taken ? Failure.TAKEN : Failure.BROKEN);
        }

        private void end(CameraDevice device, Failure why) {
            synchronized (Camera2Source.this) {
                device.close();
                if (isWanted() || camera == device) {
                    fail(why);
                }
            }
        }
    }

    private final class Session extends CameraCaptureSession.StateCallback {
        private final CameraDevice device;

        Session(CameraDevice device) {
            this.device = device;
        }

        @Override
        public void onConfigured(CameraCaptureSession session) {
            synchronized (Camera2Source.this) {
                if (camera != device) { // stopped in the meantime
                    return;
                }
                try {
                    CaptureRequest.Builder request =
                            device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
                    request.addTarget(reader.getSurface());
                    session.setRepeatingRequest(request.build(), null, null);
                } catch (CameraAccessException | RuntimeException error) {
                    fail(Failure.BROKEN);
                }
            }
        }

        @Override
        public void onConfigureFailed(CameraCaptureSession session) {
            synchronized (Camera2Source.this) {
                if (camera == device) {
                    fail(Failure.BROKEN);
                }
            }
        }
    }

    @Override
    public synchronized void stop() {
        listener = null;
        if (camera != null) {
            camera.close();
            camera = null;
        }
        if (reader != null) {
            reader.close();
            reader = null;
        }
        if (thread != null && opening == null) { // or it closes the camera that is opening
            thread.quitSafely();
        }
        opening = null;
        thread = null;
    }
}
