/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a backend provides. Every src/arch/<cpu>/ defines all of it, and these headers:
 *   arch_types.h  struct axvm_arch_vm, axvm_arch_vcpu, axvm_arch_cpu, axvm_arch_mmio
 *   arch_irq.h    axvm_irq_save(), axvm_irq_restore(), axvm_irqs_enabled(), axvm_cpu_relax()
 *   s2_format.h   the stage-2 table format, for src/core/s2.c
 * The build links exactly one backend, so these are direct calls. tests/support/fake_arch.c is one more.
 */
#ifndef AXVM_CORE_ARCH_H
#define AXVM_CORE_ARCH_H

#include "vm_priv.h"

struct axvm_image;
struct axvm_load;

/* The machine a VM is when its config does not say otherwise. */
struct axvm_machine {
    uint64_t ram_base;
    bool ram_in_pieces; /* initrd and boot data may go into any RAM; otherwise what is around ram_base, in one piece */
    uint64_t ram_gap, ram_gap_end; /* RAM that would go beyond ram_gap goes on at ram_gap_end; 0: no gap */
    uint64_t ram_hole, ram_hole_end; /* no RAM here, in what is below ram_gap; multiples of 4 KiB, below 2 MiB; 0: no hole */
    uint64_t firmware_base;
    uint64_t image_align;  /* flat images: load address is a multiple, from ram_base */
    uint64_t image_offset; /* where in RAM a flat or headerless kernel goes */
    enum axvm_emu_type uart;
    uint64_t uart_base;
    bool uart_port; /* uart_base is an I/O port */
    bool has_ports; /* there is an I/O port space */
    uint32_t uart_irq;
    uint16_t elf_machine;   /* e_machine */
    uint16_t elf32_machine; /* and of 32-bit files; 0: such are refused */
    const char *console_path; /* "/pl011@9000000" for /chosen stdout-path */
    uint64_t firmware_size;   /* memory that a firmware image gets at firmware_base, touched as needed */
    /* The boot protocol of Linux. Zero: this CPU has no such image, no such limit. */
    uint32_t linux_magic;      /* of the 64-byte "Image" header, little-endian at byte 56 */
    uint64_t linux_old_offset; /* text_offset of an Image whose header says image_size 0 */
    uint64_t fdt_window;       /* the device tree ends within so many bytes of the kernel's base */
    uint64_t initrd_window;    /* the initrd ends within so many bytes of the kernel's base rounded down to 1 GiB */
    /* Names of the interrupt controllers that a VM can have, NULL at the end: axvm_config.irqchip n is irqchips[n - 1], 0 the first.
     * NULL: there is no choice. */
    const char *const *irqchips;
};
extern const struct axvm_machine axvm_arch_machine;

/*
 * ---- images, and what a guest is told about its machine ----
 * A backend whose guests get a device tree takes both of these, with all that makes the tree, from src/core:
 * axvm_guests_have_device_tree() in its CMakeLists.txt. Only such a one defines axvm_arch_describe().
 */
/*
 * Look at an image whose kind, or whose place, is this CPU's affair. As axvm_image_parse().
 * @retval AXVM_ERR_NOENT  none of those: core looks for the kinds that every CPU has
 */
int axvm_arch_image_parse(const struct axvm_image_config *cfg, uint64_t ram_base, struct axvm_image *img, const char **why);
/*
 * Kernel, initrd and modules have their places in @load. Make the data that the boot protocol passes, find places for it, and
 * list it in load->pieces, which core then writes; set load->arg. What fails is logged. Memory goes into load->buf, which core
 * frees, also when this fails.
 */
int axvm_arch_boot_data(struct axvm *vm, struct axvm_load *load);

/* ---- a physical CPU; called on it ---- */
/* Interrupts are as the host has them, so that memory can be had; a backend masks them while it changes registers. */
int axvm_arch_cpu_enable(struct axvm_cpu *cpu, const struct axvm_cpu_config *cfg);
void axvm_arch_cpu_disable(struct axvm_cpu *cpu);
/* From here on interrupts are off. */
bool axvm_arch_host_irq(struct axvm_cpu *cpu, unsigned int irq);
/* Drop every stage-2 translation this CPU may have cached: a new generation of VMIDs begins. */
void axvm_arch_cpu_flush_tlb(struct axvm_cpu *cpu);

/* ---- stage 2 ---- */
/* @gpa_bits: the least that will do, 0 for the most the CPU has. AXVM_ERR_NOSUP when the CPU has less. */
int axvm_arch_s2_geometry(unsigned int gpa_bits, struct axvm_s2_geometry *geo);
/* Bits of a VMID; 0: there are none, entries are flushed when the VM changes. */
unsigned int axvm_arch_vmid_bits(void);
/* No CPU uses a cached translation of [gpa, gpa + len) of this VM any more when it returns. as.lock is held. */
void axvm_arch_s2_flush(struct axvm *vm, uint64_t gpa, uint64_t len);
/* Table writes before this are seen by the table walkers of all CPUs after it. */
void axvm_arch_s2_sync(void);
/* [va, va + len) was written by the host and will be read by a guest whose caches may be off, or executed. */
void axvm_arch_cache_sync(void *va, size_t len);
/* [va, va + len) was zeroed by the host and becomes RAM of a guest: one whose caches are off must not see what was there before. */
void axvm_arch_ram_publish(void *va, size_t len);

/* ---- a VM ---- */
int axvm_arch_vm_init(struct axvm *vm);   /* after regions and bus exist; attaches the interrupt controller */
void axvm_arch_vm_fini(struct axvm *vm);  /* also when init failed half-way: all-zero members are fine */
void axvm_arch_vm_reset(struct axvm *vm);
/* The guest's time stands still as of now, also if it was stopped before: vCPUs that were still running may have seen it go on. */
void axvm_arch_clock_stop(struct axvm *vm);
void axvm_arch_clock_start(struct axvm *vm); /* and goes on where it stood; at first from zero; no vCPU runs */
/* Add /cpus, the interrupt controller, timer and firmware nodes to a tree open at its root node (libfdt sequential write).
 * Returns a libfdt error code. */
int axvm_arch_describe(struct axvm *vm, void *fdt);
/* Cells of an "interrupts" property for input @irq of the VM's controller; returns how many of the 3 were filled, host byte order. */
unsigned int axvm_arch_irq_cells(const struct axvm *vm, uint32_t irq, bool edge, uint32_t cells[3]);
/* The inverse, for the host's own tree: one interrupt specifier of @count cells, host byte order. AXVM_ERR_NOSUP when it is not
 * an interrupt that a guest can be given (private to a CPU, of another controller). */
int axvm_arch_irq_from_cells(const uint32_t *cells, unsigned int count, uint32_t *irq, bool *edge);

/* ---- a vCPU ---- */
int axvm_arch_vcpu_init(struct axvm_vcpu *vcpu);
void axvm_arch_vcpu_fini(struct axvm_vcpu *vcpu);
/* Registers as after a reset, then execution at @entry with @arg as the boot protocol passes it (x0; a1 beside a0 = hart). */
void axvm_arch_vcpu_reset(struct axvm_vcpu *vcpu, uint64_t entry, uint64_t arg);
/*
 * Enter the guest on this CPU and stay until the fast tier cannot go on; guest state is out of the way of the host when it
 * returns. Interrupts are off before and after. For AXVM_TRAP_EXIT @exit is filled in.
 */
enum axvm_trap_kind axvm_arch_vcpu_run(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu, struct axvm_exit *exit);
/*
 * After trap.mmio was answered: put loaded values into registers, do writeback, step over the instruction. Host tier.
 * True: the instruction needs one more access, which *mmio is now (read-modify-write, memory to memory, a part of a string). It
 * is answered in the same way, and may leave to the host as well. One instruction, or as much of a repeated one as is done at a
 * time, needs no more than AXVM_MMIO_MAX_ACCESSES.
 */
bool axvm_arch_mmio_finish(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio);
/* trap.mmio was answered by nobody (AXVM_ERR_NOENT) or refused (AXVM_ERR_GUEST): what this CPU does on its bus. Host tier.
 * True: as above; the instruction goes on where a bus has no way to say no. */
bool axvm_arch_mmio_refuse(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio);
#define AXVM_MMIO_MAX_ACCESSES 256u
/* trap.gpa/trap.prot hit no region or one that forbids it: give the guest the exception its CPU would raise. Host tier. */
void axvm_arch_fault_refuse(struct axvm_vcpu *vcpu);
/* Finish a hypercall exit with @value, or with "not supported". Host tier. */
void axvm_arch_hypercall_finish(struct axvm_vcpu *vcpu, bool answered, uint64_t value);
/* Deliver a hardware error the host has seen and not claimed to the guest. Host tier. */
void axvm_arch_error_deliver(struct axvm_vcpu *vcpu);
int axvm_arch_get_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t *value);
int axvm_arch_set_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t value);
int axvm_arch_register(struct axvm_vcpu *vcpu, unsigned int index, const char **name, uint64_t *value);

/* ---- interrupts; any context ---- */
/* Claim input @irq of the VM's controller. AXVM_ERR_INVAL, AXVM_ERR_EXIST, AXVM_ERR_NOSUP. Before boot. */
int axvm_arch_irq_claim(struct axvm *vm, uint32_t irq, bool edge);
void axvm_arch_irq_set(struct axvm *vm, uint32_t irq, bool level);
/* One edge of an interrupt private to @vcpu, or of an input. */
int axvm_arch_irq_inject(struct axvm_vcpu *vcpu, uint32_t irq);
/* Bind input @guest_irq to @host_irq: completion goes to the host. Before boot. */
int axvm_arch_irq_bind(struct axvm *vm, uint32_t guest_irq, uint32_t host_irq, bool edge);
/* A bound host interrupt has fired. AXVM_ERR_NOENT when nothing is bound to it. */
int axvm_arch_irq_forward(struct axvm *vm, uint32_t host_irq);
/* Would it leave wait-for-interrupt now: an interrupt is pending that its controller would signal, or its timer is due. */
bool axvm_arch_vcpu_wakes(struct axvm_vcpu *vcpu);
/* When its own timers fire next, in hal->time_ns(); AXVM_TIME_NEVER. */
uint64_t axvm_arch_vcpu_deadline(struct axvm_vcpu *vcpu);

/* ---- what core offers to the fast tier of backends ---- */
/* Answer @mmio on the bus. AXVM_OK; AXVM_ERR_AGAIN: in the host tier; AXVM_ERR_NOENT: nobody; AXVM_ERR_GUEST: refused. */
int axvm_core_mmio(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio, bool may_call_host);

#endif
