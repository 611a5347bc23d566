#!/bin/sh
# The first process of the virtual machine: tries slowmap, hands over what came out, and switches off.
export PATH=/bin HOME=/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mkdir /tmp/results
cd /tmp/results
stty -F $RESULTS raw

uname -r > release
step() { echo "$1 $2" >> steps; }

# The target's code as it is in memory against its file.
code_is_changed() {
    dd if=/proc/$target/mem bs=4096 skip=$CODE_PAGE count=$CODE_PAGES 2> /dev/null | cmp -s - code && echo 0 || echo 1
}

slowmap check --format json > check.json
step check $?

truth --mode torture --goroutines 2 --max-entries 100000 --threshold 1ms --start-on /tmp/go --output truth.jsonl \
    > truth.out 2> truth.err &
target=$!
for i in $(seq 100); do grep -q READY truth.out && break; sleep 0.2; done
dd if=/bin/truth of=code bs=4096 count=$CODE_PAGES 2> /dev/null
step changed_before $(code_is_changed)

capabilities $TOO_FEW slowmap record --pid $target --duration 1s --output refused 2> refused.err
step record_with_too_few $?

capabilities $ENOUGH slowmap record --pid $target --threshold 1ms --duration 9s --output recording 2> record.err &
slowmap=$!
while kill -0 $slowmap 2> /dev/null && [ "$(code_is_changed)" = 0 ]; do sleep 0.2; done
step changed_while_recorded $(code_is_changed)
sleep 1
echo > /tmp/go
wait $slowmap
step record $?
step changed_after $(code_is_changed)
kill $target
wait $target
step truth $?

rm code
tar cf $RESULTS .
poweroff -f
