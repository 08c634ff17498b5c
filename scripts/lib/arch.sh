# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Choosing an architecture: lib/arch-<arch>.sh is all that there is to support one here.

# load_arch ARCH
load_arch() {
    local file known
    case $1 in
        arm64) set -- aarch64 ;;
        amd64) set -- x86_64 ;;
    esac
    file=$AXVM_LIB/arch-$1.sh
    if [[ ! -e $file ]]; then
        known=$(cd "$AXVM_LIB" && printf '%s ' arch-*.sh | sed 's/arch-//g; s/\.sh//g')
        case $1 in
            riscv64 | x86_64) die "the $1 backend is not there yet" "These are: $known" ;;
        esac
        die "there is no architecture '$1'" "There are: $known"
    fi
    ARCH=$1 ARCH_QEMU10_PACKAGES=() ARCH_QEMU_ARGS=()
    # shellcheck source=scripts/lib/arch-aarch64.sh
    source "$file"
}
