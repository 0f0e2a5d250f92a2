#!/usr/bin/env bash
# Installs what swingrad is built with, as far as it is missing: packages of Debian and Ubuntu. Does nothing else.
# usage: train/install-packages.sh [PACKAGE...]      these as well
set -euo pipefail

packages=(g++ cmake ninja-build libopenblas-dev libfmt-dev libboost-context-dev libcli11-dev nlohmann-json3-dev libjpeg-dev
    libpng-dev libprotobuf-dev protobuf-compiler
    libcpp-httplib-dev pkg-config libopenmpi-dev openmpi-bin catch2 gnuplot-nox graphviz "$@")

if ! command -v apt-get >/dev/null; then
    echo "Neither Debian nor Ubuntu: please see to it that these are installed, by whatever names: ${packages[*]}"
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    [[ "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)" == *"ok installed"* ]] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "All packages are installed."
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Missing: ${missing[*]}. As root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "Installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() { "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }; }
quietly "${as_root[@]}" apt-get update
quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
