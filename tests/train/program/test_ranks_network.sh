#!/usr/bin/env bash
# Ranks on two machines, each a network namespace here, with a cable between them: the bits of one process; with delay
# and loss on the way, where the kernel can make them; and when the cable is cut, a line that names rank and step, and a
# run that goes on.
# usage: test_ranks_network.sh PROGRAM      exit code 77 (skipped) without mpirun, or where namespaces are not allowed
. "$(dirname "$0")/program_test.sh"

for tool in mpirun ip unshare; do
    command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
here=swingrad$$a there=swingrad$$b
ip netns add $here 2>/dev/null && ip netns add $there 2>/dev/null || {
    ip netns del $here 2>/dev/null
    echo "skipped: network namespaces are not allowed"
    exit 77
}
clean_up() {
    for name in $here $there; do
        ip netns pids $name 2>/dev/null | xargs -r kill -KILL 2>/dev/null
        ip netns del $name 2>/dev/null
    done
    rm -rf "$folder"
}
trap clean_up EXIT
# Names of interfaces have at most 15 letters.
ip link add sg$$a netns $here type veth peer name sg$$b netns $there || { echo "skipped: no virtual cable"; exit 77; }
for side in a:$here:1 b:$there:2; do
    IFS=: read -r letter name number <<<"$side"
    ip -n "$name" addr add 10.87.61."$number"/24 dev sg$$"$letter"
    ip -n "$name" link set sg$$"$letter" up
    ip -n "$name" link set lo up
done

# mpirun starts what is on the other machine by this, in place of ssh.
cat >agent <<END
#!/bin/sh
shift
exec ip netns exec $there unshare -u sh -c "hostname $there; \$*"
END
chmod +x agent
ranks() { # ARGUMENTS...
    timeout $limit ip netns exec $here unshare -u sh -c "hostname $here; exec \"\$@\"" start mpirun -n 2 \
        -H 10.87.61.1,10.87.61.2 --mca plm_rsh_agent "$PWD/agent" --mca btl self,tcp \
        --mca btl_tcp_if_include 10.87.61.0/24 --mca oob_tcp_if_include 10.87.61.0/24 \
        "$program" train "$@" >out 2>err
}
digest() { sha256sum <"$1/model.safetensors"; }
model=(--data shapes --img-size 16 --embed-dim 16 --num-heads 1,2 --depths 1,1 --batch-size 64)

"$program" train "${model[@]}" --epochs 2 --output one >out 2>err || wrong "one process: $(cat err)"
ranks "${model[@]}" --epochs 2 --output both || wrong "two machines: $(cat err)"
grep -q "this build has no MPI" err && { echo "skipped: the program knows no MPI"; exit 77; }
[ "$(digest both)" = "$(digest one)" ] || wrong "two machines have other weights than one process"

if ip netns exec $there tc qdisc add dev sg$$b root netem delay 2ms loss 1% 2>/dev/null; then
    ranks "${model[@]}" --epochs 1 --output slow || wrong "with delay and loss: $(cat err)"
    "$program" train "${model[@]}" --epochs 1 --output one-slow >out 2>err || wrong "one process: $(cat err)"
    [ "$(digest slow)" = "$(digest one-slow)" ] || wrong "delay and loss change the weights"
    ip netns exec $there tc qdisc del dev sg$$b root
else
    echo "left out: delay and loss, which this kernel has no netem for"
fi

"$program" train "${model[@]}" --epochs 6 --checkpoint-every 3 --output whole >out 2>err || wrong "one process: $(cat err)"
ranks "${model[@]}" --epochs 6 --checkpoint-every 3 --timeout 3 --output cut &
until grep -qs '"epoch":1,' cut/log.jsonl || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
ip -n $there link set sg$$b down
training() { ip netns pids $1 | xargs -r ps -o args= -p | grep -q "^$program train"; }
for ((i = 0; i < 600; i++)); do
    training $here || training $there || break
    sleep 0.1
done
training $here && wrong "the rank on this side goes on"
training $there && wrong "the rank on the other side goes on"
# The launcher's own part on the other side cannot be told to end, and so it would wait for ever.
for name in $here $there; do ip netns pids $name | xargs -r kill -KILL; done
wait $! && wrong "ends with success although the cable was cut: $(cat out err)"
grep "^swingrad" err
grep -q "\[ranks\] rank 1 (process [0-9]* on $there) was not heard of for 3 s.*step [0-9]" err ||
    wrong "the rank that cannot be reached is not named: $(cat err)"
"$program" verify cut >out 2>err || wrong "verify: $(cat out err)"
"$program" train --resume cut >out 2>err || wrong "one process does not go on: $(cat err)"
[ "$(digest cut)" = "$(digest whole)" ] || wrong "cut and gone on with, the weights differ"

exit $((failures > 0))
