#!/usr/bin/env bash
# Tests of the app on this machine; with a bundle those of its networks, too.
#   test.sh [BUNDLE]
set -euo pipefail
bundle=${1:+$(realpath -m "$1")}
cd "$(dirname "$0")"
python=${PYTHON:-../../.venv/bin/python}
command -v mvn >/dev/null || { echo "error: install Maven and JDK 17" >&2; exit 2; }
./build.sh resources
options=()
if [ -f "$bundle/contract.json" ]; then
  name=$(sha256sum <"$bundle/contract.json" | cut -c1-12)
  cases=$PWD/build/cases-$name
  if [ ! -f "$cases/cases.json" ]; then
    "$python" ../make_cases.py --bundle "$bundle" --out "$cases" --people 21
  fi
  options=("-Dbundle.folder=$bundle" "-Dcases.folder=$cases")
else
  echo "note: no bundle${bundle:+ at $bundle}: tests of networks are passed over" >&2
fi
exec nice mvn -B -q -T1 test "${options[@]}"
