package tfsphereface.app;

import android.app.AlertDialog;
import android.content.DialogInterface;
import android.content.Intent;
import android.net.Uri;
import android.os.Bundle;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.LinearLayout;
import android.widget.TextView;
import android.widget.Toast;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import tfsphereface.core.BadInput;
import tfsphereface.core.gallery.Gallery;
import tfsphereface.core.gallery.Recognizer;
import tfsphereface.core.gallery.Transfer;

/** Enrolled people: their templates, deletion, export and import. */
public final class PeopleActivity extends EngineActivity {
    private static final int EXPORT = 1;
    private static final int IMPORT = 2;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.people);
        findViewById(R.id.export_people).setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                startActivityForResult(new Intent(Intent.ACTION_CREATE_DOCUMENT)
                        .addCategory(Intent.CATEGORY_OPENABLE).setType("application/json")
                        .putExtra(Intent.EXTRA_TITLE, "people.json"), EXPORT);
            }
        });
        findViewById(R.id.import_people).setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                startActivityForResult(new Intent(Intent.ACTION_OPEN_DOCUMENT)
                        .addCategory(Intent.CATEGORY_OPENABLE).setType("*/*"), IMPORT);
            }
        });
    }

    @Override
    public void onState(Engine changed) {
        if (changed.state() == Engine.State.READY) {
            reload();
        } else {
            say(Words.of(getResources(), changed));
        }
    }

    /** Changes the gallery, then shows it again. */
    private abstract class Change extends Engine.Task<String> {
        @Override
        void done(String told) {
            if (told != null) {
                Toast.makeText(PeopleActivity.this, told, Toast.LENGTH_LONG).show();
            }
            reload();
        }

        @Override
        void failed(BadInput error) {
            if (isDestroyed()) { // the phone was turned: no window is left for a dialog
                Toast.makeText(PeopleActivity.this, Words.of(getResources(), error),
                        Toast.LENGTH_LONG).show();
                return;
            }
            reload();
            new AlertDialog.Builder(PeopleActivity.this)
                    .setMessage(Words.of(getResources(), error))
                    .setPositiveButton(android.R.string.ok, null).show();
        }
    }

    private void reload() {
        engine.run(new Engine.Task<List<Gallery.Person>>() {
            @Override
            List<Gallery.Person> run(Recognizer recognizer, Gallery gallery) {
                return gallery.people();
            }

            @Override
            void done(List<Gallery.Person> people) {
                show(people);
            }

            @Override
            void failed(BadInput error) {
                say(Words.of(getResources(), error));
            }
        });
    }

    private void show(List<Gallery.Person> people) {
        LinearLayout list = findViewById(R.id.list);
        list.removeAllViews();
        for (Gallery.Person person : people) {
            list.addView(row(list, person));
        }
        findViewById(R.id.export_people).setEnabled(!people.isEmpty());
        String others = engine.others() == 0 ? "" : getResources().getQuantityString(
                R.plurals.other_galleries, engine.others(), engine.others());
        say(people.isEmpty() ? (getString(R.string.nobody_enrolled) + "\n" + others).trim()
                : others);
    }

    private View row(ViewGroup list, final Gallery.Person person) {
        View row = getLayoutInflater().inflate(R.layout.person, list, false);
        ((TextView) row.findViewById(R.id.name)).setText(person.name);
        int count = person.templates.size();
        StringBuilder about = new StringBuilder(
                getResources().getQuantityString(R.plurals.templates, count, count));
        about.append(", ").append(person.templates.get(count - 1).added, 0, 10);
        ((TextView) row.findViewById(R.id.about)).setText(about);
        Button delete = row.findViewById(R.id.delete);
        delete.setContentDescription(getString(R.string.delete_person, person.name));
        delete.setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                confirm(getString(R.string.delete_question, person.name), person, null);
            }
        });
        row.setOnClickListener(new View.OnClickListener() {
            @Override
            public void onClick(View view) {
                showTemplates(person);
            }
        });
        return row;
    }

    /** The templates of a person; a touch deletes one. */
    private void showTemplates(final Gallery.Person person) {
        String[] lines = new String[person.templates.size()];
        for (int i = 0; i < lines.length; i++) {
            Gallery.Template template = person.templates.get(i);
            lines[i] = template.added.replace('T', ' ').replace("Z", "") + "  " + template.source;
        }
        new AlertDialog.Builder(this).setTitle(person.name)
                .setItems(lines, new DialogInterface.OnClickListener() {
                    @Override
                    public void onClick(DialogInterface dialog, int which) {
                        confirm(getString(R.string.delete_template_question), person,
                                person.templates.get(which));
                    }
                }).setNegativeButton(android.R.string.cancel, null).show();
    }

    private void confirm(String question, final Gallery.Person person,
            final Gallery.Template only) {
        new AlertDialog.Builder(this).setMessage(question)
                .setPositiveButton(R.string.delete, new DialogInterface.OnClickListener() {
                    @Override
                    public void onClick(DialogInterface dialog, int which) {
                        engine.run(new Change() {
                            @Override
                            String run(Recognizer recognizer, Gallery gallery) {
                                gallery.forget(person.name, only);
                                return getString(R.string.deleted);
                            }
                        });
                    }
                }).setNegativeButton(android.R.string.cancel, null).show();
    }

    @Override
    protected void onActivityResult(final int request, int result, final Intent data) {
        if (result != RESULT_OK || data == null || data.getData() == null) {
            return;
        }
        final Uri file = data.getData();
        engine.run(new Change() {
            @Override
            String run(Recognizer recognizer, Gallery gallery) {
                try {
                    return request == EXPORT ? exported(recognizer, gallery, file)
                            : imported(recognizer, gallery, file);
                } catch (IOException | SecurityException error) {
                    throw new BadInput(BadInput.Kind.OTHER, getString(R.string.file_failed), error);
                }
            }
        });
    }

    private String exported(Recognizer recognizer, Gallery gallery, Uri file)
            throws IOException {
        byte[] content = Transfer.export(gallery,
                recognizer.bundle.contract.identity(recognizer.variant.name));
        try (OutputStream stream = getContentResolver().openOutputStream(file, "wt")) {
            if (stream == null) {
                throw new IOException("no such file");
            }
            stream.write(content);
        }
        int count = gallery.people().size();
        return getResources().getQuantityString(R.plurals.exported, count, count);
    }

    private String imported(Recognizer recognizer, Gallery gallery, Uri file)
            throws IOException {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        try (InputStream stream = getContentResolver().openInputStream(file)) {
            byte[] block = new byte[1 << 16];
            for (int count; stream != null && (count = stream.read(block)) >= 0; ) {
                content.write(block, 0, count);
                if (content.size() > Transfer.LARGEST_FILE) {
                    throw new BadInput(BadInput.Kind.GALLERY_DAMAGED, "the file is too large");
                }
            }
        }
        int count = Transfer.importInto(gallery,
                recognizer.bundle.contract.identity(recognizer.variant.name),
                content.toByteArray(), Pictures.DECODER);
        return getResources().getQuantityString(R.plurals.imported, count, count);
    }
}
