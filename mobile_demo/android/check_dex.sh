#!/usr/bin/env bash
# Translates the APK's dex back to classes and runs the tests of core on them: what D8 wrote
# computes what was compiled.
#   check_dex.sh [BUNDLE]   with the cases that test.sh made of this bundle, its networks too
set -euo pipefail
bundle=${1:+$(realpath -m "$1")}
cd "$(dirname "$0")/build"
[ -f dex/classes.dex ] || { echo "error: no dex: build.sh makes it" >&2; exit 2; }
options=("-Dcontract=$PWD/../../contract")
if [ -f "$bundle/contract.json" ]; then
  cases=$PWD/cases-$(sha256sum <"$bundle/contract.json" | cut -c1-12)
  if [ -f "$cases/cases.json" ]; then
    options+=("-Dbundle=$bundle" "-Dcases=$cases")
  else
    echo "note: test.sh has made no cases of this bundle: networks are passed over" >&2
  fi
fi

rm -rf dex-classes && mkdir dex-classes
for dex in dex/classes*.dex; do # frames need the classes that those of the dex extend
  java -cp "dex-jars/*:jars/android-all.jar" com.googlecode.dex2jar.tools.Dex2jarCmd \
    --compute-frames --output "dex-classes/$(basename "$dex" .dex).jar" "$dex" >dex2jar.log 2>&1 ||
    { cat dex2jar.log >&2; exit 1; }
done
# javacpp.jar has files that are no classes; none of core's is on the class path.
jars=$(printf "dex-jars/%s.jar:" core-tests junit hamcrest-core tensorflow-lite-linux-x86_64 \
  javacpp-linux-x86_64 javacpp)
mapfile -t tests < <(unzip -Z1 dex-jars/core-tests.jar '*Test.class' | sed 's|/|.|g; s|\.class$||')
nice java -cp "dex-classes/*:$jars" "${options[@]}" org.junit.runner.JUnitCore "${tests[@]}" \
  >dex-tests.log 2>&1 || { cat dex-tests.log >&2; exit 1; }
echo "tests of core on the classes of the dex: $(grep "^OK" dex-tests.log)"
