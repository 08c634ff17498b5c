# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Run the emulated machine with its console on our stdin and stdout, and find out how the run ended.
#
# The host ends a run with a line `axvm-host: NONCE status=S REASON`. The nonce is new each time and no guest sees it, so
# no guest can end its own run by printing such a line.

machine_pid=
machine_tty=

# Stop it if it runs, and give the terminal back as it was: QEMU sets it to raw mode.
machine_stop() {
    local i
    if [[ $machine_pid ]]; then
        kill -TERM "$machine_pid" 2>/dev/null || true
        for ((i = 0; i < 30; i++)); do
            kill -0 "$machine_pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$machine_pid" 2>/dev/null || true
        wait "$machine_pid" 2>/dev/null || true
        machine_pid=
    fi
    [[ ! $machine_tty ]] || stty "$machine_tty" <&3 2>/dev/null || true
    machine_tty=
}

# machine_start LOG COMMAND...: LOG gets a copy of the console.
machine_start() {
    local log=$1
    shift
    : >"$log"
    # A background command would get /dev/null as its stdin, unless told otherwise.
    exec 3<&0
    if [[ -t 3 ]]; then
        machine_tty=$(stty -g <&3)
    fi
    axvm_at_exit+=(machine_stop)
    # Should we be killed outright, no machine is left running.
    setpriv --pdeathsig KILL -- "$@" -display none -monitor none -parallel none -no-reboot \
        -chardev "stdio,id=axvm-console,mux=on,signal=off,logfile=${log//,/,,}" \
        -serial chardev:axvm-console -mon chardev=axvm-console,mode=readline <&3 &
    machine_pid=$!
}

# was_found LOG TEXT COUNT: are there so many lines with TEXT? Never, if there is no TEXT.
was_found() {
    local lines
    [[ $2 ]] || return 1
    lines=$(grep -acF -e "$2" -- "$1") || true
    ((lines >= $3))
}

# machine_watch LOG NONCE TEXT COUNT TIMEOUT: wait until the run is decided, and set machine_result to one of
#     found             TEXT was on the console, in COUNT lines
#     ended STATUS WHY  the host reported
#     timeout           TIMEOUT seconds have passed (0: never)
#     died STATUS       the emulator ended without a report of the host's
machine_watch() {
    local log=$1 nonce=$2 text=$3 count=$4 timeout=$5 start=$SECONDS alive line tick
    # Reading from a pipe that nobody writes is a sleep without a process.
    exec {tick}<> <(:)
    while :; do
        # In this order: all that it wrote before it ended is in the log by then.
        alive=yes
        kill -0 "$machine_pid" 2>/dev/null || alive=
        if was_found "$log" "$text" "$count"; then
            machine_result=found
            break
        fi
        if grep -aqF -e "axvm-host: $nonce status=" -- "$log"; then
            machine_drain
            line=$(grep -aF -m 1 -e "axvm-host: $nonce status=" -- "$log" | tr -d "\r")
            machine_result="ended ${line#*" status="}"
            break
        fi
        if [[ ! $alive ]]; then
            local status=0
            wait "$machine_pid" || status=$?
            machine_pid=
            machine_result="died $status"
            break
        fi
        if ((timeout > 0 && SECONDS - start >= timeout)); then
            machine_result=timeout
            break
        fi
        read -r -t 0.1 -u "$tick" || true
    done
    exec {tick}>&-
    # Between looking for the text and seeing the end, it may have come.
    if [[ $machine_result != found ]] && was_found "$log" "$text" "$count"; then
        machine_result=found
    fi
    machine_stop
}

# The host has reported and turns the machine off: let the last of the console come out.
machine_drain() {
    local i
    for ((i = 0; i < 20; i++)); do
        kill -0 "$machine_pid" 2>/dev/null || return 0
        sleep 0.1
    done
}
