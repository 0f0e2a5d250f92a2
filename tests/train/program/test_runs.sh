#!/usr/bin/env bash
# Drives the built program through the life of a run's folder: locks, logs, kept weights, report, signals.
# usage: test_runs.sh PROGRAM
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"

# csv_is_log RUN: log.csv has the epochs of log.jsonl, and the same numbers in each line.
csv_is_log() {
    grep '"epoch":' "$1/log.jsonl" | sed 's/[{}]//g; s/"[a-z_]*"://g' | tr ',' '\n' | sort >from_json
    tail -n +2 "$1/log.csv" | tr ',' '\n' | sort >from_csv
    cmp from_json from_csv || wrong "$1: log.csv and log.jsonl differ"
    [ "$(grep -c . "$1/log.csv")" = $(($(grep -c '"epoch":' "$1/log.jsonl") + 1)) ] || wrong "$1: lines of log.csv"
}

# ---- a whole run and what it leaves

says "report in whole/report.html" train "${small[@]}" --output whole --keep-every 1
[ -s err ] && wrong "a run that went well says on standard error: $(head -c 300 err)"
csv_is_log whole
[ "$(ls whole)" = "$(printf '%s\n' best.safetensors config.json environment.json epoch-0001.safetensors \
    epoch-0002.safetensors figures last.safetensors log.csv log.jsonl model.safetensors previous.safetensors \
    report.html)" ] ||
    wrong "the folder holds $(ls whole | tr '\n' ' ')"
cmp -s <(tail -c 3000 whole/epoch-0001.safetensors) <(tail -c 3000 whole/epoch-0002.safetensors) && wrong "the kept weights of two epochs are the same"
says "test accuracy" evaluate --checkpoint whole/epoch-0001.safetensors
grep -q '</html>' whole/report.html || wrong "the report has no end"
grep -qE '(src|href)="[^d]' whole/report.html && wrong "the report needs something beside itself"
grep -q "$folder" whole/environment.json whole/report.html && wrong "the folder's path is in environment or report"
if command -v gnuplot >/dev/null; then
    for name in loss accuracy learning-rate gradient-norm; do [ -s whole/figures/$name.svg ] || wrong "no $name.svg"; done
fi

# ---- one process a folder

until_saved busy train "${tiny[@]}" --epochs 200 --output busy --checkpoint-every 3
refuses 1 "busy is in use by process $!" train --resume busy
refuses 1 "busy is in use by process $!" train "${small[@]}" --output busy
kill -KILL $!
wait $! 2>/dev/null
[ -e busy/.lock ] || wrong "no lock in busy"
until_saved busy train --resume busy # a lock left behind by a killed process is no lock
kill -INT $!
wait $!
refuses 1 "busy exists already" train "${small[@]}" --output busy
mkdir begun && touch begun/.lock
says "test accuracy" train "${tiny[@]}" --epochs 1 --output begun

# ---- stopped by any signal, at any moment: all files agree afterwards

code_of() { case $1 in HUP) echo 129 ;; INT) echo 130 ;; TERM) echo 143 ;; esac; }
for signal in HUP INT TERM; do
    run="run $signal's"
    until_saved "$run" train "${small[@]}" --keep-every 1 --checkpoint-every 5 --output "$run"
    kill -$signal $!
    wait $!
    status=$?
    [ $status = "$(code_of $signal)" ] || wrong "stopped by SIG$signal: exit code $status"
    grep -qF "swingrad train --resume 'run $signal'\\''s'" out || wrong "SIG$signal: no line to paste: $(tail -1 out)"
    touch "$run/.last.safetensors.1-1.tmp"
    # Lines of an epoch that the checkpoint does not know, as a kill between log and checkpoint leaves them.
    echo '{"epoch":2,"train_loss":1}' >>"$run/log.jsonl"
    eval "$(sed -n "s|.*to go on:  swingrad train|says 'test accuracy' train|p" out)"
    [ -e "$run/.last.safetensors.1-1.tmp" ] && wrong "$run: resumed, the temporary file is still there"
    csv_is_log "$run"
    for name in model best epoch-0001 epoch-0002; do
        cmp "whole/$name.safetensors" "$run/$name.safetensors" || wrong "$run: $name differs from that of a whole run"
    done
    [ "$(grep -c '"started"' "$run/environment.json")" = 2 ] || wrong "$run: not two entries in environment.json"
done

# ---- a report that cannot be made costs neither weights nor the run

mkdir nothing
PATH="$folder/nothing" "$program" train "${small[@]}" --output plain >out 2>err || wrong "without gnuplot: exit code $?"
[ "$(grep -c gnuplot err)" = 1 ] || wrong "without gnuplot: expected one line, got: $(cat err)"
grep -q "gnuplot is not installed" plain/report.html || wrong "without gnuplot: the page does not say so"
cmp whole/model.safetensors plain/model.safetensors || wrong "without gnuplot: the weights differ"

# A folder of that name lies where the page should be written, a file where the folder of the figures should be.
until_saved blocked train "${tiny[@]}" --epochs 3 --checkpoint-every 5 --output blocked
kill -INT $!
wait $!
rm -rf blocked/report.html blocked/figures
cp -r blocked stuck
mkdir blocked/report.html
says "test accuracy" train --resume blocked
[ "$(grep -c 'No report: ' err)" = 1 ] || wrong "a report that cannot be written: $(head -c 300 err)"
[ -s blocked/model.safetensors ] || wrong "a report that cannot be written: no weights"
touch stuck/figures
says "test accuracy" train --resume stuck
[ "$(grep -c 'No figures: ' err)" = 1 ] || wrong "figures that cannot be written: $(head -c 300 err)"
grep -q "No figures: " stuck/report.html || wrong "figures that cannot be written: the page does not say so"

# ---- steps that are not finite

overflowing=("${tiny[@]}" --epochs 2 --opt sgd --lr 1e30 --warmup-epochs 0)
refuses 1 "of step 2 " train "${overflowing[@]}" --output stopping
refuses 2 "unknown --on-nan \"ignore\"" train "${overflowing[@]}" --on-nan ignore
timeout 120 "$program" train "${overflowing[@]}" --on-nan skip --output skipping >out 2>err
[ $? = 1 ] || wrong "ten steps that are not finite: expected exit code 1"
[ "$(grep -c 'left out$' err)" = 9 ] || wrong "expected nine lines of steps left out, got: $(head -c 600 err)"
grep -q "10 steps in a row could not be taken" err || wrong "no line of ten steps in a row: $(tail -1 err)"

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
