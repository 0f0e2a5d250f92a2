# What the tests of the built program share. Sourced with the program as first argument; goes to a folder of its own.
set -uo pipefail

program=$(realpath "$1")
program_path=$PATH # where the program looks for others
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0
limit=1200 # seconds: against what hangs, and no measure of speed. Sanitizers make a training twenty times slower.
tiny=(--data shapes --model nano --img-size 16 --batch-size 400)
small=("${tiny[@]}" --epochs 2 --warmup-epochs 0.5)

wrong() {
    echo "WRONG: $*"
    failures=$((failures + 1))
}

# refuses CODE TEXT ARGUMENTS...: the program ends with CODE and one line on standard error that contains TEXT.
refuses() {
    local code=$1 text=$2 status lines
    shift 2
    timeout $limit env PATH="$program_path" "$program" "$@" >out 2>err
    status=$?
    lines=$(wc -l <err)
    [ "$status" = "$code" ] || wrong "swingrad $*: exit code $status, expected $code ($(head -c 300 err))"
    [ "$lines" = 1 ] || wrong "swingrad $*: $lines lines on standard error, expected one: $(head -c 600 err)"
    grep -qF -- "$text" err || wrong "swingrad $*: expected \"$text\" in: $(head -c 300 err)"
    grep -q "^swingrad" err || wrong "swingrad $*: the line does not begin with the program's name"
}

# says TEXT ARGUMENTS...: the program succeeds and says TEXT on standard output.
says() {
    local text=$1
    shift
    timeout $limit "$program" "$@" >out 2>err || wrong "swingrad $*: exit code $? ($(head -c 300 err))"
    grep -qF -- "$text" out || wrong "swingrad $*: expected \"$text\" in: $(head -c 300 out)"
}

# holds FILE TEXT
holds() { grep -qF -- "$2" "$1" || wrong "expected \"$2\" in $1: $(head -c 300 "$1")"; }

# obedient COMMAND...: in the place of this shell, a command that obeys all signals. A shell has what it starts in the
# background ignore Ctrl-C's, and whoever runs the tests may have had them ignore others.
obedient() { exec env --default-signal=INT,HUP,TERM "$@"; }

# same_result A B WHAT: two runs have the same weights but for the mark of the run, which evaluate tells by its loss.
same_result() {
    cmp -s "$1/model.safetensors" "$2/model.safetensors" && return
    says "$3" evaluate --checkpoint "$1" --json a.json
    says "$3" evaluate --checkpoint "$2" --json b.json
    [ "$(grep -o '"loss":[^,]*' a.json)" = "$(grep -o '"loss":[^,]*' b.json)" ] || wrong "$2 came out otherwise than $1"
}

# until_saved RUN ARGUMENTS...: starts the program and returns, with its process in $!, once it has saved a checkpoint.
until_saved() {
    local run=$1
    shift
    touch before
    obedient "$program" "$@" >out 2>err &
    for _ in $(seq 60000); do
        [ "$run/last.safetensors" -nt before ] && return
        kill -0 $! 2>/dev/null || break
        sleep 0.02
    done
    wrong "swingrad $*: ended, or went on, without a checkpoint: $(head -c 300 err)"
}
