# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Bochs, which emulates Intel's VMX: a machine that starts the host from a CD, by GRUB. It has no display. Its console is a file,
# which is followed to stdout, and what it does takes as many ticks each time; but if our stdin is a terminal, its console is one,
# too (bochs-terminal), and it does not outrun the clock when it idles.

bochs_follower=
bochs_keyboard=

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
    local mode=file sync=none
    [[ ! -t 0 ]] || mode=term sync=slowdown
    cat <<EOF
megs: $3
cpu: model=$1, count=$2, ips=50000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=cd.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=$mode, dev=console
com2: enabled=1, mode=null
log: bochs.log
panic: action=fatal
display_library: rfb, options="timeout=0"
sound: driver=dummy, waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
clock: sync=$sync, time0=946681200
EOF
}

# bochs_start LOG DIR: as machine_start.
bochs_start() {
    local log
    : >"$1"
    log=$(realpath -- "$1")
    axvm_at_exit+=(bochs_stop)
    if [[ -t 0 ]]; then
        bochs_start_on_terminal "$log" "$2"
    else
        bochs_start_to_file "$log" "$2"
    fi
}

bochs_start_to_file() {
    local log=$1 dir=$2
    ln -sf -- "$log" "$dir/console"
    (cd "$dir" && exec setpriv --pdeathsig KILL -- bochs -q -f bochsrc -rc commands </dev/null >bochs.out 2>&1) &
    machine_pid=$!
    tail -q -n +1 -s 0.05 -f --pid="$machine_pid" -- "$log" &
    bochs_follower=$!
}

# script(1) has the terminal's other side, shows what comes out of it and puts it into the log, too.
bochs_start_on_terminal() {
    local log=$1 dir=$2
    exec 3<&0
    machine_tty=$(stty -g <&3)
    mkfifo "$dir/typed" "$dir/keys"
    # shellcheck disable=SC2016 # for the shell that script(1) starts
    (cd "$dir" && SHELL=/bin/sh AXVM_LIB=$AXVM_LIB exec setpriv --pdeathsig KILL -- \
        script -q -e -f -c 'exec "$AXVM_LIB/bochs-terminal"' "$log" <keys) &
    machine_pid=$!
    stty raw -echo <&3
    bochs_keys "$dir" <"$dir/typed" >"$dir/keys" &
    # Bash itself, reading single keys from a terminal, would have Ctrl-C a signal again.
    cat <&3 >"$dir/typed" &
    bochs_keyboard=$!
}

# Byte by byte; Ctrl-A X leaves, Ctrl-A twice is one, as with QEMU.
bochs_keys() {
    local LC_ALL=C key command=
    while IFS= read -r -d '' -N 1 key; do
        if [[ $command && $key == [xX] ]]; then
            kill -TERM "$(<"$1/pid")"
            return
        elif [[ ! $command && $key == $'\x01' ]]; then
            command=yes
        else
            command=
            printf '%s' "$key"
        fi
    done
}

bochs_stop() {
    [[ ! $bochs_keyboard ]] || kill "$bochs_keyboard" 2>/dev/null || true
    machine_stop
    [[ ! $bochs_follower ]] || wait "$bochs_follower" 2>/dev/null || true
    bochs_follower='' bochs_keyboard=''
}
