# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # the variables are for whoever sources this
#
# What the scripts have to know of x86_64; see arch-aarch64.sh. AMD's SVM is in QEMU, Intel's VMX in Bochs (lib/bochs.sh).

ARCH_DEBIAN_ARCH=amd64
ARCH_KERNEL_SUITES=(bookworm trixie)
ARCH_KERNEL_PACKAGE=linux-image-cloud-amd64
ARCH_KERNEL_DOWNLOAD='27 MB'
ARCH_KERNEL_CONSOLE=ttyS0

ARCH_RUN_PACKAGES=(qemu-system-x86 seabios device-tree-compiler)
ARCH_BOCHS_PACKAGES=(bochs bochsbios vgabios grub-pc-bin grub-common xorriso mtools)
ARCH_BUILD_PACKAGES=()
[[ $(uname -m) == x86_64 ]] || ARCH_BUILD_PACKAGES=(gcc-x86-64-linux-gnu libc6-dev-amd64-cross)
ARCH_PRESETS=(x86_64 x86_64-clang)

ARCH_QEMU=qemu-system-x86_64
ARCH_DEFAULT_CPU=svm
ARCH_HOST_IMAGE=examples/baremetal/axvm-host.bin

# What the demo's guest gets: measuring its TSC against an emulated PIT takes long, and fails when the machine is busy.
ARCH_DEMO_OPTIONS=(--pv-clock)

# Measuring the rate of a clock is work that depends on what there is to compare with.
ARCH_BENCH_LINUX_WORDS=tsc_early_khz=1000000

# The boot loader places images, and tells the host where: they are counted from here, but only to know how much RAM they take.
ARCH_RAM_BASE=0
ARCH_MODULES_BASE=$((0x1000000))
ARCH_NUMBERS_MODULES=yes

# arch_machine CPU: svm, vmx, bochs:MODEL, or one of QEMU's. In ARCH_MACHINE the QEMU arguments, or else in ARCH_BOCHS_MODEL
# which of Bochs' CPUs. ARCH_SPARE_CPU: with more CPUs than one, guests keep off the first, which the machine has in addition. In
# QEMU a CPU that restores x87 state (cpu_clear_ignne()) reads, changes and writes hflags2 of the first CPU while that runs, which
# can undo what VMRUN or #VMEXIT do there to say whether nested paging is on: host or guest are then translated by the other's tables.
arch_machine() {
    local cpu=$1
    ARCH_BOCHS_MODEL='' ARCH_MACHINE=() ARCH_SPARE_CPU=''
    case $cpu in
        vmx) ARCH_BOCHS_MODEL=corei7_skylake_x ;;
        bochs:?*) ARCH_BOCHS_MODEL=${cpu#bochs:} ;;
        *)
            # COM2 goes nowhere, but can be given to a guest; no VGA, as the BIOS would wait for its ROM.
            ARCH_MACHINE=(-M q35 -accel tcg -cpu "${cpu/#svm/max}" -vga none
                -chardev null,id=com2 -device isa-serial,chardev=com2,index=1)
            ARCH_SPARE_CPU=yes
            ;;
    esac
}

arch_determinism() {
    ARCH_DETERMINISM=()
}

# arch_machine_tree OUTPUT: the parts of a PC that can be given to a guest, as PCs have no device tree. Interrupts: the input of
# the I/O APIC, and 0 for edge, 2 for level (the binding of "intel,ce4100-ioapic").
arch_machine_tree() {
    dtc -q -I dts -O dtb -o "$1" - <<'DTS'
/dts-v1/;
/ {
    #address-cells = <2>;
    #size-cells = <2>;
    interrupt-parent = <&ioapic>;
    chosen { };
    ioapic: interrupt-controller@fec00000 {
        compatible = "intel,ce4100-ioapic";
        reg = <0 0xfec00000 0 0x1000>;
        interrupt-controller;
        #interrupt-cells = <2>;
        #address-cells = <0>;
    };
    hpet@fed00000 {
        compatible = "intel,ce4100-hpet";
        axvm,acpi-hid = "PNP0103";
        reg = <0 0xfed00000 0 0x1000>;
        interrupts = <20 2>; /* one of those that its timers can be routed to */
    };
    isa {
        compatible = "isa";
        #address-cells = <2>;
        #size-cells = <1>;
        ranges;
        serial@2f8 {
            compatible = "ns16550a";
            axvm,acpi-hid = "PNP0501";
            reg = <1 0x2f8 8>;
            interrupts = <3 0>;
        };
    };
};
DTS
}

# The machine that a guest finds, without a hypervisor. In ARCH_BARE. It has no PCI and no device tree. Paging with 5 levels, which
# guests are not offered, does not work in QEMU 7.2: user space reads garbage.
arch_bare() {
    ARCH_BARE=(-M microvm -cpu "${1/#svm/max},-svm,-la57")
    ARCH_BARE_WITHOUT=
}

# arch_host_arguments CPU VHE: what the example host has to be told.
arch_host_arguments() {
    [[ ! $2 ]] || die "--vhe is for aarch64 only"
}

arch_set_memory() {
    :
}
