# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Bochs, which emulates Intel's VMX: a machine that starts the host from a CD, by GRUB. It has no display and its console is a
# file, which is followed to stdout; there is no way in. What it does takes as many ticks each time.

bochs_follower=

# bochs_prepare DIR MODEL CPUS MIB IMAGE LINE MODULE...: make the CD and the configuration there.
bochs_prepare() {
    local dir=$1 model=$2 cpus=$3 mib=$4 image=$5 line=$6 iso=$1/iso module n=0
    shift 6
    mkdir -p "$iso/boot/grub"
    cp -- "$image" "$iso/boot/host"
    {
        printf 'set timeout=0\nmultiboot /boot/host %s\n' "$line"
        for module in "$@"; do
            cp -- "$module" "$iso/boot/module$n"
            # GRUB would unpack what it can.
            printf 'module --nounzip /boot/module%d\n' $n
            n=$((n + 1))
        done
        printf 'boot\n'
    } >"$iso/boot/grub/grub.cfg"
    quietly "$AXVM_BUILD/logs/grub-mkrescue.log" grub-mkrescue -o "$dir/cd.iso" "$iso" ||
        die "could not make the CD that Bochs boots from"
    bochs_configuration "$model" "$cpus" "$mib" >"$dir/bochsrc"
    # Debian's Bochs has its debugger built in, and waits for a command.
    printf 'c\n' >"$dir/commands"
}

# Sound would crash it, "rfb" is the one display that waits for nobody.
bochs_configuration() {
    cat <<EOF
megs: $3
cpu: model=$1, count=$2, ips=50000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=cd.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=console
com2: enabled=1, mode=null
log: bochs.log
panic: action=fatal
display_library: rfb, options="timeout=0"
sound: driver=dummy, waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
clock: sync=none, time0=946681200
EOF
}

# bochs_start LOG DIR: as machine_start.
bochs_start() {
    local log dir=$2
    : >"$1"
    log=$(realpath -- "$1")
    ln -sf -- "$log" "$dir/console"
    axvm_at_exit+=(bochs_stop)
    (cd "$dir" && exec setpriv --pdeathsig KILL -- bochs -q -f bochsrc -rc commands </dev/null >bochs.out 2>&1) &
    machine_pid=$!
    tail -q -n +1 -s 0.05 -f --pid="$machine_pid" -- "$log" &
    bochs_follower=$!
}

bochs_stop() {
    machine_stop
    [[ ! $bochs_follower ]] || wait "$bochs_follower" 2>/dev/null || true
    bochs_follower=
}
