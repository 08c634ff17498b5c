# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Debian packages that have to be installed on this machine.

# Is this package installed here, for any architecture?
is_installed() {
    local status
    status=$(dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null) || return 1
    grep -qx installed <<<"$status"
}

# As root directly, or through sudo.
as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo -- "$@"
    fi
}

# need_packages PACKAGE...: install those that are missing; silent when none is.
need_packages() {
    local package missing=()
    if ! command -v dpkg-query >/dev/null; then
        [[ ${AXVM_NO_INSTALL:-} ]] && return 0
        die "this is not a Debian machine: the scripts cannot install what they need" \
            "Install the counterparts of: $*" "then set AXVM_NO_INSTALL=1 to skip this check."
    fi
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0

    local install="apt-get install -y --no-install-recommends ${missing[*]}"
    [[ ! ${AXVM_NO_INSTALL:-} ]] || die "AXVM_NO_INSTALL is set, and these packages are missing: ${missing[*]}" \
        "As root: $install"
    ((EUID == 0)) || command -v sudo >/dev/null || die "packages are missing, and there is no sudo to install them" \
        "As root: apt-get update && $install"

    say "installing: ${missing[*]}"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600)
    quietly "$AXVM_BUILD/logs/apt-update.log" as_root "${apt[@]}" update ||
        die "apt-get update failed" "Is this machine's network up, and are its apt sources right?"
    quietly "$AXVM_BUILD/logs/apt-install.log" as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
        die "could not install: ${missing[*]}"
}
