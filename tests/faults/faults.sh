# What the tests of faults share. Sourced with the folder where the programs and libraries were built; goes to a folder
# of its own.
set -uo pipefail

built=$(realpath "$1")
program=$built/fault_program
folder=$(realpath "$(mktemp -d)")
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0
# Without gnuplot, which is no part of this and takes most of the time.
mkdir none

wrong() {
    echo "WRONG: $*"
    failures=$((failures + 1))
}
# run ARGUMENTS...: what it says of gnuplot is left out of `err`.
run() {
    env PATH="$folder/none" ${faults[@]+"${faults[@]}"} "$program" "$@" >out 2>err.all
    local status=$?
    grep -v "gnuplot" err.all >err
    return $status
}
train() { run train --threads 1 "$@"; }
is_whole() { # WHAT RUN
    cmp -s whole/model.safetensors "$2/model.safetensors" || wrong "$1: other weights than those of a run left alone"
    [ -z "$(find "$2" -name '.*.tmp')" ] || wrong "$1: left behind $(find "$2" -name '.*.tmp' | tr '\n' ' ')"
    "$program" verify "$2" >verified 2>&1 || wrong "$1: $(tail -1 verified)"
}
# Goes on with the run, from its start where it has no settings yet.
go_on() { # WHAT RUN
    local arguments=(--output "$2")
    [ ! -e "$2/config.json" ] || arguments=(--resume "$2")
    faults=()
    train "${arguments[@]}" || wrong "$1: cannot be gone on with: $(cat err)"
    is_whole "$1" "$2"
}
conclude() {
    [ $failures = 0 ] && echo "all is well" || echo "$failures failures"
    exit $((failures > 0))
}

faults=()
train --output whole || wrong "a run that is left alone: $(cat err)"
is_whole "left alone" whole
