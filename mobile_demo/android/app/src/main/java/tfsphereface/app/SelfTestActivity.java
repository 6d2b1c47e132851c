package tfsphereface.app;

import android.os.Bundle;
import android.view.View;
import android.widget.LinearLayout;
import android.widget.TextView;
import java.util.Locale;
import tfsphereface.core.bundle.SelfTest;

/** The golden faces computed on this phone: differences, milliseconds, verdict. */
public final class SelfTestActivity extends EngineActivity {
    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.self_test);
        findViewById(R.id.again).setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                engine.open();
            }
        });
    }

    @Override
    public void onState(Engine changed) {
        findViewById(R.id.again).setEnabled(changed.state() != Engine.State.LOADING);
        boolean passed = SelfTest.passed(changed.tested());
        boolean ready = changed.state() == Engine.State.READY;
        say(ready && passed ? getString(R.string.self_test_passed)
                : Words.of(getResources(), changed));
        TextView about = findViewById(R.id.about);
        about.setText(changed.variant() == null ? "" : getString(R.string.tested_variant,
                changed.contract().model, changed.variant().name, changed.runtimeVersion()));
        LinearLayout rows = findViewById(R.id.rows);
        rows.removeAllViews();
        for (SelfTest.Row row : changed.tested()) {
            View line = getLayoutInflater().inflate(R.layout.self_test_row, rows, false);
            ((TextView) line.findViewById(R.id.name)).setText(getString(R.string.test_row,
                    row.photo.replaceAll(".*/", ""), getString(check(row.check))));
            TextView value = line.findViewById(R.id.value);
            value.setText(String.format(Locale.US, getString(R.string.test_value), row.value,
                    row.limit, row.milliseconds));
            TextView result = line.findViewById(R.id.verdict);
            result.setText(row.ok() ? R.string.ok : R.string.differs);
            result.setTextColor(getColor(row.ok() ? R.color.known : R.color.unknown));
            rows.addView(line);
        }
    }

    private static int check(SelfTest.Check check) {
        switch (check) {
            case LANDMARKS:
                return R.string.check_landmarks;
            case CROP:
                return R.string.check_crop;
            default:
                return R.string.check_embedding;
        }
    }
}
