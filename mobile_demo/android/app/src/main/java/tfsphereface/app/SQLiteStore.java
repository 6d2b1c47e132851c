package tfsphereface.app;

import android.content.ContentValues;
import android.content.Context;
import android.database.Cursor;
import android.database.SQLException;
import android.database.sqlite.SQLiteDatabase;
import android.database.sqlite.SQLiteDatabaseCorruptException;
import android.database.sqlite.SQLiteDiskIOException;
import android.database.sqlite.SQLiteFullException;
import java.io.Closeable;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tfsphereface.core.BadInput;
import tfsphereface.core.bundle.Contract;
import tfsphereface.core.gallery.Gallery;
import tfsphereface.core.gallery.Quality;

/**
 * Enrolled people in SQLite: a file for each identity of features, so that templates of two
 * bundles or variants are never compared. It lies where no backup and no new phone takes it.
 */
final class SQLiteStore implements Gallery.Store, Closeable {
    private static final int VERSION = 1;
    private static final String[] MEASURES = {
        "score", "eyes", "brightness", "sharpness", "turn", "landmark_confidence"
    };

    private final SQLiteDatabase database;
    private final int featureDim;

    /** Opens the gallery of an identity, or makes one without people. */
    static SQLiteStore open(Context context, Contract.Identity identity) {
        return new SQLiteStore(file(context, identity), identity);
    }

    static File file(Context context, Contract.Identity identity) {
        return new File(context.getNoBackupFilesDir(),
                "gallery-" + identity.features.substring(0, 16) + ".db");
    }

    /** Galleries of other bundles or variants, of which nothing is read. */
    static List<File> others(Context context, Contract.Identity identity) {
        List<File> others = new ArrayList<>();
        File[] files = context.getNoBackupFilesDir().listFiles();
        for (File file : files == null ? new File[0] : files) {
            if (file.getName().matches("gallery-[0-9a-f]{16}\\.db")
                    && !file.equals(file(context, identity))) {
                others.add(file);
            }
        }
        return others;
    }

    SQLiteStore(File file, Contract.Identity identity) {
        featureDim = identity.featureDim;
        try {
            database = SQLiteDatabase.openDatabase(file.getPath(), null,
                    SQLiteDatabase.CREATE_IF_NECESSARY, new Keep());
        } catch (SQLException error) {
            throw reported(error);
        }
        try {
            for (String setting : new String[] {"journal_mode=TRUNCATE", "synchronous=FULL",
                "secure_delete=ON", "foreign_keys=ON"}) {
                database.rawQuery("PRAGMA " + setting, null).close();
                first("PRAGMA " + setting);
            }
            if (database.getVersion() > VERSION) {
                throw new BadInput(BadInput.Kind.GALLERY_DAMAGED,
                        "the gallery is of a newer version of this app");
            }
            if (database.getVersion() == 0) {
                make(identity);
            }
            if (!identity.toJson().toString().equals(first("SELECT value FROM facts"))) {
                throw new BadInput(BadInput.Kind.GALLERY_FOREIGN,
                        "the gallery is of another bundle or variant");
            }
            if (!"ok".equals(first("PRAGMA quick_check(1)"))) {
                throw new BadInput(BadInput.Kind.GALLERY_DAMAGED, "damaged gallery");
            }
        } catch (SQLException error) {
            database.close();
            throw reported(error);
        } catch (BadInput error) {
            database.close();
            throw error;
        }
    }

    /** Leaves a damaged file as it is: Android would delete it, and with it all people. */
    private static final class Keep implements android.database.DatabaseErrorHandler {
        @Override
        public void onCorruption(SQLiteDatabase damaged) {}
    }

    private void make(final Contract.Identity identity) {
        inTransaction(new Runnable() {
            @Override
            public void run() {
                database.execSQL("CREATE TABLE facts (value TEXT NOT NULL)");
                database.execSQL("CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, "
                        + "lookup TEXT NOT NULL UNIQUE, name TEXT NOT NULL)");
                database.execSQL("CREATE TABLE templates (id INTEGER PRIMARY KEY AUTOINCREMENT, "
                        + "person INTEGER NOT NULL REFERENCES people, feature BLOB NOT NULL, "
                        + "source TEXT NOT NULL, added TEXT NOT NULL, score REAL, eyes REAL, "
                        + "brightness REAL, sharpness REAL, turn REAL, landmark_confidence REAL)");
                database.execSQL("INSERT INTO facts VALUES (?)",
                        new Object[] {identity.toJson().toString()});
                database.setVersion(VERSION);
            }
        });
    }

    private String first(String query, String... arguments) {
        try (Cursor cursor = database.rawQuery(query, arguments)) {
            return cursor.moveToFirst() ? cursor.getString(0) : null;
        }
    }

    private void inTransaction(Runnable work) {
        SQLException failure = null;
        try {
            database.beginTransaction();
        } catch (SQLException error) {
            throw reported(error);
        }
        try {
            work.run();
            database.setTransactionSuccessful();
        } catch (SQLException error) {
            failure = error;
        }
        try {
            database.endTransaction();
        } catch (SQLException error) { // a full disk has rolled back by itself
            failure = failure == null ? error : failure;
        }
        if (failure != null) {
            throw reported(failure);
        }
    }

    private static BadInput reported(SQLException error) {
        if (error instanceof SQLiteFullException || error instanceof SQLiteDiskIOException) {
            return new BadInput(BadInput.Kind.STORAGE, "no room on the phone", error);
        }
        boolean damaged = error instanceof SQLiteDatabaseCorruptException;
        return new BadInput(BadInput.Kind.GALLERY_DAMAGED,
                damaged ? "damaged gallery" : "no use of the gallery: " + error.getMessage(), error);
    }

    @Override
    public List<Gallery.Person> people() {
        Map<Long, Gallery.Person> people = new LinkedHashMap<>();
        try {
            try (Cursor row = database.rawQuery("SELECT id, name FROM people ORDER BY lookup",
                    null)) {
                while (row.moveToNext()) {
                    people.put(row.getLong(0), new Gallery.Person(row.getString(1)));
                }
            }
            try (Cursor row = database.rawQuery("SELECT person, id, feature, source, added, "
                    + String.join(", ", MEASURES) + " FROM templates ORDER BY id", null)) {
                while (row.moveToNext()) {
                    Gallery.Person person = people.get(row.getLong(0));
                    if (person != null) {
                        person.templates.add(template(row));
                    }
                }
            }
        } catch (SQLException error) {
            throw reported(error);
        }
        return new ArrayList<>(people.values());
    }

    private Gallery.Template template(Cursor row) {
        byte[] bytes = row.getBlob(2);
        if (bytes.length != 4 * featureDim) {
            throw new BadInput(BadInput.Kind.GALLERY_DAMAGED, "damaged gallery");
        }
        float[] feature = new float[featureDim];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(feature);
        Quality quality = row.isNull(5) ? null : new Quality(row.getDouble(5), row.getDouble(6),
                row.getDouble(7), row.getDouble(8), row.getDouble(9),
                row.isNull(10) ? Double.NaN : row.getDouble(10), 0);
        Gallery.Template template =
                new Gallery.Template(feature, row.getString(3), row.getString(4), quality);
        template.id = row.getLong(1);
        return template;
    }

    @Override
    public void add(final List<Gallery.Person> additions) {
        inTransaction(new Runnable() {
            @Override
            public void run() {
                for (Gallery.Person person : additions) {
                    database.execSQL("INSERT OR IGNORE INTO people (lookup, name) VALUES (?, ?)",
                            new Object[] {Gallery.key(person.name), person.name});
                    for (Gallery.Template template : person.templates) {
                        database.insertOrThrow("templates", null, values(person, template));
                    }
                }
            }
        });
    }

    private ContentValues values(Gallery.Person person, Gallery.Template template) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * featureDim).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(template.feature);
        ContentValues values = new ContentValues();
        values.put("person", id(person.name));
        values.put("feature", bytes.array());
        values.put("source", template.source);
        values.put("added", template.added);
        Quality quality = template.quality;
        if (quality != null) {
            double[] numbers = {quality.score, quality.eyes, quality.brightness,
                quality.sharpness, quality.turn, quality.landmarkConfidence};
            for (int i = 0; i < MEASURES.length; i++) {
                values.put(MEASURES[i], Double.isNaN(numbers[i]) ? null : (Double) numbers[i]);
            }
        }
        return values;
    }

    private String id(String name) {
        return first("SELECT id FROM people WHERE lookup = ?", Gallery.key(name));
    }

    @Override
    public void forget(final String name, final Gallery.Template only) {
        inTransaction(new Runnable() {
            @Override
            public void run() {
                String person = id(name);
                database.delete("templates", only == null ? "person = ?" : "person = ? AND id = ?",
                        only == null ? new String[] {person}
                                : new String[] {person, String.valueOf(only.id)});
                database.execSQL("DELETE FROM people WHERE id = ? AND NOT EXISTS "
                        + "(SELECT 1 FROM templates WHERE person = people.id)",
                        new Object[] {person});
            }
        });
        try {
            database.execSQL("VACUUM"); // moved rows may have left copies in free pages
        } catch (SQLException full) {
            // They are zeroed at least, by secure_delete.
        }
    }

    @Override
    public void rename(final String name, final String to) {
        inTransaction(new Runnable() {
            @Override
            public void run() {
                database.execSQL("UPDATE people SET lookup = ?, name = ? WHERE lookup = ?",
                        new Object[] {Gallery.key(to), to, Gallery.key(name)});
            }
        });
    }

    @Override
    public void close() {
        database.close();
    }
}
