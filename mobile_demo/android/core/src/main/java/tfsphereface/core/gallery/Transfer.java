package tfsphereface.core.gallery;

import com.eclipsesource.json.Json;
import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tfsphereface.core.BadInput;
import tfsphereface.core.bundle.Contract;
import tfsphereface.core.bundle.StrictJson;
import tfsphereface.core.pixels.Pixels;

/** A gallery as one file, the same as `sphereface people --export` writes. */
public final class Transfer {
    /** Bytes of a file that are read at most. */
    public static final int LARGEST_FILE = 64 << 20;

    private static final String KIND = "tf_sphereface gallery";
    private static final int LONGEST_SOURCE = 1000;
    private static final int LARGEST_CROP = 1 << 22; // characters
    private static final String[] MEASURES = {
        "score", "eyes", "brightness", "sharpness", "turn", "landmark_confidence"
    };

    /** Decodes a PNG. */
    public interface Decoder {
        Pixels decode(byte[] content) throws IOException;
    }

    private Transfer() {}

    /** The file of a gallery. */
    public static byte[] export(Gallery gallery, Contract.Identity identity) {
        JsonArray people = new JsonArray();
        for (Gallery.Person person : gallery.people()) {
            JsonArray templates = new JsonArray();
            for (Gallery.Template template : person.templates) {
                templates.add(stored(template));
            }
            people.add(new JsonObject().add("name", person.name).add("templates", templates));
        }
        String text = new JsonObject().add("kind", KIND).add("format_version", 1)
                .add("identity", identity.toJson()).add("people", people).toString();
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static JsonObject stored(Gallery.Template template) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * template.feature.length)
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(template.feature);
        JsonObject stored = new JsonObject().add("added", template.added)
                .add("source", template.source)
                .add("feature", Base64.getEncoder().encodeToString(bytes.array()));
        Quality quality = template.quality;
        if (quality == null) {
            stored.add("quality", Json.NULL);
        } else {
            JsonObject measures = new JsonObject().add("score", quality.score)
                    .add("eyes", quality.eyes).add("brightness", quality.brightness)
                    .add("sharpness", quality.sharpness).add("turn", quality.turn);
            boolean one = Double.isNaN(quality.landmarkConfidence);
            measures.add("landmark_confidence",
                    one ? Json.NULL : Json.value(quality.landmarkConfidence));
            stored.add("quality", measures);
        }
        return stored.add("crop", Json.NULL);
    }

    /**
     * Adds the people of a file to a gallery: all of them, or none.
     *
     * <p>Templates that are there already are passed over; pictures in the file are looked at
     * and not kept.
     *
     * @return number of templates that were added
     * @throws BadInput if the file is none, damaged, or of another bundle or variant
     */
    public static int importInto(Gallery gallery, Contract.Identity identity, byte[] content,
            Decoder decoder) {
        List<Gallery.Person> read;
        try {
            read = read(content, identity, decoder);
        } catch (IllegalArgumentException | IOException error) {
            throw new BadInput(BadInput.Kind.GALLERY_DAMAGED,
                    "no gallery: " + error.getMessage(), error);
        }
        List<Gallery.Person> additions = new ArrayList<>();
        Map<String, List<float[]>> seen = new HashMap<>();
        int added = 0;
        for (Gallery.Person person : read) {
            String key = Gallery.key(person.name);
            if (!seen.containsKey(key)) {
                seen.put(key, new ArrayList<float[]>());
                Gallery.Person there = gallery.person(person.name);
                for (Gallery.Template template : there == null
                        ? new ArrayList<Gallery.Template>() : there.templates) {
                    seen.get(key).add(template.feature);
                }
            }
            Gallery.Person addition = new Gallery.Person(person.name);
            for (Gallery.Template template : person.templates) {
                if (!contains(seen.get(key), template.feature)) {
                    addition.templates.add(template);
                    seen.get(key).add(template.feature);
                }
            }
            if (!addition.templates.isEmpty()) {
                additions.add(addition);
                added += addition.templates.size();
            }
        }
        gallery.add(additions);
        return added;
    }

    private static boolean contains(List<float[]> features, float[] feature) {
        for (float[] other : features) {
            if (Arrays.equals(other, feature)) {
                return true;
            }
        }
        return false;
    }

    private static List<Gallery.Person> read(byte[] content, Contract.Identity identity,
            Decoder decoder) throws IOException {
        StrictJson document = StrictJson.parse(content)
                .only("kind", "format_version", "identity", "people");
        if (!document.text("kind").equals(KIND) || document.whole("format_version") != 1) {
            throw new IllegalArgumentException("it is of another kind, or of a newer version");
        }
        if (!Contract.Identity.of(document.part("identity")).equals(identity)) {
            throw new BadInput(BadInput.Kind.GALLERY_FOREIGN,
                    "the file has templates of another bundle or variant; they are never compared");
        }
        List<Gallery.Person> people = new ArrayList<>();
        for (StrictJson stored : document.parts("people")) {
            stored.only("name", "templates");
            Gallery.Person person = new Gallery.Person(stored.text("name"));
            Gallery.requireName(person.name);
            for (StrictJson template : stored.parts("templates")) {
                person.templates.add(template(template, identity, decoder));
            }
            if (person.templates.isEmpty()) {
                throw new IllegalArgumentException("a person without templates");
            }
            people.add(person);
        }
        return people;
    }

    private static Gallery.Template template(StrictJson stored, Contract.Identity identity,
            Decoder decoder) throws IOException {
        stored.only("added", "source", "feature", "quality", "crop");
        String added = stored.text("added");
        String source = stored.text("source");
        if (!added.matches("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
                || source.codePointCount(0, source.length()) > LONGEST_SOURCE) {
            throw new IllegalArgumentException("a template's time or source is none");
        }
        byte[] bytes = decoded(stored.text("feature"));
        if (bytes.length != 4 * identity.featureDim) {
            throw new IllegalArgumentException("a template of another length");
        }
        FloatBuffer numbers =
                ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
        float[] feature = new float[identity.featureDim];
        numbers.get(feature);
        Gallery.requireFeature(feature);
        if (stored.has("crop")) {
            String crop = stored.text("crop");
            Pixels pixels = crop.length() > LARGEST_CROP ? null : decoder.decode(decoded(crop));
            if (pixels == null || pixels.width != identity.cropWidth
                    || pixels.height != identity.cropHeight) {
                throw new IllegalArgumentException("a crop of another size");
            }
        }
        return new Gallery.Template(feature, source, added,
                stored.has("quality") ? quality(stored.part("quality")) : null);
    }

    private static Quality quality(StrictJson stored) {
        stored.only(MEASURES);
        double[] values = new double[MEASURES.length];
        for (int i = 0; i < values.length; i++) {
            boolean optional = i == MEASURES.length - 1;
            values[i] = optional && !stored.has(MEASURES[i]) ? Double.NaN
                    : stored.number(MEASURES[i]);
            if (Math.abs(values[i]) > 1e6) {
                throw new IllegalArgumentException(MEASURES[i] + " is too large");
            }
        }
        return new Quality(values[0], values[1], values[2], values[3], values[4], values[5], 0);
    }

    private static byte[] decoded(String text) {
        byte[] bytes = Base64.getDecoder().decode(text);
        if (!Base64.getEncoder().encodeToString(bytes).equals(text)) {
            throw new IllegalArgumentException("text that is no base64");
        }
        return bytes;
    }
}
