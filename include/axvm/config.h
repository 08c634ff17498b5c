/* SPDX-License-Identifier: BSD-2-Clause */
/** @file What a VM is made of. All-zero is a working default: one vCPU, the CPU's default machine, 128 MiB of RAM. */
#ifndef AXVM_CONFIG_H
#define AXVM_CONFIG_H

#include <axvm/memory.h>
#include <axvm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct axvm_hal;

/** How interrupts reach the guest. */
enum axvm_irq_mode {
    AXVM_IRQ_EMULATED,    /**< A complete model of the CPU's interrupt controller; listed host interrupts can be forwarded. */
    AXVM_IRQ_PASSTHROUGH, /**< As EMULATED, and any host interrupt may be forwarded under its own number, listed or not. */
    AXVM_IRQ_NONE,        /**< No interrupt controller. */
};

struct axvm_vcpu_config {
    uint64_t pcpu_mask; /**< Host CPUs 0..63 it may run on; 0 means any. axvm_run_vcpu() refuses the others. */
};

/** A host device given to the guest. */
struct axvm_passthrough {
    const char *name;    /**< Of the guest's device-tree node, without unit address; NULL: not described. */
    axvm_gpa_t base_gpa; /**< Multiples of 4 KiB; may differ from base_hpa. len 0: interrupts only. */
    axvm_hpa_t base_hpa;
    uint64_t len;
    uint32_t host_irq; /**< The number in the host's controller; 0: no interrupt. */
    uint32_t guest_irq;
    bool edge; /**< Edge-triggered; otherwise level. */
    /** x86: I/O ports [port, port + port_count), under the same numbers in guest and host. port_count 0: none. */
    uint16_t port;
    uint16_t port_count;
    /** Guests with ACPI: the device's _HID ("PNP0501", "PNP0103"), with which its driver finds it; up to 8 characters. NULL:
     *  not described. */
    const char *acpi_hid;
    /** Raw device-tree properties of the host's node for @c name: a complete device-tree blob of @c fdt_size bytes in which
     *  @c fdt_path names the node. Its "reg" and "interrupts" are rewritten, nodes it refers to by phandle come along. NULL:
     *  nothing but reg and interrupts. Stays the host's until axvm_destroy(). */
    const void *fdt;
    size_t fdt_size;
    const char *fdt_path;
};

enum axvm_emu_type {
    AXVM_EMU_NONE,
    AXVM_EMU_PL011,
    AXVM_EMU_NS16550, /**< 16550A, registers one byte apart. */
};

/** Where a character device sends what the guest prints. */
struct axvm_chardev {
    /** Take up to @p len bytes and say how many were taken; 0 means try later. Host context; may sleep. */
    size_t (*write)(void *ctx, const uint8_t *buf, size_t len);
    void *ctx;
};

/** A device of the library. */
struct axvm_emu_device {
    enum axvm_emu_type type;
    uint64_t base; /**< MMIO address, or port; 0: the default machine's, of its space. */
    bool port;     /**< @c base is an x86 I/O port, a multiple of 8. 16550A only. */
    uint32_t irq;  /**< Input of the interrupt controller; 0: the default machine's. */
    struct axvm_chardev chardev;
};

enum axvm_image_kind {
    AXVM_IMAGE_AUTO, /**< By its header: Linux Image (arm64, RISC-V), bzImage, multiboot, PVH (x86), ELF; otherwise flat. */
    AXVM_IMAGE_LINUX,
    AXVM_IMAGE_ELF,
    AXVM_IMAGE_FLAT,
    AXVM_IMAGE_FIRMWARE,  /**< Copied to its load address in memory of its own and started there; x86: it ends at 4 GiB. */
    AXVM_IMAGE_BZIMAGE,   /**< x86: Linux, entered by the 64-bit boot protocol. */
    AXVM_IMAGE_PVH,       /**< x86: ELF with XEN_ELFNOTE_PHYS32_ENTRY. */
    AXVM_IMAGE_MULTIBOOT, /**< x86: multiboot 1. */
};

#define AXVM_MAX_MODULES 16

/** Bytes in host memory: the host's, unchanged until axvm_destroy(), as a reset loads them again. */
struct axvm_blob {
    const void *data;
    size_t size;
};

/** A file beside the kernel, for boot protocols that pass such: multiboot, PVH. */
struct axvm_module {
    struct axvm_blob file;
    const char *cmdline; /**< NULL: none. */
};

struct axvm_image_config {
    struct axvm_blob kernel;
    enum axvm_image_kind kind;
    axvm_gpa_t load;       /**< Of the first byte; 0 and !load_set: where its kind wants it, from the default machine. */
    bool load_set;
    axvm_gpa_t entry;      /**< 0 and !entry_set: what the image says. */
    bool entry_set;
    struct axvm_blob initrd;
    const char *cmdline;   /**< NULL: none. Up to 64 KiB. */
    struct axvm_blob fdt;  /**< Patched (memory, chosen, initrd) and used; empty: one is generated. */
    bool fdt_verbatim;     /**< Use @c fdt as it is. */
    const struct axvm_module *modules; /**< After the initrd, which counts as the first. Multiboot and PVH only. */
    uint32_t module_count;             /**< Up to AXVM_MAX_MODULES. */
};

/** SMCCC vendor hypervisor calls, SBI firmware-specific calls and VMCALL go to the host as AXVM_EXIT_HYPERCALL. */
#define AXVM_VM_HYPERCALLS (1u << 0)
/** WFE / PAUSE of a guest makes axvm_run_vcpu() return AXVM_EXIT_YIELD: for more vCPUs than CPUs. */
#define AXVM_VM_YIELD_ON_SPIN (1u << 1)
/** No default devices (UART); only what the config lists. */
#define AXVM_VM_NO_DEFAULT_DEVICES (1u << 2)
/** x86: KVM's paravirtual clock and steal time. Linux then knows the rate of its TSC from the start. */
#define AXVM_VM_PV_CLOCK (1u << 3)
/** riscv64: SBI's legacy calls (but for IPIs), which small kernels use without asking. "Legacy Extensions". */
#define AXVM_VM_LEGACY_SBI (1u << 4)

struct axvm_config {
    uint32_t id;            /**< Which VM, in HAL callbacks. Any number the host likes, unique. */
    const char *name;       /**< For logs; NULL: "vm". Copied, up to 31 characters. */
    uint32_t flags;         /**< AXVM_VM_*. */
    uint32_t vcpu_count;    /**< 1..AXVM_MAX_VCPUS; 0: one. */
    const struct axvm_vcpu_config *vcpus; /**< vcpu_count of them; NULL: all zero. */

    uint64_t ram_size;      /**< Only without regions: bytes of RAM at the default machine's place, multiple of 2 MiB;
                                 0: 128 MiB. */
    enum axvm_region_kind ram_kind; /**< ALLOC or TOUCH. */
    const struct axvm_region *regions;
    uint32_t region_count;

    enum axvm_irq_mode irq_mode;
    uint32_t irqchip; /**< Which interrupt controller the guest sees, of those of include/axvm/<cpu>.h; 0: the default one. */
    const struct axvm_passthrough *passthrough;
    uint32_t passthrough_count;
    const struct axvm_emu_device *devices; /**< The first PL011/16550A is the console. None: the default machine's UART. */
    uint32_t device_count;
    struct axvm_chardev console; /**< Of the default machine's UART; zero: output is dropped. */

    struct axvm_image_config image;

    unsigned int gpa_bits; /**< Size of the guest-physical space; 0: what the CPU and the regions call for. */
};

#define AXVM_MAX_PASSTHROUGH 32
#define AXVM_MAX_EMU_DEVICES 16

struct axvm_config_error {
    const char *field; /**< "regions[2].len"-like path without the index. */
    uint32_t index;    /**< Which element, for arrays. */
    const char *why;
};

/** Check a config as axvm_new() does. @p err (may be NULL) says which field. AXVM_ERR_INVAL or AXVM_ERR_EXIST. */
int axvm_config_check(const struct axvm_config *cfg, struct axvm_config_error *err);

/** Storage for a config put together step by step. Zero it or call axvm_builder_init(). */
struct axvm_builder {
    struct axvm_config cfg; /**< Scalars may be set directly. */
    struct axvm_vcpu_config vcpus[AXVM_MAX_VCPUS];
    struct axvm_region regions[AXVM_MAX_REGIONS];
    struct axvm_passthrough passthrough[AXVM_MAX_PASSTHROUGH];
    struct axvm_emu_device devices[AXVM_MAX_EMU_DEVICES];
    struct axvm_module modules[AXVM_MAX_MODULES];
};

/** The steps return AXVM_ERR_NOSPC when an array is full. The finished config is axvm_builder_config(); it points into @p b. */
void axvm_builder_init(struct axvm_builder *b, uint32_t id, const char *name);
int axvm_builder_vcpus(struct axvm_builder *b, uint32_t count);
int axvm_builder_affinity(struct axvm_builder *b, uint32_t vcpu, uint64_t pcpu_mask);
int axvm_builder_region(struct axvm_builder *b, const struct axvm_region *region);
int axvm_builder_passthrough(struct axvm_builder *b, const struct axvm_passthrough *dev);
int axvm_builder_device(struct axvm_builder *b, const struct axvm_emu_device *dev);
/** One more file beside the kernel. Not together with axvm_builder_image() with modules of its own. */
int axvm_builder_module(struct axvm_builder *b, const struct axvm_module *module);
void axvm_builder_image(struct axvm_builder *b, const struct axvm_image_config *image);
const struct axvm_config *axvm_builder_config(struct axvm_builder *b, struct axvm_config_error *err);

#ifdef __cplusplus
}
#endif
#endif
