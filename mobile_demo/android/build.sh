#!/usr/bin/env bash
# The APK, of Maven Central's and Debian's parts alone: no Android SDK, no Gradle.
#   build.sh BUNDLE      makes build/faces.apk with this bundle
#   build.sh resources   makes R.java and the compiled resources only
# A release key: ANDROID_KEYSTORE, ANDROID_KEY_ALIAS, ANDROID_KEYSTORE_PASSWORD; without
# one a debug key is made and kept in build/.
set -euo pipefail
export LC_ALL=C TZ=UTC
[ $# = 1 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
what=$1
[ "$what" = resources ] || bundle=$(realpath -m "$what")
cd "$(dirname "$0")"
framework=/usr/share/android-framework-res/framework-res.apk
abis=(arm64-v8a:android-arm64 x86_64:android-x86_64)

packages=""
need() { command -v "$1" >/dev/null || packages+=" $2"; }
need mvn maven
need javac openjdk-17-jdk-headless
need aapt2 aapt
need zipalign zipalign
need apksigner apksigner
need zip zip
need unzip unzip
need dexdump dexdump
need readelf binutils
[ -f "$framework" ] || packages+=" android-framework-res"
if [ -n "$packages" ]; then
  echo "error: missing tools: apt-get install$packages" >&2
  exit 2
fi

resources() {
  mkdir -p build/gen
  aapt2 compile --dir app/src/main/res -o build/resources.zip
  aapt2 link -I "$framework" --manifest app/src/main/AndroidManifest.xml \
    --auto-add-overlay --java build/gen -o build/resources.apk "$@" build/resources.zip
}

if [ "$what" = resources ]; then
  resources
  exit
fi
[ -f "$bundle/contract.json" ] || { echo "error: no bundle: $bundle" >&2; exit 2; }

mkdir -p build
rm -rf build/stage build/dex build/assets
mkdir -p build/assets build/stage/lib build/dex
cp -rL "$bundle" build/assets/bundle
resources -A build/assets -0 .tflite

rm -rf build/jars build/dex-jars
mvn -B -q -T1 -Papk package -DskipTests
jars=build/jars
for abi in "${abis[@]}"; do
  for part in tensorflow-lite javacpp; do
    unzip -q -o "$jars/$part-${abi#*:}.jar" "lib/${abi%%:*}/*" -d build/stage
  done
done

# JavaCPP's tools are for those who write parsers; they need classes that no phone has.
cp $jars/javacpp.jar build/javacpp.jar
zip -q -d build/javacpp.jar 'org/bytedeco/javacpp/tools/*' 'META-INF/versions/*'
java -cp "$jars/*" com.android.tools.r8.D8 --release --min-api 26 \
  --lib $jars/android-all.jar --output build/dex $jars/app.jar $jars/core.jar \
  build/javacpp.jar $jars/tensorflow-lite.jar $jars/minimal-json.jar \
  >build/d8.log 2>&1 || { cat build/d8.log >&2; exit 1; }

cp build/dex/classes*.dex build/stage/
find build/stage -exec touch -d 2020-01-01T00:00:00Z {} +
cp build/resources.apk build/unaligned.apk
(cd build/stage && find . -type f | sed 's|^\./||' | sort | zip -q -X -9 -@ ../unaligned.apk)
rm -f build/aligned.apk
zipalign -f 4 build/unaligned.apk build/aligned.apk

if [ -n "${ANDROID_KEYSTORE:-}" ]; then
  key=(--ks "$ANDROID_KEYSTORE" --ks-key-alias "$ANDROID_KEY_ALIAS"
    --ks-pass env:ANDROID_KEYSTORE_PASSWORD)
else
  [ -f build/debug.keystore ] || keytool -genkeypair -keystore build/debug.keystore \
    -storepass android -alias debug -keyalg RSA -keysize 2048 -validity 10000 \
    -dname "CN=Android Debug" >/dev/null 2>&1
  key=(--ks build/debug.keystore --ks-key-alias debug --ks-pass pass:android)
fi
apksigner sign "${key[@]}" --v1-signing-enabled false --v2-signing-enabled true \
  --v3-signing-enabled true --min-sdk-version 26 --out build/faces.apk build/aligned.apk
rm -f build/faces.apk.idsig
echo "$PWD/build/faces.apk: $(stat -c %s build/faces.apk) bytes"
