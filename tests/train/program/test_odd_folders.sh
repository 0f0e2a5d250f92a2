#!/usr/bin/env bash
# A run's folder that goes away while it is trained into, files in it that are another run's or no files at all, outputs
# that are pipes or another file's second name, and names that look like flags.
# usage: test_odd_folders.sh PROGRAM
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/images")
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"
smallest=(--data shapes --img-size 16 --patch-size 4 --embed-dim 8 --num-heads 1,2 --depths 1,1 --window-size 2
    --batch-size 400 --checkpoint-every 4)
run=("${smallest[@]}" --epochs 2)

copy() { # a fresh copy of the whole run, as `r`
    rm -rf r
    cp -r whole r
}
# ended TEXT: the program in the background has ended with 1 and one line with TEXT.
ended() {
    wait $!
    local status=$?
    [ $status = 1 ] || wrong "$1: exit code $status: $(cat err)"
    [ "$(wc -l <err)" = 1 ] || wrong "$1: $(cat err)"
    holds err "$1"
}
long=("${smallest[@]}" --epochs 100000)

says "test accuracy" train "${run[@]}" --keep-every 1 --output whole
says "test accuracy" train "${run[@]}" --seed 1 --output other

# ---- the folder goes away, and .lock

until_saved moving train "${long[@]}" --output moving
mv moving moved
ended "moving has been moved to $folder/moved while the run was going on; last checkpoint: "
holds err "to go on:  swingrad train --resume $folder/moved"
[ ! -e moving ] || wrong "a run whose folder was moved has made another: $(ls -A moving)"
until_saved moved train --resume moved
kill -STOP $!
mv moved aside && mkdir moved
kill -CONT $!
ended "moved has been moved to $folder/aside"
[ -z "$(ls -A moved)" ] || wrong "a run writes into another folder of the same name: $(ls -A moved)"
says "epochs of" verify aside
until_saved aside train --resume aside
kill -STOP $! # else it might write while it is removed
rm -rf aside
kill -CONT $!
ended "aside has been removed while the run was going on"
[ ! -e aside ] || wrong "a run whose folder was removed has made it again: $(ls -A aside)"
until_saved locked train "${long[@]}" --output locked
rm locked/.lock
refuses 1 "locked is in use by a process whose .lock somebody has removed" train --resume locked
refuses 1 "locked is in use by a process" verify locked
kill -INT $!
wait $!

# ---- files of another run, and of another epoch

copy && cp other/best.safetensors r/best.safetensors && rm r/model.safetensors
for command in "evaluate --checkpoint r" "train --resume r" "verify r" "predict --checkpoint r $images/colour.jpg"; do
    # shellcheck disable=SC2086 # words
    refuses 1 "r/best.safetensors does not belong to this run, but to another" $command
done
refuses 1 "the same weights:  cp r/epoch-000" verify r
rm r/epoch-*
refuses 1 "the best counts:  rm r/best.safetensors && swingrad train --resume r" train --resume r
rm r/best.safetensors
says "test accuracy" train --resume r
holds err "r/best.safetensors is missing"
copy && cp other/last.safetensors r/last.safetensors
refuses 1 "r/last.safetensors: of another run" train --resume r
holds err "mv r/previous.safetensors r/last.safetensors"
copy && cp other/model.safetensors r/model.safetensors
refuses 1 "r/model.safetensors does not belong to this run" evaluate --checkpoint r
copy && cp r/epoch-0001.safetensors r/epoch-0002.safetensors
refuses 1 "r/epoch-0002.safetensors holds the weights of epoch 1" verify r
best=$(grep -o '"weights_of_epoch":[0-9]*' whole/log.jsonl | grep -o '[0-9]*$')
copy && cp r/epoch-000$((3 - best)).safetensors r/best.safetensors && rm r/model.safetensors
refuses 1 "r/best.safetensors holds the weights of epoch $((3 - best))" verify r
refuses 1 "r/best.safetensors holds the weights of epoch $((3 - best))" train --resume r
# Another program's, under a name of the run's and under one of its own.
copy && sed -i 's/swingrad.checksum/no such checksum./; s/swingrad.run/no such run./' r/model.safetensors
refuses 1 "r/model.safetensors does not belong to this run" evaluate --checkpoint r
mv r/model.safetensors r/mine.safetensors
says "test accuracy" evaluate --checkpoint r/mine.safetensors
copy && sed -i 's/swingrad.checksum/no such checksum./' r/last.safetensors
refuses 1 "r/last.safetensors: damaged: it has no checksum, and the run wrote it with one" train --resume r
copy && sed -i 's/swingrad.checksum/swingrad.checkrum/' r/last.safetensors
refuses 1 "mv r/previous.safetensors r/last.safetensors" train --resume r

# ---- folders, pipes and sockets in the place of files; the others are looked at all the same

for name in config.json environment.json log.jsonl last.safetensors previous.safetensors best.safetensors \
    model.safetensors epoch-0001.safetensors; do
    for kind in folder pipe socket; do
        copy && rm -f "r/$name"
        case $kind in
            folder) mkdir "r/$name" ;;
            pipe) mkfifo "r/$name" ;;
            socket) python3 -c "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" "r/$name" 2>/dev/null || continue ;;
        esac
        limit=60 refuses 1 "r/$name" verify r
        [ "$(wc -l <out)" -ge 9 ] || wrong "verify of a run with a $kind for $name looks at no more than: $(cat out)"
        limit=60 "$program" train --resume r >out 2>err
        [ "$(wc -l <err)" -le 2 ] || wrong "a $kind for $name: $(cat err)"
    done
done
copy && echo '{"batch-size": ' >r/config.json && printf 'x' | dd of=r/best.safetensors bs=1 seek=2000 conv=notrunc status=none
refuses 1 "r/config.json is not JSON" verify r
holds err "(and 1 more)"
holds out "last.safetensors         whole by itself"
holds out "best.safetensors         WRONG: "
holds out "log.jsonl                2 epochs, and the test"
mkdir nothing
refuses 1 "nothing is not a run: no config.json in it" verify nothing

# ---- outputs

echo '{"architecture": "swinv2", "num_classes": 10, "model_args": {"img_size": 16}}' >c.json
cp whole/model.safetensors w.safetensors
ln w.safetensors second.safetensors
ln -s w.safetensors third.safetensors
cp w.safetensors before
for output in w.safetensors ./w.safetensors second.safetensors third.safetensors; do
    refuses 2 "--output $output would be written over w.safetensors" trace --config c.json --weights w.safetensors \
        --input w.safetensors --output "$output"
done
refuses 2 "--output c.json would be written over c.json" trace --config c.json --weights w.safetensors --input w.safetensors \
    --output c.json
cmp -s w.safetensors before || wrong "trace has written over its input"
refuses 2 "--dot and --svg both name x" tape --depths 1,1 --dot x --svg x
refuses 2 "--dot c.json would be written over c.json" tape --config c.json --dot c.json
if command -v gnuplot >/dev/null; then
    refuses 2 "would be written over whole/log.jsonl" plot whole --metric train_loss --output whole/log.jsonl
fi
"$program" tape --depths 1,1 --dot /dev/stdout 2>err | cat >graph || wrong "tape into a pipe: $(cat err)"
[ "$(head -1 graph)" = "digraph tape {" ] && [ "$(tail -1 graph)" = "}" ] || wrong "not the graph alone: $(head -c 200 graph)"
"$program" tape --depths 1,1 --dot >(cat >graph2) >out 2>err || wrong "tape into a pipe of the shell's: $(cat err)"
holds out "operations save"
"$program" tape --depths 1,1 --dot /dev/stdout >graph3 2>err || wrong "tape into standard output: $(cat err)"
cmp -s graph graph3 || wrong "the graph in a file is not that in a pipe"
mkfifo alone
limit=60 refuses 1 "alone: cannot write: nobody reads this pipe" tape --depths 1,1 --dot alone

# ---- names that look like flags

for name in -n --epochs; do
    rm -rf ./$name
    cp -r whole ./$name
    rm ./$name/last.safetensors ./$name/model.safetensors
    refuses 1 "mv ./$name/previous.safetensors ./$name/last.safetensors && swingrad train --resume ./$name" verify ./$name
    refuses 1 "swingrad train --resume ./$name" train --resume=$name
    eval "$(sed -n 's/.*:  //p' err | sed 's/swingrad train/says "test accuracy" train/')"
    cmp -s whole/model.safetensors ./$name/model.safetensors || wrong "what is printed for $name does not go on with it"
done

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
