# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # $work is the script's, machine_result is of lib/machine.sh, ARCH_* of arch-<arch>.sh
#
# What a Linux guest pays for being one: the same kernel and the same work with us and without, in instructions.

# bare_tree: what of the machine guests have, in $work/bare.dtb.
bare_tree() {
    local node child tree=$work/bare.dtb
    "${bare[@]}" -nographic -machine "dumpdtb=$tree" >"$work/dumpdtb.log" 2>&1 </dev/null || die "QEMU refuses: ${bare[*]}"
    for node in / $(fdtget -l "$tree" / | sed 's,^,/,'); do
        for child in $(fdtget -l "$tree" "$node" 2>/dev/null); do
            [[ ! $child =~ $ARCH_BARE_WITHOUT ]] || fdtput -r "$tree" "${node%/}/$child"
        done
    done
}

# bench_bare CPU LINE: the console in $work/bare.log.
bench_bare() {
    local bare
    arch_bare "$1"
    bare=("$ARCH_QEMU" "${ARCH_BARE[@]}" -smp 1 -m 512 -nic none)
    if [[ $ARCH_BARE_WITHOUT ]]; then
        bare_tree
        bare+=(-dtb "$work/bare.dtb")
    fi
    bare+=(-icount shift=0,sleep=off -seed 1 -rtc clock=vm,base=2024-01-01)
    machine_start "$work/bare.log" "${bare[@]}" -kernel "$guests/linux" -initrd "$guests/initrd.gz" -append "$2" \
        </dev/null >"$work/bare.out" 2>&1
    machine_watch "$work/bare.log" none 'axvm-work: done' 1 600
    [[ $machine_result == found ]] || { cat "$work/bare.out" >&2; die "Linux did not do its work without us: $machine_result"; }
}

# bench_linux CPU OPTIONS...: print the comparison.
bench_linux() {
    local cpu=$1 guests=$AXVM_BUILD/guests/$ARCH line
    shift
    [[ $cpu != vmx && $cpu != bochs:* ]] || die "--linux is measured in QEMU only"
    line="console=$ARCH_KERNEL_CONSOLE panic=-1 quiet nokaslr axvm.work${ARCH_BENCH_LINUX_WORDS:+ $ARCH_BENCH_LINUX_WORDS}"
    need_packages "${ARCH_RUN_PACKAGES[@]}"
    fetch_guests "$ARCH"
    "$AXVM_ROOT/scripts/run-guest" --arch "$ARCH" --kernel "$guests/linux" --initrd "$guests/initrd.gz" --append "$line" \
        --icount --vcpus 1 --host-cpus 1 --timeout 600 --expect 'axvm-work: done' --log "$work/guest.log" "$@" \
        </dev/null >"$work/out" 2>&1 || { cat "$work/out" >&2; die "Linux did not do its work as a guest"; }
    bench_bare "$cpu" "$line"
    compare <(durations "$work/bare.log") <(durations "$work/guest.log")
}

# durations LOG: "axvm-work: NAME TIME", where times are counted from the start, to "NAME DURATION", and two sums.
durations() {
    tr -d '\r' <"$1" | awk '
        $1 == "axvm-work:" && NF == 3 { print $2, $3 - last; last = $3; if ($2 == "boot") boot = $3 }
        END { print "work", last - boot; print "all", last }'
}

# compare BARE GUEST
compare() {
    awk '
        BEGIN { printf "%-8s %12s %12s\n", "", "bare", "guest" }
        NR == FNR { bare[$1] = $2; next }
        { printf "%-8s %12.0f %12.0f %+8.2f %%\n", $1, bare[$1] / 1000, $2 / 1000, ($2 / bare[$1] - 1) * 100 }' "$1" "$2"
}
