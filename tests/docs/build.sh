#!/usr/bin/env bash
# Makes the reference pages, build/docs/html/index.html, from the headers, installing Doxygen where it is missing. A
# warning is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

train/install-packages.sh doxygen
mkdir -p build
rm -rf build/docs
doxygen tests/docs/Doxyfile 2>&1 | tee build/doxygen.log
if [ -s build/doxygen.log ]; then exit 1; fi
echo "build/docs/html/index.html"
