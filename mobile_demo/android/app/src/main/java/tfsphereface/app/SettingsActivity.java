package tfsphereface.app;

import android.content.Intent;
import android.os.Bundle;
import android.view.View;
import android.widget.CompoundButton;
import android.widget.RadioButton;
import android.widget.RadioGroup;
import android.widget.Switch;
import tfsphereface.core.bundle.Contract;

/** Variant, false accept rate, smallest face, threads, camera. */
public final class SettingsActivity extends EngineActivity {
    private static final int[] SMALLEST_FACES = {20, 40, 60, 100};

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.settings);
        findViewById(R.id.self_test).setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                startActivity(new Intent(SettingsActivity.this, SelfTestActivity.class));
            }
        });
        Switch front = findViewById(R.id.front_camera);
        front.setChecked(engine.settings.frontCamera());
        front.setOnCheckedChangeListener(new CompoundButton.OnCheckedChangeListener() {
            @Override
            public void onCheckedChanged(CompoundButton button, boolean checked) {
                engine.settings.setFrontCamera(checked);
            }
        });
    }

    /** What happens when a choice is made. */
    private interface Choice {
        void choose();
    }

    private void add(RadioGroup group, String words, boolean chosen, final Choice choice) {
        RadioButton button = new RadioButton(this);
        button.setText(words);
        button.setId(View.generateViewId());
        button.setMinHeight(getResources().getDimensionPixelSize(R.dimen.touch));
        button.setMinWidth(getResources().getDimensionPixelSize(R.dimen.touch));
        group.addView(button);
        button.setChecked(chosen);
        button.setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                choice.choose();
            }
        });
    }

    @Override
    public void onState(Engine changed) {
        say(Words.of(getResources(), changed));
        if (changed.contract() != null && changed.state() != Engine.State.LOADING) {
            showVariants();
            showFars();
        }
        showSmallestFaces();
        showThreads();
    }

    private RadioGroup emptied(int id) {
        RadioGroup group = findViewById(id);
        group.removeAllViews();
        return group;
    }

    private void showVariants() {
        RadioGroup group = emptied(R.id.variants);
        for (final Contract.Variant each : engine.contract()
                .variantsFor(engine.runtimeVersion())) {
            String words = getString(R.string.variant, each.name, each.file.bytes / 1e6);
            boolean chosen = engine.variant() != null && each.name.equals(engine.variant().name);
            add(group, words, chosen, new Choice() {
                @Override
                public void choose() {
                    engine.settings.setVariant(each.name);
                    engine.open();
                }
            });
        }
    }

    private void showFars() {
        RadioGroup group = emptied(R.id.fars);
        for (final double far : engine.fars()) {
            add(group, Words.far(getResources(), far), far == engine.far(), new Choice() {
                @Override
                public void choose() {
                    engine.settings.setFar(far);
                }
            });
        }
        findViewById(R.id.no_fars).setVisibility(
                engine.fars().isEmpty() ? View.VISIBLE : View.GONE);
    }

    private void showSmallestFaces() {
        RadioGroup group = emptied(R.id.smallest_faces);
        for (final int pixels : SMALLEST_FACES) {
            add(group, getString(R.string.pixels, pixels),
                    pixels == engine.settings.smallestFace(), new Choice() {
                        @Override
                        public void choose() {
                            engine.settings.setSmallestFace(pixels);
                            engine.open();
                        }
                    });
        }
    }

    private void showThreads() {
        RadioGroup group = emptied(R.id.threads);
        for (int count = 1; count <= 4; count *= 2) {
            final int threads = count;
            add(group, String.valueOf(count), count == engine.settings.threads(), new Choice() {
                @Override
                public void choose() {
                    engine.settings.setThreads(threads);
                    engine.open();
                }
            });
        }
    }
}
