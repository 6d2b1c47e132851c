#!/usr/bin/env bash
# Checks build/faces.apk: manifest, permissions, signature, alignment, dex, assets.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/build"
apk=faces.apk
fail() { echo "error: $apk: $*" >&2; exit 1; }

badging=$(aapt2 dump badging $apk)
grep -q "package: name='tfsphereface.app'" <<<"$badging" || fail "another package"
grep -q "sdkVersion:'26'" <<<"$badging" || fail "not for Android 8"
grep -q "launchable-activity: name='tfsphereface.app.MainActivity'" <<<"$badging" ||
  fail "nothing to launch"
grep -q "native-code: 'arm64-v8a' 'x86_64'" <<<"$badging" || fail "other processors"
permissions=$(grep "^uses-permission" <<<"$badging")
[ "$permissions" = "uses-permission: name='android.permission.CAMERA'" ] ||
  fail "permissions: $permissions"
manifest=$(aapt2 dump xmltree --file AndroidManifest.xml $apk)
grep -q 'allowBackup.*=false' <<<"$manifest" || fail "backups are allowed"

verified=$(apksigner verify --verbose --min-sdk-version 26 $apk)
grep -q "v2 scheme (APK Signature Scheme v2): true" <<<"$verified" || fail "no v2 signature"
grep -q "v3 scheme (APK Signature Scheme v3): true" <<<"$verified" || fail "no v3 signature"
zipalign -c 4 $apk || fail "not aligned"

rm -rf opened && mkdir opened && unzip -q $apk -d opened
for dex in opened/classes*.dex; do
  dexdump -f "$dex" >/dev/null || fail "$dex is refused by the runtime's verifier"
done
for library in opened/lib/*/*.so; do # phones with pages of 16 KiB
  segments=$(readelf -lW "$library" | grep "^ *LOAD")
  if grep -qv "0x4000$" <<<"$segments"; then
    fail "$library is not aligned to 16 KiB"
  fi
done
unzip -v $apk 'assets/*.tflite' | awk '$2 ~ /^Defl/ {bad = 1} END {exit bad}' ||
  fail "a network is compressed: it cannot be mapped"
(cd opened/assets/bundle && sha256sum --quiet -c contract.json.sha256) || fail "another contract"
python3 - opened/assets/bundle <<'CHECK' || fail "an asset is not that of the contract"
import hashlib, json, pathlib, sys

folder = pathlib.Path(sys.argv[1])
contract = json.loads((folder / "contract.json").read_text())
records = [contract["golden"], *contract["detector"]["files"].values()]
records += contract["variants"].values()
for record in records:
    content = (folder / record["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["sha256"], record["file"]
CHECK

printf '%10s  %s\n' "$(stat -c %s $apk)" "$apk"
unzip -v $apk | awk '$1 ~ /^[0-9]+$/ && NF >= 8 {
  part = $8; sub(/\/.*/, "", part); if (part ~ /dex$/) part = "dex"; size[part] += $3 }
  END { for (part in size) if (size[part] > 20000) printf "%10d  %s\n", size[part], part }' | sort -rn
rm -rf opened
