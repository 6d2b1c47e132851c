package tfsphereface.core.bundle;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import tfsphereface.core.BadInput;
import tfsphereface.core.pixels.Pixels;
import tfsphereface.core.runtimes.TFLiteRuntime;

/** A bundle: its files, which are those that its contract names. */
public final class Bundle {
    private static final int MOST_CONTRACT_BYTES = 4 << 20;

    /** Files by their names in the bundle: a folder, or the assets of an app. */
    public interface Files {
        InputStream open(String name) throws IOException;

        /** Content of a file, direct, perhaps mapped into memory. */
        ByteBuffer map(String name) throws IOException;

        /** Pixels of a PNG. */
        Pixels picture(String name) throws IOException;
    }

    public final Contract contract;
    public final Files files;
    private final List<Contract.FileRecord> records = new ArrayList<>();

    /**
     * Opens a bundle: compares the contract with its checksum.
     *
     * @throws BadInput if it is none, damaged, or of another format
     */
    public Bundle(Files files) {
        this.files = files;
        byte[] content = read("contract.json", MOST_CONTRACT_BYTES);
        String line = new String(read("contract.json.sha256", 1024), StandardCharsets.US_ASCII);
        if (!line.equals(Checksums.sha256(content) + "  contract.json\n")) {
            throw damaged("contract.json", null);
        }
        contract = Contract.parse(content);
        records.addAll(contract.detectorFiles.values());
        records.add(contract.golden);
        for (Contract.Variant variant : contract.variants.values()) {
            records.add(variant.file);
        }
    }

    /**
     * Compares files with the contract: those of the detector, the golden faces, a variant.
     *
     * @throws BadInput if one is missing or changed
     */
    public void verify(String variant) {
        for (Contract.FileRecord record : records) {
            boolean other = false;
            for (Contract.Variant each : contract.variants.values()) {
                other |= each.file == record && !each.name.equals(variant);
            }
            if (!other) {
                verify(record);
            }
        }
    }

    private void verify(Contract.FileRecord record) {
        MessageDigest digest = Checksums.sha256();
        byte[] block = new byte[1 << 16];
        long bytes = 0;
        try (InputStream stream = files.open(record.file)) {
            for (int count; (count = stream.read(block)) >= 0; bytes += count) {
                digest.update(block, 0, count);
            }
        } catch (IOException error) {
            throw damaged(record.file, error);
        }
        if (bytes != record.bytes
                || !Checksums.hexadecimal(digest.digest()).equals(record.sha256)) {
            throw damaged(record.file, null);
        }
    }

    /** Content of a network, as {@link TFLiteRuntime#open} takes it. */
    public ByteBuffer network(Contract.FileRecord record) {
        try {
            return files.map(record.file).order(ByteOrder.nativeOrder());
        } catch (IOException error) {
            throw damaged(record.file, error);
        }
    }

    /** The golden faces, as golden.json has them. */
    public List<StrictJson> goldenFaces() {
        byte[] content = read(contract.golden.file, MOST_CONTRACT_BYTES);
        if (!Checksums.sha256(content).equals(contract.golden.sha256)) {
            throw damaged(contract.golden.file, null);
        }
        try {
            return StrictJson.parse(content).parts("faces");
        } catch (IllegalArgumentException error) {
            throw damaged(contract.golden.file, error);
        }
    }

    /** Pixels of a golden picture, whose checksum golden.json has. */
    public Pixels picture(String name, String sha256) {
        try {
            if (!Checksums.sha256(read(name, 64 << 20)).equals(sha256)) {
                throw damaged(name, null);
            }
            return files.picture(name);
        } catch (IOException error) {
            throw damaged(name, error);
        }
    }

    private byte[] read(String name, int most) {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        byte[] block = new byte[1 << 14];
        try (InputStream stream = files.open(name)) {
            for (int count; (count = stream.read(block)) >= 0; ) {
                content.write(block, 0, count);
                if (content.size() > most) {
                    throw damaged(name, null);
                }
            }
        } catch (IOException error) {
            throw damaged(name, error);
        }
        return content.toByteArray();
    }

    private static BadInput damaged(String name, Exception cause) {
        String how = cause instanceof IOException ? "missing or unreadable" : "not that of the contract";
        return new BadInput(BadInput.Kind.BUNDLE_DAMAGED, "damaged bundle: " + name + " is " + how,
                cause);
    }
}
