# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What every script needs: where the checkout is, how to speak to the user, scratch space that goes away.
# Sourced first by each script, after `set -euo pipefail`.

# Errors end a script inside $(...) too.
shopt -s inherit_errexit

AXVM_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P)
AXVM_BUILD=$AXVM_ROOT/build
AXVM_LIB=$AXVM_ROOT/scripts/lib

# The status of die(): scripts whose other statuses mean something (run-guest) choose their own.
AXVM_DIE_STATUS=1

# Progress goes to stderr: stdout belongs to the guest's console, or to a function's result.
say() {
    printf '==> %s\n' "$*" >&2
}

# One line on what went wrong, then one per further argument on what to do about it.
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    (($# == 0)) || printf '       %s\n' "$@" >&2
    exit "$AXVM_DIE_STATUS"
}

# need_value OPTION COUNT: an option that takes a value must have one after it; COUNT is $# at the option.
need_value() {
    (($2 >= 2)) || die "$1 needs a value" "See ${0##*/} --help."
}

is_number() {
    [[ $1 =~ ^[0-9]{1,9}$ ]]
}

# The directories and functions to run when the script ends, whatever ends it.
axvm_scratch_dirs=()
axvm_at_exit=()

axvm_cleanup() {
    local status=$? item
    trap - EXIT
    for item in ${axvm_at_exit[@]+"${axvm_at_exit[@]}"}; do
        "$item" || true
    done
    for item in ${axvm_scratch_dirs[@]+"${axvm_scratch_dirs[@]}"}; do
        rm -rf -- "$item"
    done
    exit "$status"
}

# Turn signals into exits, so that the EXIT trap runs and nothing we started outlives us.
clean_up_at_exit() {
    trap axvm_cleanup EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# scratch_dir VARIABLE: a new private directory, removed at exit. Not in a subshell, which would forget to remove it.
scratch_dir() {
    local -n scratch_dir_out=$1
    scratch_dir_out=$(mktemp -d "${TMPDIR:-/tmp}/axvm.XXXXXXXX") || die "cannot make a directory in ${TMPDIR:-/tmp}" \
        "Set TMPDIR to a directory that you can write to."
    axvm_scratch_dirs+=("$scratch_dir_out")
}

# quietly LOG COMMAND...: run it with its output in LOG, which is shown only if the command fails.
quietly() {
    local log=$1 status=0
    shift
    mkdir -p "${log%/*}"
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if ((status != 0)); then
        tail -n 60 "$log" >&2
        printf 'error: failed: %s\n       The whole output is in %s\n' "$*" "$log" >&2
    fi
    return "$status"
}

# with_lock NAME COMMAND...: one process at a time in here, across scripts that share this checkout. A subshell, whose end
# gives the lock back; do not use it where its errors are tested (with ||), unless COMMAND minds its own.
with_lock() (
    lock=$AXVM_BUILD/.$1.lock
    shift
    mkdir -p "$AXVM_BUILD"
    exec {fd}>"$lock"
    if ! flock -n "$fd"; then
        say "waiting for another script that is at work in ${AXVM_BUILD#"$AXVM_ROOT"/}"
        flock "$fd"
    fi
    # What it starts does not get the lock: apt leaves processes behind for a moment.
    "$@" {fd}>&-
)
