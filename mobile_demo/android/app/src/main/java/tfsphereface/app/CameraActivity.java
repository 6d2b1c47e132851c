package tfsphereface.app;

import android.Manifest;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.graphics.Bitmap;
import android.net.Uri;
import android.os.Bundle;
import android.provider.Settings;
import android.view.Surface;
import android.view.View;
import android.widget.Button;
import tfsphereface.core.BadInput;
import tfsphereface.core.pixels.Pixels;

/** A screen with the camera: asks for it, shows its pictures, has the engine look at them. */
abstract class CameraActivity extends EngineActivity {
    private static final int ASK_CAMERA = 1;

    private FrameSource source;
    private boolean running;
    private boolean asked;
    private boolean refused;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        source = ((FaceApp) getApplication()).newFrameSource();
        asked = saved != null && saved.getBoolean("asked");
    }

    protected final FrameView frameView() {
        return findViewById(R.id.frame);
    }

    /** Faces of a frame were found. */
    protected abstract void onFaces(Engine.Frame frame);

    @Override
    protected void onPause() {
        super.onPause();
        stopCamera();
    }

    @Override
    protected void onSaveInstanceState(Bundle saved) {
        super.onSaveInstanceState(saved);
        saved.putBoolean("asked", asked);
    }

    @Override
    public void onState(Engine changed) {
        say(Words.of(getResources(), changed));
        if (changed.state() == Engine.State.REFUSED) {
            stopCamera();
        } else if (changed.state() == Engine.State.READY) {
            startCamera();
        }
    }

    private void startCamera() {
        if (!isAllowed() || running) {
            return;
        }
        running = true;
        engine.forgetTracks();
        boolean front = engine.settings.frontCamera();
        source.start(front, displayDegrees(), listener(front));
    }

    /** Whether the camera may be used; if not, asks for it once, then by a button. */
    private boolean isAllowed() {
        Button allow = findViewById(R.id.allow);
        boolean allowed = checkSelfPermission(Manifest.permission.CAMERA)
                == PackageManager.PERMISSION_GRANTED;
        allow.setVisibility(allowed ? View.GONE : View.VISIBLE);
        if (!allowed) {
            say(getString(R.string.needs_camera));
            allow.setOnClickListener(new View.OnClickListener() {
                @Override
                public void onClick(View view) {
                    askForCamera();
                }
            });
            if (!asked) {
                askForCamera();
            }
        }
        return allowed;
    }

    private FrameSource.Listener listener(final boolean front) {
        return new FrameSource.Listener() {
            @Override
            public void onFrame(final Pixels frame) {
                final Bitmap bitmap = Pictures.bitmap(frame);
                runOnUiThread(new Runnable() {
                    @Override
                    public void run() {
                        if (running) {
                            frameView().show(bitmap, front);
                            look(frame);
                        }
                    }
                });
            }

            @Override
            public void onFailure(final FrameSource.Failure failure) {
                runOnUiThread(new Runnable() {
                    @Override
                    public void run() {
                        if (running) {
                            stopCamera();
                            say(Words.of(getResources(), failure));
                        }
                    }
                });
            }
        };
    }

    private void look(Pixels frame) {
        engine.look(frame, new Engine.Task<Engine.Frame>() {
            @Override
            Engine.Frame run(tfsphereface.core.gallery.Recognizer recognizer,
                    tfsphereface.core.gallery.Gallery gallery) {
                throw new AssertionError("the engine looks itself");
            }

            @Override
            void done(Engine.Frame found) {
                if (running) {
                    frameView().label(found.labels);
                    onFaces(found);
                }
            }

            @Override
            void failed(BadInput error) {
                say(Words.of(getResources(), error));
            }
        });
    }

    protected final boolean isCameraRunning() {
        return running;
    }

    /** Tries the camera again, if it failed. */
    protected final void restartCamera() {
        stopCamera();
        onState(engine);
    }

    private void stopCamera() {
        running = false;
        source.stop();
    }

    /** Asks; after a refusal for good the system's settings of the app are the only way. */
    private void askForCamera() {
        if (refused && !shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)) {
            startActivity(new Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS,
                    Uri.fromParts("package", getPackageName(), null)));
            return;
        }
        asked = true;
        requestPermissions(new String[] {Manifest.permission.CAMERA}, ASK_CAMERA);
    }

    @Override
    public void onRequestPermissionsResult(int code, String[] permissions, int[] results) {
        refused = results.length > 0 && results[0] != PackageManager.PERMISSION_GRANTED;
        if (!refused) {
            onState(engine);
        }
    }

    @SuppressWarnings("deprecation") // what replaces it needs Android 11
    private int displayDegrees() {
        switch (getWindowManager().getDefaultDisplay().getRotation()) {
            case Surface.ROTATION_90:
                return 90;
            case Surface.ROTATION_180:
                return 180;
            case Surface.ROTATION_270:
                return 270;
            default:
                return 0;
        }
    }
}
