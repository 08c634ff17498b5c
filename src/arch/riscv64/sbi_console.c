/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Debug Console Extension". What it prints goes where the first UART's output goes, and that is a host callback. The way into
 * the host tier is that of any other device: this one sits at an address of AXVM_BUS_SYSREG where no CSR is.
 */
#include <axvm/err.h>

#include "hs.h"
#include "sbi.h"

#define CONSOLE_ADDRESS UINT64_C(0x10000) /* CSRs are 0..0xfff */
/* Bytes of one call: it may write less than it is asked to. */
#define CHUNK 256u

struct axvm_sbi_console {
    struct axvm_device dev;
    struct axvm_chardev out;
};

static size_t print(const struct axvm_sbi_console *console, const uint8_t *buf, size_t len)
{
    size_t taken;

    if (!console->out.write)
        return len;
    taken = console->out.write(console->out.ctx, buf, len);
    return taken < len ? taken : len;
}

static int print_for(const struct axvm_sbi_console *console, struct axvm_vcpu *vcpu, uint64_t what)
{
    uint64_t len = axvm_min(vcpu->arch.gpr[10], CHUNK);
    uint8_t buf[CHUNK];

    buf[0] = (uint8_t)vcpu->arch.gpr[10];
    if (what == AXVM_SBI_PUTCHAR) {
        vcpu->arch.gpr[10] = print(console, buf, 1) == 1 ? SBI_SUCCESS : (uint64_t)SBI_ERR_FAILED;
    } else if (what == AXVM_SBI_DBCN_WRITE_BYTE) {
        axvm_sbi_reply(vcpu, print(console, buf, 1) == 1 ? SBI_SUCCESS : SBI_ERR_FAILED, 0);
    } else if (axvm_read_guest(vcpu->vm, axvm_gpa(vcpu->arch.gpr[11]), buf, len) != AXVM_OK) {
        axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    } else {
        axvm_sbi_reply(vcpu, SBI_SUCCESS, print(console, buf, len));
    }
    return AXVM_OK;
}

static int console_access(struct axvm_device *dev, struct axvm_access *acc)
{
    switch (acc->val) {
    case AXVM_SBI_PMU_SHMEM:
        axvm_sbi_pmu_set_shmem(acc->vcpu);
        return AXVM_OK;
    case AXVM_SBI_STA_SHMEM:
        axvm_sbi_sta_set_shmem(acc->vcpu);
        return AXVM_OK;
    case AXVM_SBI_SSE_ATTRS:
        axvm_sbi_sse_attrs(acc->vcpu);
        return AXVM_OK;
    case AXVM_SBI_PMU_EVENT_INFO:
        axvm_sbi_pmu_event_info(acc->vcpu);
        return AXVM_OK;
    }
    return print_for((struct axvm_sbi_console *)dev, acc->vcpu, acc->val);
}

static int console_read(struct axvm_device *dev, struct axvm_access *acc)
{
    (void)dev;
    (void)acc;
    return AXVM_ERR_GUEST;
}

static const struct axvm_device_ops console_ops = { .name = "sbi-console", .read = console_read, .write = console_access };

int axvm_sbi_console_create(struct axvm *vm)
{
    struct axvm_sbi_console *console = axvm_device_alloc(vm, sizeof(*console));

    if (!console)
        return AXVM_ERR_NOMEM;
    console->dev.ops = &console_ops;
    console->dev.windows[0] = (struct axvm_window){ AXVM_BUS_SYSREG, CONSOLE_ADDRESS, 1 };
    console->dev.window_count = 1;
    console->dev.flags = AXVM_DEVICE_SELF_LOCKED;
    console->out = vm->cfg.device_count != 0 ? vm->cfg.devices[0].chardev : vm->cfg.console;
    vm->arch.console = console;
    return axvm_device_attach(vm, &console->dev);
}

uint64_t axvm_sbi_defer(struct axvm_vcpu *vcpu, enum axvm_sbi_deferred what)
{
    vcpu->trap.mmio = (struct axvm_mmio){
        .addr = CONSOLE_ADDRESS,
        .val = { what },
        .space = AXVM_BUS_SYSREG,
        .size = 8,
        .count = 1,
        .write = true,
        .arch = { .dest = AXVM_DEST_NONE },
    };
    return AXVM_TRAP_MMIO;
}

uint64_t axvm_sbi_dbcn(struct axvm_vcpu *vcpu, uint64_t fid)
{
    uint64_t len = vcpu->arch.gpr[10], addr = vcpu->arch.gpr[11], high = vcpu->arch.gpr[12];

    if (fid > AXVM_SBI_DBCN_WRITE_BYTE)
        return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
    if (fid != AXVM_SBI_DBCN_WRITE_BYTE) {
        if (high != 0 || len > UINT64_MAX - addr || (len != 0 && !axvm_aspace_is_ram(vcpu->vm, addr, len)))
            return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
        /* Input belongs to the UART. */
        if (fid == AXVM_SBI_DBCN_READ || len == 0)
            return axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
    }
    return axvm_sbi_defer(vcpu, (enum axvm_sbi_deferred)fid);
}
