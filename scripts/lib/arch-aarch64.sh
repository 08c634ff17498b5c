# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # the variables are for whoever sources this
#
# What the scripts have to know of aarch64. Another architecture is another such file, with the same names in it.

# Debian's name of it, and where its kernel comes from: what this metapackage depends on at present.
ARCH_DEBIAN_ARCH=arm64
ARCH_KERNEL_SUITES=(bookworm trixie)
ARCH_KERNEL_PACKAGE=linux-image-arm64
ARCH_KERNEL_DOWNLOAD='60 MB'
ARCH_KERNEL_CONSOLE=ttyAMA0

# To run the emulated machine, and to build the host for it; what scripts/test builds.
ARCH_RUN_PACKAGES=(qemu-system-arm device-tree-compiler)
# The C library is not linked, but GCC's <limits.h> includes that of the target's library, or by mistake this machine's.
ARCH_BUILD_PACKAGES=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
ARCH_PRESETS=(aarch64 aarch64-clang)

ARCH_QEMU=qemu-system-aarch64
ARCH_DEFAULT_CPU=neoverse-n1
ARCH_HOST_IMAGE=examples/baremetal/axvm-host.bin

# QEMU puts the host's image at the start of RAM, and its device tree after the first 128 MiB: ours go beyond both.
ARCH_RAM_BASE=$((0x40000000))
ARCH_MODULES_BASE=$((0x4a000000))

# arch_machine CPU: the QEMU arguments of the emulated machine, in ARCH_MACHINE.
arch_machine() {
    local cpu=$1
    # The emulated pointer authentication of `max` makes it several times slower, unless an easier algorithm is chosen.
    if [[ $cpu == max* && $cpu != *pauth* ]]; then
        cpu+=,pauth-impdef=on
    fi
    ARCH_MACHINE=(-M virt,virtualization=on,gic-version=3 -cpu "$cpu")
}

# What makes one run like another: under icount, or else nearly so. In ARCH_DETERMINISM.
arch_determinism() {
    ARCH_DETERMINISM=(-machine dtb-randomness=off)
}

# The machine that a guest finds, without a hypervisor. In ARCH_BARE; in ARCH_BARE_WITHOUT which nodes of its tree guests have not.
arch_bare() {
    ARCH_BARE=(-M virt,gic-version=3,dtb-randomness=off -cpu "$1")
    ARCH_BARE_WITHOUT='^(pcie|virtio_mmio|fw-cfg|flash|platform-bus|gpio-keys|pl061|pl031|pmu|its)(@|$)'
}

# Has this CPU the Virtualization Host Extensions (Armv8.1)?
arch_has_vhe() {
    case ${1%%,*} in
        cortex-a35 | cortex-a53 | cortex-a57 | cortex-a72 | cortex-a73) return 1 ;;
    esac
    return 0
}

# arch_host_arguments CPU VHE: what the example host has to be told; VHE is on, off, or empty to do what the CPU can.
arch_host_arguments() {
    local cpu=$1 vhe=$2
    if [[ ! $vhe ]]; then
        vhe=off
        ! arch_has_vhe "$cpu" || vhe=on
    elif [[ $vhe == on ]] && ! arch_has_vhe "$cpu"; then
        die "${cpu%%,*} has no VHE" "Choose --vhe off, or another --cpu."
    fi
    printf 'vhe=%s' "$vhe"
}

# arch_set_memory TREE MIB: say in a tree of ours how much RAM the machine has. QEMU does it by itself here.
arch_set_memory() {
    :
}
