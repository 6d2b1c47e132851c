package tfsphereface.core.bundle;

import com.eclipsesource.json.Json;
import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tfsphereface.core.BadInput;
import tfsphereface.core.detection.Cascade;
import tfsphereface.core.pixels.CropGeometry;

/** The contract of a bundle: all that a program needs to match faces as measured. */
public final class Contract {
    public static final int FORMAT_VERSION = 3;
    private static final double MOST_LEVELS_AREA = 1.5; // a bound on the time for a photo

    /** A file with the checksum that it must have. */
    public static final class FileRecord {
        public final String file;
        public final String sha256;
        public final long bytes;

        FileRecord(StrictJson record) {
            file = record.text("file");
            sha256 = record.text("sha256");
            bytes = (long) record.number("bytes");
            if (file.startsWith("/") || file.contains("\\") || (file + "/").contains("../")) {
                throw new IllegalArgumentException("a file must lie in the bundle: " + file);
            }
        }
    }

    /** Type of a tensor and how real values are stored in it. */
    public static final class Tensor {
        public final String dtype;
        public final double scale; // 0: values as they are
        public final int zeroPoint;

        Tensor(StrictJson record) {
            dtype = record.text("dtype");
            boolean quantised = record.has("quantization");
            scale = quantised ? record.part("quantization").number("scale") : 0;
            zeroPoint = quantised ? record.part("quantization").whole("zero_point") : 0;
        }
    }

    /** A TFLite file of the embedding network, with its thresholds. */
    public static final class Variant {
        public final String name;
        public final FileRecord file;
        public final Tensor input;
        public final Tensor output;
        public final double leastCosine;
        public final Map<String, Double> thresholds; // null if none was measured
        public final Map<String, Double> crossVariantThresholds; // likewise
        public final Double differentBelow;
        public final long impostorPairs; // 0 if it is not calibrated
        public final boolean passed;
        public final String runtime; // null in older bundles

        Variant(String name, StrictJson record) {
            this.name = name;
            file = new FileRecord(record);
            input = new Tensor(record.part("input"));
            output = new Tensor(record.part("output"));
            leastCosine = record.part("drift").number("min_cosine");
            thresholds = thresholds(record);
            crossVariantThresholds =
                    record.has("cross_variant") ? thresholds(record.part("cross_variant")) : null;
            StrictJson calibration =
                    record.has("calibration") ? record.part("calibration") : null;
            differentBelow = calibration != null && calibration.has("different_below")
                    ? (Double) calibration.number("different_below") : null;
            impostorPairs = calibration == null ? 0 : (long) calibration.number("impostor");
            passed = !record.has("gate") || record.part("gate").flag("passed");
            runtime = record.has("runtime") ? record.part("runtime").text("tensorflow_lite")
                    : null;
        }

        private static Map<String, Double> thresholds(StrictJson record) {
            if (!record.has("thresholds")) {
                return null;
            }
            StrictJson measured = record.part("thresholds");
            Map<String, Double> thresholds = new LinkedHashMap<>();
            for (String key : measured.keys()) {
                thresholds.put(key, measured.number(key));
            }
            return thresholds;
        }
    }

    public final CropGeometry crop;
    public final boolean bgr;
    public final double[] mean; // of one or of three channels
    public final double[] scale;
    public final int embeddingDim;
    public final String mirror;
    public final List<String> inside;
    public final String model;
    public final Map<String, Variant> variants = new LinkedHashMap<>();
    public final String defaultVariant;
    public final Cascade.Settings detector;
    public final Map<String, FileRecord> detectorFiles = new LinkedHashMap<>();
    public final FileRecord golden;
    private final StrictJson document;

    /**
     * Reads contract.json.
     *
     * @throws BadInput if it is damaged, of another format, or unfit for this program
     */
    public static Contract parse(byte[] content) {
        try {
            return new Contract(StrictJson.parse(content));
        } catch (IllegalArgumentException error) {
            throw new BadInput(BadInput.Kind.BUNDLE_DAMAGED,
                    "damaged contract: " + error.getMessage(), error);
        }
    }

    private Contract(StrictJson document) {
        this.document = document;
        int version = document.whole("format_version");
        if (version != FORMAT_VERSION) {
            throw new BadInput(version > FORMAT_VERSION ? BadInput.Kind.BUNDLE_NEWER
                    : BadInput.Kind.BUNDLE_UNFIT,
                    "the bundle has format version " + version + ", this program reads "
                            + FORMAT_VERSION);
        }
        StrictJson pixels = document.part("pixels");
        crop = new CropGeometry(side(pixels, "height"), side(pixels, "width"),
                document.landmarks("landmark_template"), "photo".equals(fit()));
        bgr = "BGR".equals(pixels.text("channel_order"));
        mean = pixels.numbers("mean");
        scale = pixels.numbers("scale");
        embeddingDim = document.whole("embedding_dim");
        StrictJson feature = document.part("feature");
        mirror = feature.has("mirror") ? feature.text("mirror") : "none";
        inside = feature.has("inside") ? feature.texts("inside") : new ArrayList<String>();
        model = document.part("model").text("name");
        StrictJson named = document.part("variants");
        for (String name : named.keys()) {
            variants.put(name, new Variant(name, named.part(name)));
        }
        defaultVariant = document.text("default_variant");
        if (!variants.containsKey(defaultVariant)) {
            throw new IllegalArgumentException("no variant " + defaultVariant);
        }
        detector = settings(document.part("detector").part("settings"));
        StrictJson files = document.part("detector").part("files");
        for (String name : new String[] {"pnet", "rnet", "onet"}) {
            detectorFiles.put(name, new FileRecord(files.part(name)));
        }
        golden = new FileRecord(document.part("golden"));
    }

    private String fit() {
        return document.has("landmark_fit") ? document.text("landmark_fit") : "crop";
    }

    private static int side(StrictJson pixels, String key) {
        int side = pixels.whole(key);
        if (side < 1 || side > 1024) {
            throw new IllegalArgumentException(key + " must be 1 to 1024");
        }
        return side;
    }

    /** Settings of a detector, as a contract or a contract case has them. */
    public static Cascade.Settings settings(StrictJson record) {
        Cascade.Settings s = new Cascade.Settings();
        s.smallestFace = number(record, "smallest_face", s.smallestFace, 12, 1e6);
        s.pyramidFactor = number(record, "pyramid_factor", s.pyramidFactor, 0.1, 0.9);
        s.levelOverlap = number(record, "level_overlap", s.levelOverlap, 0, 1);
        s.photoOverlap = number(record, "photo_overlap", s.photoOverlap, 0, 1);
        s.refinedOverlap = number(record, "refined_overlap", s.refinedOverlap, 0, 1);
        s.faceOverlap = number(record, "face_overlap", s.faceOverlap, 0, 1);
        s.thresholds = probabilities(record, "thresholds", s.thresholds);
        s.secondThresholds = probabilities(record, "second_thresholds", s.secondThresholds);
        s.consensus = record.has("landmark_rule")
                && "consensus".equals(record.text("landmark_rule"));
        if (s.levelsArea() > MOST_LEVELS_AREA) {
            throw new IllegalArgumentException("the detector's settings take too long a time");
        }
        return s;
    }

    private static double number(StrictJson record, String key, double otherwise, double low,
            double high) {
        double value = record.has(key) ? record.number(key) : otherwise;
        if (!(value >= low && value <= high)) {
            throw new IllegalArgumentException(key + " must be " + low + " to " + high);
        }
        return value;
    }

    private static double[] probabilities(StrictJson record, String key, double[] otherwise) {
        double[] values = record.has(key) ? record.numbers(key) : otherwise;
        for (double value : values) {
            if (values.length != 3 || !(value >= 0.1 && value < 1)) {
                throw new IllegalArgumentException(key + " must be three numbers, 0.1 to 1");
            }
        }
        return values;
    }

    /** Length of a feature. */
    public int featureDim() {
        return embeddingDim * ("concat".equals(mirror) ? 2 : 1);
    }

    /** Whether mirror images are embedded by the program, not by the file. */
    public boolean mirrorsOutside() {
        return !"none".equals(mirror) && !inside.contains("mirror");
    }

    /** Length of the file's output. */
    public int outputDim() {
        return mirrorsOutside() ? embeddingDim : featureDim();
    }

    /**
     * Variants that passed the gate and that a runtime of this version can run.
     *
     * @param runtime such as "2.16.1"
     */
    public List<Variant> variantsFor(String runtime) {
        List<Variant> usable = new ArrayList<>();
        for (Variant variant : variants.values()) {
            if (variant.passed
                    && (variant.runtime == null || compare(variant.runtime, runtime) <= 0)) {
                usable.add(variant);
            }
        }
        return usable;
    }

    static int compare(String version, String other) {
        String[] first = version.split("\\.");
        String[] second = other.split("\\.");
        for (int i = 0; i < Math.min(first.length, second.length); i++) {
            int order = Integer.compare(Integer.parseInt(first[i]), Integer.parseInt(second[i]));
            if (order != 0) {
                return order;
            }
        }
        return Integer.compare(first.length, second.length);
    }

    /** All that two features must have in common to be compared. */
    public Identity identity(String variant) {
        StrictJson pixels = document.part("pixels");
        JsonObject crops = new JsonObject().add("height", crop.height).add("width", crop.width)
                .add("landmark_template", document.value("landmark_template"))
                .add("landmark_fit", fit());
        JsonObject all = new JsonObject(crops)
                .add("channel_order", pixels.value("channel_order"))
                .add("mean", pixels.value("mean")).add("scale", pixels.value("scale"))
                .add("embedding_dim", embeddingDim).add("mirror", mirror)
                .add("detector", document.part("detector").value("settings"));
        JsonArray steps = new JsonArray();
        for (String step : inside) {
            steps.add(step);
        }
        JsonObject files = new JsonObject().add("embedder", variants.get(variant).file.sha256);
        for (Map.Entry<String, FileRecord> file : detectorFiles.entrySet()) {
            files.add(file.getKey(), file.getValue().sha256);
        }
        all.add("inside", steps).add("files", files);
        return new Identity(variant, mirror, featureDim(), crop.height, crop.width,
                Checksums.ofParts(crops), Checksums.ofParts(all));
    }

    /** Identity of features; those of one gallery must have the same. */
    public static final class Identity {
        public final String variant;
        public final String mirror;
        public final int featureDim;
        public final int cropHeight;
        public final int cropWidth;
        public final String crops;
        public final String features;

        public Identity(String variant, String mirror, int featureDim, int cropHeight,
                int cropWidth, String crops, String features) {
            this.variant = variant;
            this.mirror = mirror;
            this.featureDim = featureDim;
            this.cropHeight = cropHeight;
            this.cropWidth = cropWidth;
            this.crops = crops;
            this.features = features;
        }

        /** As the exchange file has it. */
        public JsonObject toJson() {
            return new JsonObject().add("variant", variant).add("mirror", mirror)
                    .add("feature_dim", featureDim)
                    .add("crop_size", Json.array(cropHeight, cropWidth)).add("crops", crops)
                    .add("features", features);
        }

        /** Reads what {@link #toJson} writes. */
        public static Identity of(StrictJson record) {
            record.only("variant", "mirror", "feature_dim", "crop_size", "crops", "features");
            double[] size = record.numbers("crop_size");
            if (size.length != 2) {
                throw new IllegalArgumentException("crop_size must be two numbers");
            }
            return new Identity(record.text("variant"), record.text("mirror"),
                    record.whole("feature_dim"), (int) size[0], (int) size[1],
                    record.text("crops"), record.text("features"));
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Identity && ((Identity) other).toJson().equals(toJson());
        }

        @Override
        public int hashCode() {
            return features.hashCode();
        }
    }
}
