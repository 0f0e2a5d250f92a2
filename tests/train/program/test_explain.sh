#!/usr/bin/env bash
# Drives `swingrad explain`: the page of a run's picture, and what it refuses.
# usage: test_explain.sh PROGRAM
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/images")
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"
smallest=(--data shapes --img-size 16 --patch-size 4 --embed-dim 8 --num-heads 1,2 --depths 2,1 --window-size 2
    --batch-size 400)

says "test accuracy" train "${smallest[@]}" --epochs 1 --output run
cp "$images/colour.jpg" photo.jpg

says "page in photo.html, " explain --checkpoint run photo.jpg --output photo.html
holds photo.html "<title>photo.jpg through run - swingrad</title>"
[ "$(stat -c %s photo.html)" -le 2000000 ] || wrong "the page is larger than 2 MB"
likeliest=$("$program" predict --checkpoint run --json --top 1 photo.jpg | grep -o '"class":"[^"]*","label":[0-9]*')
grep -o '"answer":\[{[^}]*}' photo.html | grep -qF "$likeliest" || wrong "explain and predict disagree: $likeliest"
cp photo.html before.html
says "page in photo.html" explain --checkpoint run/model.safetensors photo.jpg --output photo.html --threads 1
cmp photo.html before.html || wrong "the same page again is another one"
says "<!DOCTYPE html>" explain --checkpoint run photo.jpg --output /dev/stdout
cmp out before.html || wrong "standard output has more than the page"
says "test accuracy" train "${smallest[@]}" --epochs 1 --precision bf16 --checkpoint-blocks true \
    --sequential-attention true --output bf16
says "page in bf16.html" explain --checkpoint bf16 "$images/grey.jpg" --output bf16.html

# ---- what is refused, with nothing written

ls >listed
refuses 2 "expected --checkpoint RUN" explain photo.jpg --output a.html
refuses 2 "expected an IMAGE" explain --checkpoint run --output a.html
refuses 2 "expected --output FILE" explain --checkpoint run photo.jpg
refuses 2 "unknown flag --weights" explain --weights run photo.jpg --output a.html
refuses 1 "nowhere" explain --checkpoint nowhere photo.jpg --output a.html
refuses 1 "nowhere.jpg" explain --checkpoint run nowhere.jpg --output a.html
refuses 1 "listed: expected JPEG or PNG, got neither" explain --checkpoint run listed --output a.html
refuses 1 "--output run is a folder" explain --checkpoint run photo.jpg --output run
refuses 1 "nowhere/a.html" explain --checkpoint run photo.jpg --output nowhere/a.html
refuses 1 "--output listed is there already, and holds something else" explain --checkpoint run photo.jpg --output listed
refuses 2 "--output photo.jpg would be written over photo.jpg" explain --checkpoint run photo.jpg --output photo.jpg
for file in config.json model.safetensors log.jsonl report.html; do
    refuses 2 "--output run/$file would be written over" explain --checkpoint run photo.jpg --output run/$file
done
cp -r run other && sed -i 's/"derived": {/"derived": {"program": "gpt",/' other/config.json
refuses 1 "a run of the program \"gpt\", which alone knows its model" explain --checkpoint other photo.jpg --output a.html
cp -r run damaged && printf x | dd of=damaged/model.safetensors bs=1 seek=5000 conv=notrunc 2>/dev/null
refuses 1 "damaged/model.safetensors" explain --checkpoint damaged photo.jpg --output a.html
rm -r other damaged
ls | cmp -s - listed || wrong "what was refused left files: $(ls | diff listed -)"

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
