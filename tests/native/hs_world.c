/* SPDX-License-Identifier: BSD-2-Clause */
#include "hs_world.h"

#include <axvm/riscv64.h>
#include <string.h>

#include "arch.h"
#include "fence.h"
#include "hs.h"
#include "native_fixture.h"
#include "sbi_host.h"
#include "vector.h"

struct hs_world hs;

void native_reset_world(void)
{
    memset(&hs, 0, sizeof(hs));
    hs.sstc = hs.aia = hs.stateen = hs.v = true;
    hs.vmid_bits = 7;
    hs.geilen = HS_FILES;
    hs.ticks = 1000;
    fake_irqs_masked = false;
}

static struct hs_hart *here(void)
{
    return &hs.hart[fake_hal_cpu()];
}

/* ---- CSRs ---- */

static uint64_t *behind_vsireg(struct hs_hart *h)
{
    uint64_t file = axvm_field(h->csr[CSR_HSTATUS], HSTATUS_VGEIN);

    return file != 0 && file <= HS_FILES ? &h->file[file][h->csr[CSR_VSISELECT] & 0xff] : NULL;
}

uint64_t axvm_test_csr_read(unsigned int csr)
{
    struct hs_hart *h = here();

    switch (csr) {
    case CSR_TIME:
        return hs.ticks;
    case CSR_VSIREG:
        return behind_vsireg(h) ? *behind_vsireg(h) : 0;
    case CSR_VSIP:
        return (h->csr[CSR_HVIP] & h->csr[CSR_HIDELEG]) >> 1;
    case CSR_VSIE:
        return (h->csr[CSR_HIE] & h->csr[CSR_HIDELEG]) >> 1;
    }
    return h->csr[csr];
}

/* WARL: a mode that there is not leaves the register as it was. */
static uint64_t legal_hgatp(uint64_t was, uint64_t val)
{
    uint64_t mode = axvm_field(val, HGATP_MODE);

    if (mode != HGATP_BARE && mode != HGATP_SV39X4 && mode != HGATP_SV48X4)
        return was;
    return val & ~(HGATP_VMID & ~axvm_put_field(HGATP_VMID, (UINT64_C(1) << hs.vmid_bits) - 1));
}

void axvm_test_csr_write(unsigned int csr, uint64_t val)
{
    struct hs_hart *h = here();

    switch (csr) {
    case CSR_HGATP:
        val = legal_hgatp(h->csr[CSR_HGATP], val);
        break;
    case CSR_HENVCFG:
        val &= hs.svadu >> fake_hal_cpu() & 1 ? UINT64_MAX : ~HENVCFG_ADUE;
        break;
    case CSR_HGEIE:
        val &= ((UINT64_C(1) << hs.geilen) - 1) << 1;
        break;
    case CSR_VSIREG:
        if (behind_vsireg(h))
            *behind_vsireg(h) = val;
        return;
    }
    h->csr[csr] = val;
}

/* ---- what entry.S and its like have ---- */

bool axvm_csr_exists_hgatp(void)
{
    return !hs.no_h;
}
bool axvm_csr_exists_henvcfg(void)
{
    return true;
}
bool axvm_csr_exists_hstateen0(void)
{
    return hs.stateen;
}
bool axvm_csr_exists_vsiselect(void)
{
    return hs.aia;
}
bool axvm_csr_exists_vstimecmp(void)
{
    return hs.sstc;
}
bool axvm_csr_exists_hvictl(void)
{
    return hs.aia;
}
bool axvm_csr_exists_cycle(void)
{
    return true;
}
bool axvm_csr_exists_instret(void)
{
    return true;
}
bool axvm_csr_exists_vlenb(void)
{
    return hs.v;
}
uint64_t axvm_vlenb(void)
{
    return 16;
}

bool axvm_misaligned_traps(uint64_t at[2])
{
    (void)at;
    return hs.misaligned_traps;
}

bool axvm_hlvx_wu(uint64_t va, uint64_t *val)
{
    (void)va;
    *val = here()->insn;
    return here()->insn != 0;
}

bool axvm_hlvx_hu(uint64_t va, uint64_t *val)
{
    bool ok = axvm_hlvx_wu(va, val);

    *val = va & 2 ? *val & 0xffff : *val >> 16;
    return ok;
}

void axvm_fp_save_regs(struct axvm_fp_regs *fp)
{
    memset(fp, 0, sizeof(*fp));
}
void axvm_fp_load_regs(const struct axvm_fp_regs *fp)
{
    (void)fp;
}
void axvm_vector_save_regs(struct axvm_vector_regs *regs)
{
    memset(regs, 0, sizeof(*regs) + 32 * axvm_vlenb());
}
void axvm_vector_load_regs(const struct axvm_vector_regs *regs)
{
    (void)regs;
}

void axvm_test_fence(enum axvm_test_fence what, uint64_t addr)
{
    (void)addr;
    hs.fences[what]++;
}

void axvm_host_fence(const struct axvm_host_fence *f)
{
    (void)f;
    hs.remote_fences++;
}

/* ---- the guest ---- */

/* As hardware and the vectors in entry.S: registers of the trap, then the two handlers. */
static uint64_t take_trap(struct axvm_vcpu *vcpu, const struct hs_trap *trap)
{
    struct hs_hart *h = here();
    uint64_t kind;

    h->insn = trap->insn;
    h->csr[CSR_STVAL] = trap->stval;
    h->csr[CSR_HTVAL] = trap->gpa >> 2;
    h->csr[CSR_HTINST] = trap->htinst;
    kind = axvm_exit_quick(vcpu, trap->cause);
    return kind == AXVM_TRAP_SAVE_ALL ? axvm_exit(vcpu, trap->cause) : kind;
}

enum axvm_trap_kind axvm_guest_enter(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct hs_trap trap;
    uint64_t kind;

    hs.entries++;
    v->host_stvec = axvm_csr_swap(CSR_STVEC, (uintptr_t)&hs);
    v->host_sscratch = axvm_csr_swap(CSR_SSCRATCH, (uintptr_t)vcpu);
    do {
        memset(&trap, 0, sizeof(trap));
        hs.guest(vcpu, &trap, hs.guest_arg);
        kind = take_trap(vcpu, &trap);
    } while (kind == AXVM_TRAP_RESUME);
    return axvm_guest_left((enum axvm_trap_kind)kind, vcpu);
}

int native_enable_cpu(struct fake_hal *hal, unsigned int pcpu)
{
    struct hs_hart *h = &hs.hart[pcpu];
    const struct axvm_riscv64_cpu_config riscv64 = {
        .hartid = pcpu,
        .timebase_hz = 10000000,
        .isa = hs.isa ? hs.isa : "rv64imafdcvh_zicsr_zifencei_zba_zbb_sstc_svpbmt",
        .imsic = hs.geilen != 0 ? h->pages : NULL,
        .imsic_hpa = 0x24000000 + pcpu * sizeof(h->pages),
        .imsic_ids = 255,
    };
    const struct axvm_cpu_config cfg = { .riscv64 = &riscv64 };

    fake_hal_set_cpu(pcpu);
    return axvm_cpu_enable(&hal->ops, &cfg, &hal->cpus[pcpu]);
}
