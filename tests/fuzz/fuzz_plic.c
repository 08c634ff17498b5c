/* SPDX-License-Identifier: BSD-2-Clause */
/* A PLIC asked anything by guest and host, beside the reference model: rows 68, 87, 88, R3, I12. */
#include "fuzz_device.h"

#include "plic.h"
#include "plic_ref.h"

static bool outputs[REF_CONTEXTS];
static uint32_t completed[2 * REF_SOURCES];
static struct axvm_plic *plic;

static void on_output(void *arg, uint32_t ctx, bool level)
{
    (void)arg;
    FUZZ_CHECK(ctx < REF_CONTEXTS && ctx % 2 != 0 && outputs[ctx] != level);
    outputs[ctx] = level;
}

static void on_complete(void *arg, uint32_t host_irq)
{
    (void)arg;
    FUZZ_CHECK(host_irq >= REF_SOURCES && host_irq < 2 * REF_SOURCES);
    completed[host_irq]++;
}

static void start(void)
{
    const struct axvm_plic_config cfg = {
        .contexts = REF_CONTEXTS,
        .odd_only = true,
        .output = on_output,
        .complete = on_complete,
    };

    ref_start();
    memset(outputs, 0, sizeof(outputs));
    memset(completed, 0, sizeof(completed));
    FUZZ_CHECK(axvm_plic_create(NULL, &cfg, &plic) == AXVM_OK);
    for (uint32_t s = 1; s < REF_SOURCES; s++) {
        ref.edge[s] = s % 3 == 0;
        ref.host[s] = s % 4 == 3 ? s + REF_SOURCES : 0;
        FUZZ_CHECK(axvm_plic_bind(plic, s, ref.host[s], ref.edge[s]) == AXVM_OK);
    }
}

static void check(void)
{
    for (uint32_t ctx = 1; ctx < REF_CONTEXTS; ctx += 2)
        FUZZ_CHECK(outputs[ctx] == ref_output(ctx));
    FUZZ_CHECK(memcmp(completed, ref.completed, sizeof(completed)) == 0);
}

/* Where registers are, rather than anywhere. */
static uint64_t take_offset(struct fuzz_input *in)
{
    uint32_t v = (uint32_t)fuzz_take(in, 2);

    switch (v >> 13) {
    case 0:
    case 1:
        return v & 0x7ff;
    case 2:
        return 0x1000 + (v & 0x3f);
    case 3:
    case 4:
        return 0x2000 + (v & 0x7ff);
    case 5:
    case 6:
        return 0x200000 + UINT64_C(0x1000) * (v >> 4 & 7) + (v & 7);
    }
    return fuzz_take(in, 4);
}

static void access(struct fuzz_input *in, bool write)
{
    uint8_t how = (uint8_t)fuzz_take(in, 1);
    uint64_t off = take_offset(in), val = write ? fuzz_take(in, how >> 4 & 1 ? 4 : 1) : 0;
    uint32_t v = (uint32_t)val;

    if (!fuzz_access_word(how, &off, write, &val))
        return;
    if (write)
        ref_write(off, v);
    else
        FUZZ_CHECK(val == ref_read(off));
}

static void line(struct fuzz_input *in)
{
    uint32_t s = (uint32_t)fuzz_take(in, 1), how = (uint32_t)fuzz_take(in, 1);

    if (s == 0) {
        axvm_plic_set(plic, how & 1 ? 0 : REF_SOURCES + how, true);
        FUZZ_CHECK(axvm_plic_pulse(plic, how & 1 ? 0 : REF_SOURCES + how) == AXVM_ERR_INVAL);
    } else if (ref.host[s] != 0) {
        FUZZ_CHECK(axvm_plic_forward(plic, ref.host[s]) == AXVM_OK);
        ref_edge(s);
    } else if (how % 4 == 0) {
        FUZZ_CHECK(axvm_plic_pulse(plic, s) == AXVM_OK);
        ref_edge(s);
    } else {
        axvm_plic_set(plic, s, how & 1);
        ref_line(s, how & 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    start();
    while (in.left != 0) {
        uint8_t op = (uint8_t)fuzz_take(&in, 1);

        if (op < 0x70) {
            access(&in, true);
        } else if (op < 0xb0) {
            access(&in, false);
        } else if (op < 0xff) {
            line(&in);
        } else {
            fuzz_device->ops->reset(fuzz_device);
            ref_reset();
        }
        check();
    }
    free(fuzz_device);
    return 0;
}
