package tfsphereface.core.bundle;

import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** SHA-256 of files, and of values in a form that is the same in every language. */
public final class Checksums {
    private Checksums() {}

    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException error) {
            throw new AssertionError(error); // every Java has it
        }
    }

    public static String sha256(byte[] content) {
        return hexadecimal(sha256().digest(content));
    }

    static String hexadecimal(byte[] digest) {
        StringBuilder text = new StringBuilder();
        for (byte value : digest) {
            text.append(Character.forDigit(value >> 4 & 15, 16));
            text.append(Character.forDigit(value & 15, 16));
        }
        return text.toString();
    }

    /**
     * Checksum of sorted lines "path=value" of each number and text.
     *
     * <p>The path has the keys and places from the outside inwards, joined by dots; a number is
     * the 16 hexadecimal digits of its float64.
     */
    public static String ofParts(JsonValue parts) {
        List<String> lines = new ArrayList<>();
        addLines(lines, parts, "");
        Collections.sort(lines);
        StringBuilder text = new StringBuilder();
        for (String line : lines) {
            text.append(line).append('\n');
        }
        return sha256(text.toString().getBytes(StandardCharsets.UTF_8));
    }

    private static void addLines(List<String> lines, JsonValue value, String path) {
        if (value.isObject()) {
            for (JsonObject.Member member : value.asObject()) {
                addLines(lines, member.getValue(), below(path, member.getName()));
            }
        } else if (value.isArray()) {
            for (int i = 0; i < value.asArray().size(); i++) {
                addLines(lines, value.asArray().get(i), below(path, String.valueOf(i)));
            }
        } else if (value.isNumber()) {
            long bits = Double.doubleToLongBits(value.asDouble());
            lines.add(path + "=" + String.format("%016x", bits));
        } else {
            lines.add(path + "=" + value.asString());
        }
    }

    private static String below(String path, String key) {
        return path.isEmpty() ? key : path + "." + key;
    }
}
