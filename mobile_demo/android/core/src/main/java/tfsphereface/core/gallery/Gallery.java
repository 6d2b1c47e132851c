package tfsphereface.core.gallery;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import tfsphereface.core.BadInput;

/** Enrolled people, and the names of faces by an exact search of all their templates. */
public final class Gallery {
    public static final int LONGEST_NAME = 200;
    // Zero-width joiners are part of the spelling of Persian and Sinhala names, and of emoji;
    // elsewhere two names with and without one look the same.
    private static final Pattern JOINERS = Pattern.compile(
            "(?<=[^\\x00-\\x{24f}\\x{200c}\\x{200d}])[\\x{200c}\\x{200d}]"
                    + "(?=[^\\x00-\\x{24f}\\x{200c}\\x{200d}])");

    /** How the score of a person comes from those of the templates. */
    public enum Rule { BEST, MEAN, TOP_K }

    /** The feature of one photo of a person. */
    public static final class Template {
        public final float[] feature;
        public final String source;
        public final String added; // UTC, such as 2026-11-30T12:00:00Z
        public final Quality quality; // null if it was not measured
        public long id; // of the store

        public Template(float[] feature, String source, String added, Quality quality) {
            this.feature = feature;
            this.source = source;
            this.added = added;
            this.quality = quality;
        }
    }

    /** A person, with one template at least. */
    public static final class Person {
        public final String name;
        public final List<Template> templates = new ArrayList<>();

        public Person(String name) {
            this.name = name;
        }
    }

    /** Keeps people; what a method did is on the disk when it returns, or nothing is. */
    public interface Store {
        /** The people, by name. */
        List<Person> people();

        /**
         * Adds templates, all of them or none, to people who may be new.
         *
         * @throws BadInput if there is no room
         */
        void add(List<Person> additions);

        /** Deletes a person for good, or one template; a person without any goes. */
        void forget(String name, Template only);

        /** Gives a person another name. */
        void rename(String name, String to);
    }

    /** The nearest person to a face, and the decision. */
    public static final class Naming {
        public final String name; // null unless known
        public final Decision decision; // null without a threshold
        public final String nearest; // null in a gallery without people
        public final Double score;
        public final Double margin; // to the next person; null if there is none

        Naming(String name, Decision decision, String nearest, Double score, Double margin) {
            this.name = name;
            this.decision = decision;
            this.nearest = nearest;
            this.score = score;
            this.margin = margin;
        }
    }

    private final Store store;
    private List<Person> people = new ArrayList<>();
    private List<float[][]> units = new ArrayList<>();

    public Gallery(Store store) {
        this.store = store;
        reload();
    }

    private void reload() {
        people = store.people();
        units = new ArrayList<>();
        for (Person person : people) {
            float[][] rows = new float[person.templates.size()][];
            for (int i = 0; i < rows.length; i++) {
                rows[i] = unit(person.templates.get(i).feature);
            }
            units.add(rows);
        }
    }

    public synchronized List<Person> people() {
        return Collections.unmodifiableList(people);
    }

    /** Number of templates. */
    public synchronized int size() {
        int size = 0;
        for (Person person : people) {
            size += person.templates.size();
        }
        return size;
    }

    /** Adds templates of people, as {@link Store#add}. */
    public synchronized void add(List<Person> additions) {
        for (Person person : additions) {
            requireName(person.name);
            for (Template template : person.templates) {
                requireFeature(template.feature);
            }
        }
        store.add(additions);
        reload();
    }

    /** Adds one template. */
    public void add(String name, Template template) {
        Person person = new Person(name);
        person.templates.add(template);
        add(Collections.singletonList(person));
    }

    public synchronized void forget(String name, Template only) {
        store.forget(name, only);
        reload();
    }

    /** Gives a person another name, which nobody has. */
    public synchronized void rename(String name, String to) {
        requireName(to);
        Person other = person(to);
        if (other != null && !other.name.equals(name)) {
            throw new BadInput(BadInput.Kind.NAME, "there is somebody of that name: " + to);
        }
        store.rename(name, to);
        reload();
    }

    /** The person of a name, however its accents are written; null if there is none. */
    public synchronized Person person(String name) {
        for (Person person : people) {
            if (key(person.name).equals(key(name))) {
                return person;
            }
        }
        return null;
    }

    /**
     * Names a face.
     *
     * @param k of the rule TOP_K
     */
    public synchronized Naming name(float[] feature, Decision.Threshold threshold, Rule rule,
            int k) {
        float[] probe = unit(feature);
        int best = -1;
        double score = 0;
        Double second = null;
        for (int i = 0; i < people.size(); i++) {
            double found = score(probe, units.get(i), rule, k);
            if (best < 0 || found > score) {
                second = best < 0 ? null : (Double) score;
                best = i;
                score = found;
            } else if (second == null || found > second) {
                second = found;
            }
        }
        if (best < 0) {
            return new Naming(null, Decision.UNKNOWN, null, null, null);
        }
        Decision decision = Decision.of(score, threshold.score, threshold.differentBelow);
        String nearest = people.get(best).name;
        return new Naming(decision == Decision.KNOWN ? nearest : null, decision, nearest, score,
                second == null ? null : (Double) (score - second));
    }

    /** The best score of a face with one person's templates; null without the person. */
    public synchronized Double scoreWith(String name, float[] feature) {
        for (int i = 0; i < people.size(); i++) {
            if (key(people.get(i).name).equals(key(name))) {
                return score(unit(feature), units.get(i), Rule.BEST, 1);
            }
        }
        return null;
    }

    private static double score(float[] probe, float[][] rows, Rule rule, int k) {
        double[] scores = new double[rows.length];
        for (int i = 0; i < rows.length; i++) {
            scores[i] = dot(probe, rows[i]);
        }
        Arrays.sort(scores);
        int counted = rule == Rule.BEST ? 1 : rule == Rule.MEAN ? rows.length
                : Math.min(k, rows.length);
        double sum = 0;
        for (int i = 0; i < counted; i++) {
            sum += scores[rows.length - 1 - i];
        }
        return sum / counted;
    }

    /** Cosine of two features, -1..1. */
    public static double cosine(float[] first, float[] second) {
        return Math.max(-1, Math.min(1, dot(unit(first), unit(second))));
    }

    private static double dot(float[] first, float[] second) {
        if (first.length != second.length) {
            throw new IllegalArgumentException("features of two lengths: " + first.length
                    + " and " + second.length);
        }
        double sum = 0;
        for (int i = 0; i < first.length; i++) {
            sum += (double) first[i] * second[i];
        }
        return sum;
    }

    /** A feature divided by its length. */
    public static float[] unit(float[] feature) {
        double squares = 0;
        for (float value : feature) {
            squares += (double) value * value;
        }
        float[] unit = new float[feature.length];
        for (int i = 0; i < unit.length; i++) {
            unit[i] = (float) (feature[i] / Math.sqrt(squares));
        }
        return unit;
    }

    static void requireFeature(float[] feature) {
        boolean zero = true;
        for (float value : feature) {
            if (Float.isNaN(value) || Float.isInfinite(value)) {
                throw new BadInput(BadInput.Kind.GALLERY_DAMAGED, "a feature must be finite");
            }
            zero &= value == 0;
        }
        if (zero) {
            throw new BadInput(BadInput.Kind.GALLERY_DAMAGED, "a feature must not be zero");
        }
    }

    /** The one spelling of a name by which a person is found. */
    public static String key(String name) {
        return Normalizer.normalize(name, Normalizer.Form.NFC);
    }

    /** Refuses names that are empty, too long, hidden or with spaces at their ends. */
    public static void requireName(String name) {
        int length = name.codePointCount(0, name.length());
        String seen = JOINERS.matcher(name).replaceAll("");
        boolean good = length > 0 && length <= LONGEST_NAME && !name.startsWith(" ")
                && !name.endsWith(" ");
        for (int i = 0; good && i < seen.length(); i += Character.charCount(seen.codePointAt(i))) {
            good = isPrintable(seen.codePointAt(i));
        }
        if (!good) {
            throw new BadInput(BadInput.Kind.NAME, "a name must have 1 to " + LONGEST_NAME
                    + " characters, no control characters and no spaces at its ends");
        }
    }

    private static boolean isPrintable(int point) {
        switch (Character.getType(point)) {
            case Character.CONTROL:
            case Character.FORMAT:
            case Character.SURROGATE:
            case Character.PRIVATE_USE:
            case Character.UNASSIGNED:
            case Character.LINE_SEPARATOR:
            case Character.PARAGRAPH_SEPARATOR:
                return false;
            case Character.SPACE_SEPARATOR:
                return point == ' ';
            default:
                return true;
        }
    }
}
