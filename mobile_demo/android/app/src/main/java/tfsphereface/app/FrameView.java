package tfsphereface.app;

import android.content.Context;
import android.content.res.Resources;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.RectF;
import android.text.TextPaint;
import android.text.TextUtils;
import android.util.AttributeSet;
import android.util.TypedValue;
import android.view.View;
import java.util.Collections;
import java.util.List;
import tfsphereface.core.gallery.Decision;

/** The camera's picture with boxes and names; mirrored for whoever looks at herself. */
public final class FrameView extends View {
    private final Paint line = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final TextPaint text = new TextPaint(Paint.ANTI_ALIAS_FLAG);
    private final Paint picture = new Paint(Paint.FILTER_BITMAP_FLAG);
    private Bitmap frame;
    private boolean mirrored;
    private boolean named = true;
    private List<Engine.Label> labels = Collections.emptyList();

    public FrameView(Context context, AttributeSet attributes) {
        super(context, attributes);
        float density = getResources().getDisplayMetrics().density;
        line.setStyle(Paint.Style.STROKE);
        line.setStrokeWidth(3 * density);
        text.setTextSize(TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_SP, 16,
                getResources().getDisplayMetrics()));
    }

    void showBoxesOnly() {
        named = false;
    }

    void show(Bitmap newFrame, boolean mirror) {
        frame = newFrame;
        mirrored = mirror;
        invalidate();
    }

    void label(List<Engine.Label> newLabels) {
        if (named && !words(newLabels).equals(words(labels))) {
            setContentDescription(newLabels.isEmpty()
                    ? getResources().getString(R.string.no_face) : words(newLabels));
        }
        labels = newLabels;
        invalidate();
    }

    private String words(List<Engine.Label> all) {
        StringBuilder words = new StringBuilder();
        for (Engine.Label label : all) {
            words.append(words.length() == 0 ? "" : ", ").append(Words.of(getResources(), label));
        }
        return words.toString();
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (frame == null) {
            return;
        }
        float scale = Math.min((float) getWidth() / frame.getWidth(),
                (float) getHeight() / frame.getHeight());
        float left = (getWidth() - scale * frame.getWidth()) / 2;
        float top = (getHeight() - scale * frame.getHeight()) / 2;
        canvas.save();
        if (mirrored) {
            canvas.scale(-1, 1, getWidth() / 2f, 0);
        }
        canvas.drawBitmap(frame, null, new RectF(left, top, left + scale * frame.getWidth(),
                top + scale * frame.getHeight()), picture);
        canvas.restore();
        for (Engine.Label label : labels) {
            RectF box = new RectF(left + scale * (float) label.box[0],
                    top + scale * (float) label.box[1], left + scale * (float) label.box[2],
                    top + scale * (float) label.box[3]);
            if (mirrored) {
                box.set(getWidth() - box.right, box.top, getWidth() - box.left, box.bottom);
            }
            draw(canvas, box, label);
        }
    }

    private void draw(Canvas canvas, RectF box, Engine.Label label) {
        Resources resources = getResources();
        int colour = resources.getColor(named ? colour(label.decision) : R.color.accent, null);
        line.setColor(colour);
        canvas.drawRect(box, line);
        if (!named) {
            return;
        }
        float pad = line.getStrokeWidth() * 2;
        // Of a long name the middle is left out: the score stands behind it.
        String words = TextUtils.ellipsize(Words.of(resources, label), text,
                getWidth() - 4 * pad, TextUtils.TruncateAt.MIDDLE).toString();
        float width = text.measureText(words) + 2 * pad;
        float height = text.getTextSize() + 2 * pad;
        float x = Math.max(pad, Math.min(box.left, getWidth() - pad - width));
        float y = box.top >= height ? box.top - height : Math.min(box.bottom, getHeight() - height);
        text.setColor(colour);
        canvas.drawRect(x, y, x + width, y + height, text);
        text.setColor(resources.getColor(R.color.on_label, null));
        canvas.drawText(words, x + pad, y + pad + text.getTextSize() * 0.85f, text);
    }

    private static int colour(Decision decision) {
        return decision == Decision.KNOWN ? R.color.known
                : decision == Decision.UNKNOWN ? R.color.unknown : R.color.not_sure;
    }
}
