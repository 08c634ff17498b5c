# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # the variables are for whoever sources this
#
# What the scripts have to know of riscv64; see arch-aarch64.sh.

ARCH_DEBIAN_ARCH=riscv64
# A later suite only stands in while no mirror has this one.
ARCH_KERNEL_SUITES=(trixie forky sid)
ARCH_KERNEL_PACKAGE=linux-image-riscv64
ARCH_KERNEL_DOWNLOAD='112 MB'
ARCH_KERNEL_CONSOLE=ttyS0

ARCH_RUN_PACKAGES=(qemu-system-misc device-tree-compiler)
ARCH_BUILD_PACKAGES=(gcc-riscv64-linux-gnu libc6-dev-riscv64-cross)
ARCH_PRESETS=(riscv64 riscv64-clang)

ARCH_QEMU=qemu-system-riscv64
ARCH_QEMU10_PACKAGES=(qemu-system-riscv qemu-system-data opensbi)
ARCH_DEFAULT_CPU=rv64
ARCH_HOST_IMAGE=examples/baremetal/axvm-host.bin

# Words for the host with which scripts/bench measures the timer once more.
ARCH_BENCH_WITHOUT=(no-sstc)
ARCH_BENCH_IRQCHIPS=(aplic imsic)

# OpenSBI is at the start of RAM, the host's image 2 MiB above it. QEMU puts the device tree at the end of RAM, but below
# 3 GiB: guests' images go right above the host's.
ARCH_RAM_BASE=$((0x80000000))
ARCH_MODULES_BASE=$((0x8a000000))

# arch_machine CPU: the QEMU arguments of the emulated machine, in ARCH_MACHINE.
arch_machine() {
    local cpu=$1
    [[ $cpu == *h=* ]] || cpu+=,h=true
    ARCH_MACHINE=(-M virt -cpu "$cpu")
}

# What makes one run like another: under icount, or else nearly so. In ARCH_DETERMINISM.
arch_determinism() {
    ARCH_DETERMINISM=()
}

# The machine that a guest finds, without a hypervisor. In ARCH_BARE; in ARCH_BARE_WITHOUT which nodes of its tree guests have not.
arch_bare() {
    ARCH_BARE=(-M virt -cpu "$1,h=false")
    ARCH_BARE_WITHOUT='^(pci|virtio_mmio|fw-cfg|flash|platform-bus|rtc)@'
}

# arch_host_arguments CPU VHE: what the example host has to be told.
arch_host_arguments() {
    [[ ! $2 ]] || die "--vhe is for aarch64 only"
}

# arch_set_memory TREE MIB: say in a tree of ours how much RAM the machine has; QEMU takes the tree as it is.
arch_set_memory() {
    local bytes=$(($2 * 0x100000))
    fdtput -t x "$1" "/memory@$(printf %x "$ARCH_RAM_BASE")" reg 0 "$(printf %x "$ARCH_RAM_BASE")" \
        "$(printf %x $((bytes >> 32)))" "$(printf %x $((bytes & 0xffffffff)))"
}
