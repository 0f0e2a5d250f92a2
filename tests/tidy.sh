#!/usr/bin/env bash
# clang-tidy, with the checks of .clang-tidy, on what has changed. A finding is an error.
# usage: tests/tidy.sh [--all | --sample N | COMMIT]      --sample: N of the changed files at most, the same each time;
# COMMIT: files that differ from it. By default from where this branch left origin's main; where it has not, from ten
# commits ago
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

train/install-packages.sh clang clang-tidy
# Nothing is built here but headers that are generated: a folder of its own tells clang-tidy how Clang would compile each file.
cmake -B build-tidy -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DSWINGRAD_CUDA=EMULATE \
    -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
cmake --build build-tidy --target generated_headers >/dev/null
list=build-tidy/sources compiled=build-tidy/compiled
sed -n "s|^ *\"file\": \"$PWD/\(.*\)\".*|\1|p" build-tidy/compile_commands.json | sort -u >$compiled

# The commit to compare with.
base() {
    local main fork
    for main in origin/HEAD origin/main origin/master; do
        fork=$(git merge-base HEAD $main 2>/dev/null) || continue
        [ "$fork" = "$(git rev-parse HEAD)" ] || { echo "$fork"; return; }
    done
    git rev-list --first-parent -n 11 HEAD | tail -n 1
}
# The sources that show all of the changed files: itself, or for a header its own source, or one that includes it.
shown_by() {
    local file stem
    while read -r file; do
        stem=${file%.*}
        case $file in
            *.h) { grep -Fx -e "$stem.cpp" -e "$stem.cu" $compiled || git grep -l -F "\"$file\"" -- '*.cpp' '*.cu' |
                grep -Fx -f $compiled; } | head -n 1 || true ;; # one that only headers include is not shown
            *) echo "$file" ;;
        esac
    done
}
most=
if [ "${1:-}" = --sample ]; then
    most=$2
    shift 2
fi
if [ "${1:-}" = --all ]; then
    cp $compiled $list
else
    from=${1:-$(base)}
    echo "Compared with $(git log -1 --format='%h, %s' "$from")"
    { git diff --name-only --diff-filter=d "$from" && git ls-files -o --exclude-standard; } |
        { grep -E '\.(h|cpp|cu)$' || true; } | shown_by | sort -u | { grep -Fx -f $compiled || true; } >$list
fi
if [ -n "$most" ]; then  # in the order of a checksum of their names, which no other file's coming or going changes
    while read -r file; do echo "$(cksum <<<"$file") $file"; done <$list | sort -n | sed -n "1,${most}p" |
        sed 's/^[0-9]* [0-9]* //' >$list.sample
    mv $list.sample $list
fi
echo "clang-tidy looks at $(wc -l <$list) of $(wc -l <$compiled) sources"
# What it says of headers that are not ours is counted on standard error.
xargs -r -n 1 -P "$(nproc)" clang-tidy -p build-tidy --quiet --warnings-as-errors='*' <$list 2>build-tidy/log || {
    grep -v "warnings generated" build-tidy/log >&2 || true
    exit 1
}
