/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Devices on a VM's bus: what a device model implements, and what it may call. Knows nothing of the CPU. */
#ifndef AXVM_DEVICE_H
#define AXVM_DEVICE_H

#include <axvm/exit.h>
#include <axvm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The three address spaces a guest can reach a device through. */
enum axvm_bus_space {
    AXVM_BUS_MMIO,   /**< Guest-physical addresses. */
    AXVM_BUS_PORT,   /**< x86 I/O ports, 0..0xffff. */
    AXVM_BUS_SYSREG, /**< Trapped system registers / CSRs / MSRs, by the encoding of include/axvm/<cpu>.h. */
    AXVM_BUS_SPACES,
};

/** One access, already checked: @c size is 1, 2, 4 or 8 and [off, off + size) is inside the device's window. */
struct axvm_access {
    uint64_t off;             /**< From the first address of the window. */
    uint64_t val;             /**< Write: the value, zero-extended. Read: put it here, zero-extended. */
    uint8_t size;             /**< Bytes: 1, 2, 4, 8. AXVM_BUS_SYSREG: 1, as each address there is a whole register. */
    uint8_t window;           /**< Index into axvm_device_desc.windows. */
    bool may_call_host;       /**< False in the fast tier: host callbacks are off limits, answer AXVM_ERR_AGAIN instead. */
    struct axvm_vcpu *vcpu;   /**< Who accesses. */
};

/** One range of addresses that a device answers. */
struct axvm_window {
    enum axvm_bus_space space;
    uint64_t base;
    uint64_t len; /**< Not zero; base + len does not wrap. */
};

#define AXVM_DEVICE_MAX_WINDOWS 4

/** Set: read/write may be called in the fast tier, with guest state loaded and interrupts off. They then must not sleep nor
 *  call the host; where they would have to, they return AXVM_ERR_AGAIN having changed nothing and are called again. */
#define AXVM_DEVICE_FAST (1u << 0)
/** Set: the device does its own locking; core does not serialise calls of its ops. */
#define AXVM_DEVICE_SELF_LOCKED (1u << 1)

struct axvm_device_ops {
    const char *name;
    /**
     * A guest access. AXVM_ERR_GUEST when the device's specification forbids it: the guest then gets what its CPU does for a
     * bus error. Unless AXVM_DEVICE_SELF_LOCKED, called with the device's lock held and interrupts off: do not sleep.
     */
    int (*read)(struct axvm_device *dev, struct axvm_access *acc);
    int (*write)(struct axvm_device *dev, struct axvm_access *acc);
    /** Back to the state after power-on; also its interrupt lines. Called with no vCPU running. NULL: nothing to do. */
    void (*reset)(struct axvm_device *dev);
    /** The VM is going; free what the device owns. No vCPU is running. NULL: nothing to do. */
    void (*destroy)(struct axvm_device *dev);
    /** Add the device's node to the guest's device tree: @p fdt is open at the root node, in libfdt's sequential-write
     *  mode. Returns a libfdt error code. NULL: the device is not described. */
    int (*describe)(struct axvm_device *dev, void *fdt);
    /** Bytes for the guest, of a character device: axvm_console_input(). Returns how many fitted. Any context. NULL: it takes
     *  none. */
    size_t (*receive)(struct axvm_device *dev, const uint8_t *buf, size_t len);
    /** The time that axvm_device_set_deadline() was told has come, or it was asked early: set the next one. Interrupts are off;
     *  no lock is held; what a FAST device may not do it may not do either. NULL: a device without a timer. */
    void (*expire)(struct axvm_device *dev, uint64_t now_ns);
};

/** A device model embeds this as its first member, zeroes it, and fills in the part above the line. */
struct axvm_device {
    const struct axvm_device_ops *ops;
    struct axvm_window windows[AXVM_DEVICE_MAX_WINDOWS];
    uint32_t window_count;
    uint32_t flags; /**< AXVM_DEVICE_*. */
    /* ---- the library's; do not touch ---- */
    struct axvm *vm;
    struct axvm_device *next;
    uint32_t lock[2];
    uint32_t busy; /**< Set while its ops run: refuses DMA that comes back to the device itself. */
    uint64_t deadline; /**< Of its timer. */
};

/**
 * Put a device on the VM's bus. Only before axvm_boot(). The memory of @p dev stays its owner's and must outlive the VM.
 * @retval AXVM_ERR_INVAL  a window is empty, wraps, or leaves its space; more than AXVM_DEVICE_MAX_WINDOWS; no read or write
 * @retval AXVM_ERR_EXIST  a window overlaps another device or guest memory
 * @retval AXVM_ERR_STATE  the VM has been booted
 * @retval AXVM_ERR_NOSPC  the bus is full
 */
int axvm_device_attach(struct axvm *vm, struct axvm_device *dev);

/** First device on the bus, or the one after @p prev; NULL at the end. In order of attachment. */
struct axvm_device *axvm_device_next(const struct axvm *vm, const struct axvm_device *prev);

/** @p size bytes, zeroed, aligned to 16, that live as long as the VM: for devices that are made with it. Only before
 * axvm_boot(), from one thread. NULL when the HAL is out of memory. */
void *axvm_device_alloc(struct axvm *vm, size_t size);

/** The lock that core holds around the ops of a device that is not AXVM_DEVICE_SELF_LOCKED: for what else touches its state. A
 *  self-locked one may use it as it likes. Interrupts are off in between; not within the ops that core calls with it held. */
unsigned long axvm_device_lock(struct axvm_device *dev);
void axvm_device_unlock(struct axvm_device *dev, unsigned long flags);

/**
 * Have ops->expire() called at @p deadline_ns of axvm_device_time_ns(), soon after, or earlier; AXVM_TIME_NEVER: not at all. One timer
 * per device, the newest call counts. Any context. On a CPU whose backend polls them (x86_64).
 */
void axvm_device_set_deadline(struct axvm_device *dev, uint64_t deadline_ns);

/** The VM's time: hal->time_ns(), but it stands still while the VM is suspended. Any context. */
uint64_t axvm_device_time_ns(const struct axvm_device *dev);

/** Seconds since 1970 by the host's wall clock, or hal->time_ns() counted from 2000-01-01. Any context. */
uint64_t axvm_device_wall_time_s(const struct axvm_device *dev);

/**
 * The guest told a device to turn the machine off or to reset it: the VM stops, and the vCPU that did it comes back from
 * axvm_run_vcpu() with @p reason. For ops->read and write, which return what this returns: AXVM_OK, or AXVM_ERR_AGAIN, and the
 * access comes again in the host tier.
 * @param reason AXVM_EXIT_SYSTEM_OFF, _SYSTEM_RESET or _SYSTEM_CRASH
 */
int axvm_device_end_vm(struct axvm_access *acc, enum axvm_exit_reason reason);

/** An interrupt line from a device to its VM's interrupt controller. Zeroed: not connected, everything is ignored. */
struct axvm_irq_line {
    struct axvm *vm;
    uint32_t irq;    /**< The controller's number: Arm INTID (SPI: 32..), PLIC source, x86 GSI. */
    uint32_t level;  /**< Last level set. */
    uint32_t edge;   /**< Edge-triggered. */
};

/**
 * Connect a line. Level-triggered unless @p edge.
 * @retval AXVM_ERR_INVAL  the VM's controller has no such input
 * @retval AXVM_ERR_EXIST  another line or passthrough interrupt has it
 */
int axvm_irq_line_init(struct axvm_irq_line *line, struct axvm *vm, uint32_t irq, bool edge);
/** Set the level. Any context, any CPU; the caller serialises calls for one line (the device's lock does). */
void axvm_irq_line_set(struct axvm_irq_line *line, bool level);
/** Raise and lower: one edge. */
void axvm_irq_line_pulse(struct axvm_irq_line *line);
/** Wake the vCPUs that lines of this VM were set for. Core does it after a device's ops, and axvm_irq_line_set() itself where
 *  interrupts are on; so it is for a host that sets a line in an interrupt handler, or with the device's lock held (call it
 * after the unlock). Calls wake_vcpu(). */
void axvm_irq_line_flush(struct axvm_irq_line *line);
/** Cells of an "interrupts" property for the line, host byte order; returns how many of the 3 were filled. 0: not connected. */
unsigned int axvm_irq_line_cells(const struct axvm_irq_line *line, uint32_t cells[3]);

#ifdef __cplusplus
}
#endif
#endif
