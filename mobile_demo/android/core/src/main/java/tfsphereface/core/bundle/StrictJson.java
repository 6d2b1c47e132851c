package tfsphereface.core.bundle;

import com.eclipsesource.json.Json;
import com.eclipsesource.json.JsonArray;
import com.eclipsesource.json.JsonObject;
import com.eclipsesource.json.JsonValue;
import com.eclipsesource.json.ParseException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** JSON that every reader reads alike, and its values without conversions. */
public final class StrictJson {
    private final JsonObject object;
    private final String place; // for messages

    private StrictJson(JsonObject object, String place) {
        this.object = object;
        this.place = place;
    }

    /**
     * Reads a document: an object, in UTF-8, no key twice, no NaN, no endless nesting.
     *
     * @throws IllegalArgumentException with the reason in a line
     */
    public static StrictJson parse(byte[] content) {
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content))
                    .toString();
            JsonValue value = Json.parse(text);
            requirePlain(value);
            if (!value.isObject()) {
                throw new IllegalArgumentException("it is no JSON object");
            }
            return new StrictJson(value.asObject(), "");
        } catch (CharacterCodingException error) {
            throw new IllegalArgumentException("it is not in UTF-8", error);
        } catch (ParseException error) {
            throw new IllegalArgumentException("it is no JSON: " + error.getMessage(), error);
        }
    }

    private static void requirePlain(JsonValue value) {
        if (value.isObject()) {
            Set<String> seen = new HashSet<>();
            for (JsonObject.Member member : value.asObject()) {
                requireWhole(member.getName());
                if (!seen.add(member.getName())) {
                    throw new IllegalArgumentException(
                            "the key '" + member.getName() + "' is there twice");
                }
                requirePlain(member.getValue());
            }
        } else if (value.isArray()) {
            for (JsonValue part : value.asArray()) {
                requirePlain(part);
            }
        } else if (value.isString()) {
            requireWhole(value.asString());
        } else if (value.isNumber() && Double.isInfinite(value.asDouble())) {
            throw new IllegalArgumentException("a number is too large");
        }
    }

    private static void requireWhole(String text) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException("a text has half a character");
        }
    }

    /** Refuses keys that are not among these. */
    public StrictJson only(String... keys) {
        for (String name : object.names()) {
            if (!Arrays.asList(keys).contains(name)) {
                throw new IllegalArgumentException(place + name + ": unknown key");
            }
        }
        return this;
    }

    public List<String> keys() {
        return object.names();
    }

    public boolean has(String key) {
        JsonValue value = object.get(key);
        return value != null && !value.isNull();
    }

    public JsonValue value(String key) {
        JsonValue value = object.get(key);
        if (value == null) {
            throw new IllegalArgumentException(place + key + ": missing");
        }
        return value;
    }

    public String text(String key) {
        return require(value(key).isString(), key, "text").asString();
    }

    public double number(String key) {
        return require(value(key).isNumber(), key, "number").asDouble();
    }

    public int whole(String key) {
        double number = number(key);
        if (number != Math.rint(number) || Math.abs(number) > Integer.MAX_VALUE
                || !value(key).toString().matches("-?[0-9]+")) {
            throw new IllegalArgumentException(place + key + ": no whole number");
        }
        return (int) number;
    }

    public boolean flag(String key) {
        return require(value(key).isBoolean(), key, "true or false").asBoolean();
    }

    public StrictJson part(String key) {
        JsonObject part = require(value(key).isObject(), key, "object").asObject();
        return new StrictJson(part, place + key + ".");
    }

    public List<StrictJson> parts(String key) {
        List<StrictJson> parts = new ArrayList<>();
        JsonArray array = require(value(key).isArray(), key, "list").asArray();
        for (JsonValue value : array) {
            String name = key + "." + parts.size();
            if (!value.isObject()) {
                throw new IllegalArgumentException(place + name + ": no object");
            }
            parts.add(new StrictJson(value.asObject(), place + name + "."));
        }
        return parts;
    }

    /** A list of numbers, or one number as a list of one. */
    public double[] numbers(String key) {
        JsonValue value = value(key);
        if (value.isNumber()) {
            return new double[] {value.asDouble()};
        }
        return numbers(require(value.isArray(), key, "list").asArray());
    }

    private double[] numbers(JsonArray array) {
        double[] numbers = new double[array.size()];
        for (int i = 0; i < numbers.length; i++) {
            if (!array.get(i).isNumber()) {
                throw new IllegalArgumentException(place + i + ": no number");
            }
            numbers[i] = array.get(i).asDouble();
        }
        return numbers;
    }

    /** Five x,y pixels. */
    public double[][] landmarks(String key) {
        JsonArray array = require(value(key).isArray(), key, "list").asArray();
        double[][] points = new double[array.size()][];
        for (int i = 0; i < points.length; i++) {
            JsonValue point = array.get(i);
            points[i] = numbers(typed(point, point.isArray(), key, "list").asArray());
            typed(point, points[i].length == 2, key, "point of two numbers");
        }
        if (points.length != 5) {
            throw new IllegalArgumentException(place + key + ": not five points");
        }
        return points;
    }

    public List<String> texts(String key) {
        List<String> texts = new ArrayList<>();
        for (JsonValue value : require(value(key).isArray(), key, "list").asArray()) {
            texts.add(typed(value, value.isString(), key, "text").asString());
        }
        return texts;
    }

    private JsonValue require(boolean holds, String key, String what) {
        return typed(value(key), holds, key, what);
    }

    private JsonValue typed(JsonValue value, boolean holds, String key, String what) {
        if (!holds) {
            throw new IllegalArgumentException(place + key + ": no " + what);
        }
        return value;
    }
}
