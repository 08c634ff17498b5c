/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI and MP tables, read by a parser that shares nothing with what wrote them; and by iasl where it is installed. ACPI
 * Specification 6.5; MultiProcessor Specification 1.4.
 */
#include "boot_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "platform.h"

#define GPA 0xf0000u

static uint8_t tables[AXVM_TABLES_SIZE];
static struct axvm vm;

static void write_tables(uint32_t cpus)
{
    vm.cfg.vcpu_count = cpus;
    memset(tables, 0, sizeof(tables));
    assert_true(axvm_acpi_write(&vm, tables, GPA, AXVM_ACPI_SIZE));
    assert_true(axvm_mptable_write(&vm, tables + AXVM_ACPI_SIZE, GPA + AXVM_ACPI_SIZE, AXVM_MPTABLE_SIZE));
}

static int setup(void **state)
{
    static const struct axvm_emu_device com1 = { .type = AXVM_EMU_NS16550, .base = 0x3f8, .port = true, .irq = 4 };

    (void)state;
    memset(&vm, 0, sizeof(vm));
    vm.cfg.devices = &com1;
    vm.cfg.device_count = 1;
    return 0;
}

static void assert_sum(const uint8_t *p, size_t len)
{
    uint8_t sum = 0;

    while (len != 0)
        sum = (uint8_t)(sum + p[--len]);
    assert_int_equal(sum, 0);
}

static const uint8_t *at(uint64_t gpa)
{
    assert_in_range(gpa, GPA, GPA + sizeof(tables) - 36);
    return tables + (gpa - GPA);
}

static const uint8_t *check_table(const uint8_t *t, const char *signature)
{
    uint32_t len = (uint32_t)get_le(t + 4, 4);

    assert_in_range(len, 36, sizeof(tables) - (size_t)(t - tables));
    assert_sum(t, len);
    if (signature != NULL)
        assert_memory_equal(t, signature, 4);
    return t;
}

/* By the XSDT, which has to agree with the RSDT. NULL: there is none. */
static const uint8_t *find_table(const char *signature)
{
    const uint8_t *found = NULL, *rsdt, *xsdt;
    unsigned int count;

    assert_memory_equal(tables, "RSD PTR ", 8);
    assert_sum(tables, 20);
    assert_sum(tables, 36);
    assert_int_equal(tables[15], 2);
    rsdt = check_table(at(get_le(tables + 16, 4)), "RSDT");
    xsdt = check_table(at(get_le(tables + 24, 8)), "XSDT");
    count = ((unsigned int)get_le(xsdt + 4, 4) - 36) / 8;
    assert_int_equal(get_le(rsdt + 4, 4), 36 + 4 * count);
    for (unsigned int i = 0; i < count; i++) {
        const uint8_t *t = check_table(at(get_le(xsdt + 36 + 8 * i, 8)), NULL);

        assert_int_equal(get_le(rsdt + 36 + 4 * i, 4), get_le(xsdt + 36 + 8 * i, 8));
        if (memcmp(t, signature, 4) == 0) {
            assert_null(found);
            found = t;
        }
    }
    return found;
}

/* ---- FADT, MADT ---- */

static void the_fadt_describes_the_fixed_hardware(void **state)
{
    const uint8_t *fadt, *facs;

    (void)state;
    write_tables(1);
    fadt = find_table("FACP");
    assert_non_null(fadt);
    assert_int_equal(get_le(fadt + 4, 4), 276);
    facs = at(get_le(fadt + 36, 4));
    assert_int_equal(get_le(fadt + 36, 4), get_le(fadt + 132, 8));
    assert_memory_equal(facs, "FACS", 4);
    assert_int_equal((facs - tables + GPA) % 64, 0);
    assert_int_equal(get_le(facs + 4, 4), 64);
    check_table(at(get_le(fadt + 40, 4)), "DSDT");
    assert_int_equal(get_le(fadt + 40, 4), get_le(fadt + 140, 8));
    assert_int_equal(get_le(fadt + 46, 2), 9);
    assert_int_equal(get_le(fadt + 48, 4), 0);
    assert_int_equal(get_le(fadt + 56, 4), 0x600);
    assert_int_equal(get_le(fadt + 64, 4), 0x604);
    assert_int_equal(get_le(fadt + 76, 4), 0x608);
    assert_int_equal(fadt[88], 4);
    assert_int_equal(fadt[89], 2);
    assert_int_equal(fadt[91], 4);
    assert_int_equal(get_le(fadt + 112, 4) & (1u << 20), 0); /* not hardware-reduced */
    assert_int_equal(get_le(fadt + 112, 4) & (1u << 10), 1u << 10);
    assert_int_equal(fadt[116], 1);
    assert_int_equal(get_le(fadt + 120, 8), 0xcf9);
    assert_int_equal(fadt[128], 6);
}

static void the_madt_lists_cpus_and_interrupt_controllers(void **state)
{
    static const uint32_t counts[] = { 1, 2, 8, 127, 128 };

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        unsigned int cpus = 0, ioapics = 0, overrides = 0, nmis = 0;
        const uint8_t *madt, *p, *end;

        write_tables(counts[i]);
        madt = find_table("APIC");
        assert_non_null(madt);
        assert_int_equal(get_le(madt + 36, 4), 0xfee00000);
        assert_int_equal(get_le(madt + 40, 4), 1);
        end = madt + get_le(madt + 4, 4);
        for (p = madt + 44; p < end; p += p[1]) {
            assert_true(p[1] >= 2 && p + p[1] <= end);
            if (p[0] == 0) {
                assert_int_equal(p[2], cpus);
                assert_int_equal(p[3], cpus++);
                assert_int_equal(get_le(p + 4, 4), 1);
            } else if (p[0] == 1) {
                ioapics++;
                assert_int_equal(get_le(p + 4, 4), 0xfec00000);
                assert_int_equal(get_le(p + 8, 4), 0);
            } else if (p[0] == 2) {
                overrides++;
                assert_int_equal(get_le(p + 4, 4), p[3] == 0 ? 2 : 9);
                assert_int_equal(get_le(p + 8, 2), p[3] == 0 ? 0 : 0xd);
            } else {
                nmis++;
                assert_int_equal(p[0], 4);
                assert_int_equal(p[2], 0xff);
                assert_int_equal(p[5], 1);
            }
        }
        assert_int_equal(cpus, counts[i]);
        assert_int_equal(ioapics, 1);
        assert_int_equal(overrides, 2);
        assert_int_equal(nmis, 1);
    }
}

static void without_interrupt_controllers_none_are_listed(void **state)
{
    const uint8_t *madt;

    (void)state;
    vm.cfg.irq_mode = AXVM_IRQ_NONE;
    write_tables(2);
    madt = find_table("APIC");
    assert_int_equal(get_le(madt + 4, 4), 44 + 16);
    assert_int_equal(get_le(madt + 40, 4), 0);
}

/* ---- AML: enough of it to read what a DSDT of ours may hold ---- */

struct device {
    char name[5];
    char hid[16];
    uint64_t uid;
    uint8_t crs[4096];
    unsigned int crs_len;
};

struct aml {
    const uint8_t *p, *end;
    struct device devices[256];
    unsigned int count;
    uint8_t s5[4];
    bool has_s5;
};

/* PkgLength; returns where the package ends. */
static const uint8_t *package_end(struct aml *a)
{
    const uint8_t *start = a->p;
    unsigned int bytes = a->p[0] >> 6;
    uint32_t len = bytes == 0 ? a->p[0] & 0x3f : (a->p[0] & 15) | (uint32_t)get_le(a->p + 1, bytes) << 4;

    a->p += 1 + bytes;
    assert_true(start + len <= a->end && start + len >= a->p);
    return start + len;
}

static uint64_t integer(struct aml *a)
{
    static const uint8_t sizes[] = { [0x0a] = 1, [0x0b] = 2, [0x0c] = 4, [0x0e] = 8 };
    uint8_t op = *a->p++;
    uint64_t v;

    if (op <= 1)
        return op;
    assert_true(op < sizeof(sizes) && sizes[op] != 0);
    v = get_le(a->p, sizes[op]);
    a->p += sizes[op];
    return v;
}

static void read_hid(struct aml *a, struct device *d)
{
    if (*a->p == 0x0d) {
        snprintf(d->hid, sizeof(d->hid), "%s", (const char *)a->p + 1);
        a->p += 2 + strlen(d->hid);
    } else {
        uint32_t v = __builtin_bswap32((uint32_t)integer(a));

        snprintf(d->hid, sizeof(d->hid), "%c%c%c%04X", 64 + (v >> 26 & 31), 64 + (v >> 21 & 31), 64 + (v >> 16 & 31),
                 v & 0xffff);
    }
}

static void read_crs(struct aml *a, struct device *d)
{
    const uint8_t *end;
    uint64_t len;

    assert_int_equal(*a->p++, 0x11);
    end = package_end(a);
    len = integer(a);
    assert_int_equal(len, end - a->p);
    assert_true(len <= sizeof(d->crs));
    memcpy(d->crs, a->p, len);
    d->crs_len = (unsigned int)len;
    assert_memory_equal(end - 2, "\x79\x00", 2);
    a->p = end;
}

static void read_device(struct aml *a)
{
    struct device *d = &a->devices[a->count++];
    const uint8_t *end = package_end(a);

    assert_true(a->count < 256);
    memcpy(d->name, a->p, 4);
    a->p += 4;
    while (a->p < end) {
        const char *name = (const char *)a->p + 1;

        assert_int_equal(*a->p, 8);
        a->p += 5;
        if (memcmp(name, "_HID", 4) == 0)
            read_hid(a, d);
        else if (memcmp(name, "_UID", 4) == 0)
            d->uid = integer(a);
        else if (memcmp(name, "_CRS", 4) == 0)
            read_crs(a, d);
        else
            fail_msg("what is %.4s?", name);
    }
    assert_ptr_equal(a->p, end);
}

static void read_s5(struct aml *a)
{
    const uint8_t *end;

    assert_memory_equal(a->p, "_S5_\x12", 5);
    a->p += 5;
    end = package_end(a);
    assert_int_equal(*a->p++, 4);
    for (unsigned int i = 0; i < 4; i++)
        a->s5[i] = (uint8_t)integer(a);
    assert_ptr_equal(a->p, end);
    a->has_s5 = true;
}

static struct aml *read_dsdt(void)
{
    const uint8_t *dsdt = check_table(at(get_le(find_table("FACP") + 140, 8)), "DSDT"), *scope;
    struct aml *a = calloc(1, sizeof(*a));

    a->p = dsdt + 36;
    a->end = dsdt + get_le(dsdt + 4, 4);
    assert_int_equal(*a->p++, 8);
    read_s5(a);
    assert_int_equal(*a->p++, 0x10);
    scope = package_end(a);
    assert_ptr_equal(scope, a->end);
    assert_memory_equal(a->p, "_SB_", 4);
    a->p += 4;
    while (a->p < a->end) {
        assert_memory_equal(a->p, "\x5b\x82", 2);
        a->p += 2;
        read_device(a);
    }
    assert_ptr_equal(a->p, a->end);
    return a;
}

static const struct device *find_device(const struct aml *a, const char *hid, uint64_t uid)
{
    for (unsigned int i = 0; i < a->count; i++) {
        if (strcmp(a->devices[i].hid, hid) == 0 && a->devices[i].uid == uid)
            return &a->devices[i];
    }
    return NULL;
}

static void assert_unique(const struct aml *a)
{
    for (unsigned int i = 0; i < a->count; i++) {
        for (unsigned int j = 0; j < i; j++)
            assert_string_not_equal(a->devices[i].name, a->devices[j].name);
    }
}

/* The resource template without its end tag is exactly this. */
static void assert_crs(const struct device *d, const void *expected, unsigned int len)
{
    assert_non_null(d);
    assert_int_equal(d->crs_len, len + 2);
    assert_memory_equal(d->crs, expected, len);
}

static void the_dsdt_has_sleep_cpus_and_the_pcs_devices(void **state)
{
    struct aml *a;

    (void)state;
    for (uint32_t cpus = 1; cpus <= 128; cpus += 127) {
        write_tables(cpus);
        a = read_dsdt();
        assert_unique(a);
        assert_true(a->has_s5);
        assert_int_equal(a->s5[0], AXVM_X86_SLP_TYP_S5);
        for (uint32_t id = 0; id < cpus; id++)
            assert_non_null(find_device(a, "ACPI0007", id));
        assert_null(find_device(a, "ACPI0007", cpus));
        assert_crs(find_device(a, "PNP0501", 0), "\x47\x01\xf8\x03\xf8\x03\x01\x08\x22\x10\x00", 11);
        assert_crs(find_device(a, "PNP0B00", 0), "\x47\x01\x70\x00\x70\x00\x01\x02\x22\x00\x01", 11);
        assert_crs(find_device(a, "PNP0100", 0), "\x47\x01\x40\x00\x40\x00\x01\x04\x22\x01\x00", 11);
        assert_non_null(find_device(a, "PNP0000", 0));
        free(a);
    }
    vm.flags = AXVM_VM_NO_DEFAULT_DEVICES;
    vm.cfg.device_count = 0;
    write_tables(1);
    a = read_dsdt();
    assert_null(find_device(a, "PNP0501", 0));
    assert_null(find_device(a, "PNP0B00", 0));
    free(a);
}

static const struct axvm_passthrough passed[] = {
    { .port = 0x2f8, .port_count = 8, .host_irq = 3, .guest_irq = 3, .edge = true, .acpi_hid = "PNP0501" },
    { .base_gpa = { 0xfed00000 }, .base_hpa = { 0x1000 }, .len = 0x1000, .acpi_hid = "PNP0103" },
    { .base_gpa = { UINT64_C(0x800000000) }, .len = 0x2000, .host_irq = 77, .guest_irq = 20, .acpi_hid = "ABCD0001" },
    { .base_gpa = { 0xfeb00000 }, .len = 0x1000 }, /* not described */
    { .port = 0x400, .port_count = 300, .acpi_hid = "XYZ00AF" },
};

static void passthrough_devices_are_described_so_that_drivers_find_them(void **state)
{
    const uint8_t *hpet;
    struct aml *a;

    (void)state;
    vm.cfg.passthrough = passed;
    vm.cfg.passthrough_count = 5;
    write_tables(2);
    a = read_dsdt();
    assert_unique(a);
    assert_crs(find_device(a, "PNP0501", 0x100), "\x47\x01\xf8\x02\xf8\x02\x01\x08\x22\x08\x00", 11);
    assert_crs(find_device(a, "PNP0103", 0x101), "\x86\x09\x00\x01\x00\x00\xd0\xfe\x00\x10\x00\x00", 12);
    assert_crs(
        find_device(a, "ABCD0001", 0x102),
        "\x8a\x2b\x00\x00\x0d\x01\0\0\0\0\0\0\0\0\0\0\0\0\x08\0\0\0\xff\x1f\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0\0\0\0"
        "\x89\x06\x00\x01\x01\x14\0\0\0",
        55);
    assert_null(find_device(a, "", 0x103));
    assert_crs(find_device(a, "XYZ00AF", 0x104),
               "\x47\x01\x00\x04\x00\x04\x01\x80\x47\x01\x80\x04\x80\x04\x01\x80\x47\x01\x00\x05\x00\x05\x01\x2c", 24);
    free(a);
    hpet = find_table("HPET");
    assert_non_null(hpet);
    assert_int_equal(get_le(hpet + 4, 4), 56);
    assert_int_equal(get_le(hpet + 44, 8), 0xfed00000);
    vm.cfg.passthrough_count = 1;
    write_tables(2);
    assert_null(find_table("HPET"));
}

static void tables_that_do_not_fit_are_noticed(void **state)
{
    static struct axvm_passthrough all[AXVM_MAX_PASSTHROUGH];

    (void)state;
    for (unsigned int i = 0; i < AXVM_MAX_PASSTHROUGH; i++)
        all[i] = (struct axvm_passthrough){ .port_count = 0xffff, .acpi_hid = "ABC0001" };
    vm.cfg.passthrough = all;
    vm.cfg.passthrough_count = AXVM_MAX_PASSTHROUGH;
    vm.cfg.vcpu_count = 128;
    for (uint32_t size = 64; size <= AXVM_ACPI_SIZE; size += 61) {
        uint8_t *exact = calloc(1, size); /* ASan sees a byte too many */

        assert_false(axvm_acpi_write(&vm, exact, GPA, size));
        free(exact);
    }
    for (uint32_t size = 64; size < 128 * 20; size += 61) {
        uint8_t *exact = calloc(1, size);

        assert_false(axvm_mptable_write(&vm, exact, GPA, size));
        free(exact);
    }
}

/* ---- MP ---- */

static void the_mp_table_says_the_same(void **state)
{
    static const uint32_t counts[] = { 1, 4, 128 };
    static const uint8_t sizes[] = { 20, 8, 8, 8, 8 };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *floating = tables + AXVM_ACPI_SIZE, *table, *p;
        unsigned int seen[5] = { 0 };
        uint32_t irqs = 0;

        write_tables(counts[i]);
        assert_memory_equal(floating, "_MP_", 4);
        assert_sum(floating, 16);
        table = at(get_le(floating + 4, 4));
        assert_memory_equal(table, "PCMP", 4);
        assert_sum(table, get_le(table + 4, 2));
        p = table + 44;
        for (uint64_t n = get_le(table + 34, 2); n != 0; n--) {
            assert_true(p[0] < 5);
            seen[p[0]]++;
            if (p[0] == 0)
                assert_int_equal(p[3], p[1] == 0 ? 3 : 1);
            if (p[0] == 3) {
                assert_int_equal(p[7], p[5] == 0 ? 2 : p[5]);
                irqs |= 1u << p[5];
            }
            p += sizes[p[0]];
        }
        assert_ptr_equal(p, table + get_le(table + 4, 2));
        assert_int_equal(seen[0], counts[i]);
        assert_int_equal(seen[2], 1);
        assert_int_equal(seen[4], 2);
        assert_int_equal(irqs, 0xfffb);
    }
}

/* ---- another opinion ---- */

static void save(const char *dir, const uint8_t *t)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%.4s.dat", dir, (const char *)t);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(t, 1, get_le(t + 4, 4), f), get_le(t + 4, 4));
    fclose(f);
}

/* Disassembled and compiled again without a warning about what we wrote. */
static void iasl_understands_them(void **state)
{
    char dir[] = "/tmp/axvm-acpi-XXXXXX", command[512];
    int rc;

    (void)state;
    if (system("command -v iasl >/dev/null 2>&1") != 0)
        skip();
    assert_non_null(mkdtemp(dir));
    vm.cfg.passthrough = passed;
    vm.cfg.passthrough_count = 5;
    write_tables(128);
    save(dir, at(get_le(find_table("FACP") + 140, 8)));
    save(dir, find_table("FACP"));
    save(dir, find_table("APIC"));
    save(dir, find_table("HPET"));
    snprintf(
        command, sizeof(command),
        "cd %s && iasl -d *.dat >log 2>&1 && ! grep -iE 'error|invalid|checksum|unknown' log && iasl DSDT.dsl >log 2>&1 && "
        "grep -q ' 0 Errors, 0 Warnings' log",
        dir);
    rc = system(command);
    snprintf(command, sizeof(command), "cat %s/log; rm -r %s", dir, dir);
    if (rc != 0)
        assert_int_equal(system(command), 0);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(rc, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(the_fadt_describes_the_fixed_hardware),
        TEST(the_madt_lists_cpus_and_interrupt_controllers),
        TEST(without_interrupt_controllers_none_are_listed),
        TEST(the_dsdt_has_sleep_cpus_and_the_pcs_devices),
        TEST(passthrough_devices_are_described_so_that_drivers_find_them),
        TEST(tables_that_do_not_fit_are_noticed),
        TEST(the_mp_table_says_the_same),
        TEST(iasl_understands_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
