/* SPDX-License-Identifier: BSD-2-Clause */
/* With which registers a vCPU begins: after power-on, after a SIPI, and as the loaders want it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "exit.h"

static struct axvm vm;
static struct axvm_vcpu vcpu;
static struct axvm_cpuid guest_cpuid;
static unsigned int fpu_resets;

void axvm_x86_fpu_reset(struct axvm_vcpu *v)
{
    assert_ptr_equal(v, &vcpu);
    fpu_resets++;
}

static int setup(void **state)
{
    (void)state;
    memset(&vm, 0, sizeof(vm));
    memset(&vcpu, 0xa5, sizeof(vcpu));
    vcpu.vm = &vm;
    vm.arch.cpuid = &guest_cpuid;
    fpu_resets = 0;
    return 0;
}

/* Nothing of what ran before is there: hostile-guest.md row 86. */
static void assert_clean(const struct axvm_arch_vcpu *v, uint32_t named)
{
    for (int i = 0; i < 16; i++) {
        if (!(named >> i & 1))
            assert_int_equal(v->gpr[i], 0);
    }
    assert_int_equal(v->rflags, RFLAGS_FIXED1);
    assert_int_equal(v->work & ~AXVM_WORK_WINDOW, 0); /* a window that was open is closed by the next look */
    assert_int_equal(v->event, 0);
    assert_int_equal(v->dr[0] | v->dr[1] | v->dr[2] | v->dr[3], 0);
    assert_int_equal(v->xcr0, XCR0_X87);
    assert_int_equal(v->tsc_aux, 0);
    assert_false(v->halted);
    assert_false(v->osxsave);
    assert_true(v->sys_dirty);
    assert_int_equal(v->cr0, v->sys.cr0);
    assert_int_equal(fpu_resets, 1);
}

static void firmware_begins_at_the_reset_vector(void **state)
{
    const struct axvm_arch_vcpu *v = &vcpu.arch;

    (void)state;
    vm.arch.boot.mode = AXVM_X86_BOOT_RESET;
    axvm_arch_vcpu_reset(&vcpu, 0x12345, 0x6789);
    assert_clean(v, 1u << AXVM_RDX);
    assert_int_equal(v->sys.seg[AXVM_X86_CS].sel, 0xf000);
    assert_int_equal(v->sys.seg[AXVM_X86_CS].base + v->rip, 0xfffffff0);
    assert_int_equal(v->sys.cr0 & (CR0_PE | CR0_PG), 0);
    assert_int_equal(v->sys.efer, 0);
    assert_int_equal(v->sys.pat, PAT_RESET);
    assert_int_equal(v->sys.idtr.limit, 0xffff);
}

static void a_sipi_begins_in_real_mode_at_its_page(void **state)
{
    const struct axvm_arch_vcpu *v = &vcpu.arch;

    (void)state;
    vm.arch.boot.mode = AXVM_X86_BOOT_LINUX;
    for (uint64_t vector = 0; vector < 256; vector++) {
        setup(state);
        axvm_arch_vcpu_reset(&vcpu, vector << 12, AXVM_X86_START_SIPI);
        assert_clean(v, 1u << AXVM_RDX);
        assert_int_equal(v->sys.seg[AXVM_X86_CS].sel, vector << 8);
        assert_int_equal(v->sys.seg[AXVM_X86_CS].base, vector << 12);
        assert_int_equal(v->rip, 0);
        assert_int_equal(v->sys.cr0 & (CR0_PE | CR0_PG), 0);
    }
}

static void assert_flat(const struct axvm_x86_sys *s)
{
    assert_true(s->cr0 & CR0_PE);
    for (int i = AXVM_X86_ES; i <= AXVM_X86_GS; i++) {
        assert_int_equal(s->seg[i].base, 0);
        assert_int_equal(s->seg[i].limit, UINT32_MAX);
        assert_true(s->seg[i].attr & SEG_P);
        assert_int_equal(s->seg[i].sel, i == AXVM_X86_CS ? AXVM_X86_BOOT_CS : AXVM_X86_BOOT_DS);
    }
    assert_int_equal(s->seg[AXVM_X86_TR].attr & SEG_TYPE, 0xb);
    assert_int_equal(s->gdtr.base, 0x5000);
    assert_int_equal(s->gdtr.limit, 0x37);
}

static void boot_with(enum axvm_x86_boot_mode mode)
{
    vm.arch.boot.mode = mode;
    vm.arch.boot.gdt = 0x5000;
    vm.arch.boot.gdt_limit = 0x37;
    vm.arch.boot.cr3 = 0x9000;
    axvm_arch_vcpu_reset(&vcpu, 0x100000, 0x7000);
    assert_int_equal(vcpu.arch.rip, 0x100000);
    assert_flat(&vcpu.arch.sys);
}

static void multiboot_and_pvh_begin_in_32_bits(void **state)
{
    const struct axvm_arch_vcpu *v = &vcpu.arch;

    (void)state;
    boot_with(AXVM_X86_BOOT_MULTIBOOT);
    assert_int_equal(v->gpr[AXVM_RAX], AXVM_X86_MULTIBOOT_MAGIC);
    assert_int_equal(v->gpr[AXVM_RBX], 0x7000);
    assert_int_equal(v->sys.cr0 & CR0_PG, 0);
    assert_true(v->sys.seg[AXVM_X86_CS].attr & SEG_DB);
    setup(state);
    boot_with(AXVM_X86_BOOT_PVH);
    assert_clean(v, 1u << AXVM_RBX | 1u << AXVM_RDX);
    assert_int_equal(v->gpr[AXVM_RBX], 0x7000);
}

static void linux_and_elf64_begin_in_64_bits(void **state)
{
    const struct axvm_arch_vcpu *v = &vcpu.arch;

    (void)state;
    boot_with(AXVM_X86_BOOT_LINUX);
    assert_clean(v, 1u << AXVM_RSI | 1u << AXVM_RDX);
    assert_int_equal(v->gpr[AXVM_RSI], 0x7000);
    assert_int_equal(v->sys.cr0 & (CR0_PG | CR0_PE), CR0_PG | CR0_PE);
    assert_int_equal(v->sys.cr3, 0x9000);
    assert_int_equal(v->sys.efer, EFER_LME | EFER_LMA);
    assert_true(v->sys.cr4 & CR4_PAE);
    assert_true(v->sys.seg[AXVM_X86_CS].attr & SEG_L);
    assert_false(v->sys.seg[AXVM_X86_CS].attr & SEG_DB); /* with L that is reserved */
    setup(state);
    boot_with(AXVM_X86_BOOT_ELF64);
    assert_int_equal(v->gpr[AXVM_RDI], 0x7000);
    assert_int_equal(v->gpr[AXVM_RBX], 0x7000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(firmware_begins_at_the_reset_vector, setup),
        cmocka_unit_test_setup(a_sipi_begins_in_real_mode_at_its_page, setup),
        cmocka_unit_test_setup(multiboot_and_pvh_begin_in_32_bits, setup),
        cmocka_unit_test_setup(linux_and_elf64_begin_in_64_bits, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
