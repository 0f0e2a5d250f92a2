#!/usr/bin/env bash
# The page of `swingrad explain` in headless Chromium, by explain_in_browser.py. Skipped, in a line, where there is none.
# usage: test_explain_in_browser.sh PROGRAM
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$browser" ] || ! command -v python3 >/dev/null; then
    echo "skipped: needs Chromium and python3 (train/install-packages.sh chromium python3)"
    exit 77
fi
exec python3 "$(dirname "${BASH_SOURCE[0]}")/explain_in_browser.py" "$1" "$browser"
