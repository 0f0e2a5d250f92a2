#!/usr/bin/env bash
# Recipes by name and file, and one recipe with several seeds: killed and gone on with to the same bits.
# usage: test_recipes.sh PROGRAM
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"

# ---- a recipe in a file: below the config file, which is below flags; a run says which it was

cat >mine.json <<'TEXT'
{"about": "small", "img-size": 16, "batch-size": 400, "epochs": 2, "warmup-epochs": 0.5, "lr": 0.5, "weight-decay": 0.25,
 "model-args": {"mlp_ratio": 2}}
TEXT
echo '{"epochs": 1, "lr": 0.25}' >config.json
says "report in" train --recipe mine.json --config config.json --lr 1e-3 --output by_recipe
for line in '"recipe": "mine.json"' '"weight-decay": 0.25' '"epochs": 1' '"lr": 0.001' '"mlp_ratio": 2'; do
    holds by_recipe/config.json "$line"
done
grep -q about by_recipe/config.json && wrong "what a recipe is for has become a setting"
says "by_recipe" train --resume by_recipe
holds by_recipe/config.json '"recipe": "mine.json"'

for recipe in cifar-minutes cifar-100-epochs; do
    says "$recipe" train --help
    refuses 1 "no/test_batch.bin" train --recipe $recipe --data cifar10:no --output none
done
says "finetune-small" train --help
refuses 2 "--recipe finetune-small needs --init" train --recipe finetune-small
refuses 1 "nowhere" train --recipe finetune-small --init nowhere
echo '{"needs": ["init"], "epochs": 1}' >needs.json
refuses 2 "--config needs.json needs --init" train --config needs.json
echo '{"needs": "init"}' >needs.json
refuses 1 'needs.json: "needs" must be an array of names of settings, got "init"' train --recipe needs.json
refuses 2 "--recipe must be cifar-100-epochs, " train --recipe cifar
refuses 2 'or a JSON file, got "no.json"' train --recipe no.json
refuses 2 "--recipe cifar-minutes contradicts --resume by_recipe" train --resume by_recipe --recipe cifar-minutes
echo '[1]' >list.json
refuses 1 "a recipe must be an object, got [1]" train --recipe list.json
echo '{"epoch": 1}' >unknown.json
refuses 2 'the recipe unknown.json: unknown key "epoch"' train --recipe unknown.json
echo '{"epochs": 0}' >range.json
refuses 2 "--epochs must be" train --recipe range.json
[ -e none ] && wrong "a training that could not start has left a folder"

says "by_config" train --config mine.json --epochs 1 --output by_config  # a recipe is a file of settings as well
echo '{"img-size": 16, "batch-size": 400, "epochs": 1, "warmup-epochs": 0.5, "min-lr": 1e-6}' >falling.json
says "report in" train --recipe falling.json --sched constant --output constant  # flags win, and leave min-lr idle
refuses 2 "--min-lr 1e-06 does nothing" train --recipe falling.json --sched constant --min-lr 1e-6 --output none

# ---- several seeds

train=(--recipe mine.json --lr 1e-3 --checkpoint-every 2)
says "mean +- deviation" train "${train[@]}" --seeds 2 --seed 5 --output whole
says "report in" train "${train[@]}" --seed 6 --output alone
cmp whole/seed6/model.safetensors alone/model.safetensors || wrong "a seed's run ends with other weights than alone"
for run in whole/seed6 alone; do sed -E 's/"(seconds|[a-z]+_per_s)":[^,}]*//g' $run/log.jsonl >"$(basename $run).log"; done
cmp seed6.log alone.log || wrong "a seed's run differs from the same run alone"
holds whole/seed5/config.json '"recipe": "mine.json"'
[ "$(wc -l <whole/seeds.md)" = 5 ] || wrong "seeds.md: $(cat whole/seeds.md)"
accuracy=$(sed -n 's/.*"test_accuracy":\([0-9.]*\).*/\1/p' alone/log.jsonl)
grep -q "^| 6 | .* | $(printf '%.2f' "$accuracy") | " whole/seeds.md || wrong "seeds.md lacks $accuracy: $(cat whole/seeds.md)"
says "mean +- deviation" train --resume whole

until_saved killed/seed6 train "${train[@]}" --seeds 2 --seed 5 --output killed
kill -KILL $!
wait $! 2>/dev/null
[ -e killed/seeds.md ] && wrong "it was done before it was killed"
says "mean +- deviation" train --resume killed
for seed in 5 6; do
    for run in whole killed; do
        sed -E 's/"(seconds|[a-z]+_per_s)":[^,}]*//g' $run/seed$seed/log.jsonl >$run.log
    done
    cmp whole.log killed.log || wrong "seed $seed: killed and gone on with, it has another log"
done
until_saved stopped/seed5 train "${train[@]}" --epochs 50 --seeds 2 --seed 5 --output stopped
kill -INT $!
wait $!
status=$?
[ $status = 130 ] || wrong "Ctrl-C among several seeds does not end with 130"
holds out "swingrad train --resume stopped"

refuses 2 "--early-stop" train "${train[@]}" --validation 0 --early-stop 2 --seeds 2 --output none
[ -e none ] && wrong "seeds of which none could begin have left a folder"
cp -r alone origin
says "mean +- deviation" train "${train[@]}" --epochs 1 --init origin --seeds 1 --seed 5 --output begun
sed -i 's/"seeds": 1/"seeds": 2/; s/"init_fingerprint": "[0-9a-f]*/"init_fingerprint": "0/' begun/seeds.json
refuses 1 "--init origin: not the weights that other seeds began from" train --resume begun
refuses 2 "--serve 8000 is for one run" train --resume whole --serve 8000
refuses 2 "--show-batch is of one run" train "${train[@]}" --seeds 2 --show-batch none.png

refuses 1 "whole exists already" train "${train[@]}" --seeds 2 --output whole
refuses 2 "--seeds must be 1 to 1000, got 0" train "${train[@]}" --seeds 0 --output none
refuses 2 "--seeds 2 contradicts --resume alone, which is one run" train --resume alone --seeds 2
refuses 2 "--seeds contradicts --resume whole" train --resume whole --seeds 3
refuses 2 "--lr contradicts --resume whole" train --resume whole --lr 1
cp -r whole damaged
echo '{"seeds": 2}' >damaged/seeds.json
refuses 1 'damaged/seeds.json: no "recipe" in it' train --resume damaged
echo '{"seeds": 2' >damaged/seeds.json
refuses 1 "damaged/seeds.json is not JSON" train --resume damaged
[ -e none ] && wrong "a training that could not start has left a folder"

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
