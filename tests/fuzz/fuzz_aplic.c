/* SPDX-License-Identifier: BSD-2-Clause */
/* An APLIC asked anything by guest and host, beside the reference model: rows 69, 87, 88. */
#include "fuzz_device.h"

#include "aplic.h"
#include "aplic_ref.h"

static bool outputs[REF_HARTS];
static uint32_t completed[2 * REF_SOURCES];
static struct ref_msis sent;
static struct axvm_aplic *aplic;

static void on_output(void *arg, uint32_t hart, bool level)
{
    (void)arg;
    FUZZ_CHECK(hart < REF_HARTS && outputs[hart] != level);
    outputs[hart] = level;
}

static void on_send(void *arg, uint32_t hart, uint32_t eiid)
{
    (void)arg;
    FUZZ_CHECK(hart < REF_HARTS && eiid < 2048 && sent.count < sizeof(sent.list) / sizeof(sent.list[0]));
    sent.list[sent.count++] = (struct ref_msi){ hart, eiid };
}

static void on_complete(void *arg, uint32_t host_irq)
{
    (void)arg;
    FUZZ_CHECK(host_irq >= REF_SOURCES && host_irq < 2 * REF_SOURCES);
    completed[host_irq]++;
}

static void start(uint8_t modes)
{
    const struct axvm_aplic_config cfg = {
        .harts = REF_HARTS,
        .direct = modes % 3 != 1,
        .msi = modes % 3 != 0,
        .output = on_output,
        .send = on_send,
        .complete = on_complete,
    };

    ref_start(cfg.direct, cfg.msi);
    memset(outputs, 0, sizeof(outputs));
    memset(completed, 0, sizeof(completed));
    sent.count = 0;
    FUZZ_CHECK(axvm_aplic_create(NULL, &cfg, &aplic) == AXVM_OK);
    for (uint32_t s = 1; s < REF_SOURCES; s++) {
        ref.s[s].host = s % 4 == 3 ? s + REF_SOURCES : 0;
        FUZZ_CHECK(axvm_aplic_bind(aplic, s, ref.s[s].host) == AXVM_OK);
    }
}

static void check(void)
{
    ref_settle();
    for (uint32_t h = 0; h < REF_HARTS; h++)
        FUZZ_CHECK(outputs[h] == ref_output(h));
    FUZZ_CHECK(memcmp(completed, ref.completed, sizeof(completed)) == 0);
    FUZZ_CHECK(sent.count == ref.sent.count && memcmp(sent.list, ref.sent.list, sent.count * sizeof(sent.list[0])) == 0);
    sent.count = ref.sent.count = 0;
}

/* Where registers are, rather than anywhere. */
static uint64_t take_offset(struct fuzz_input *in)
{
    static const uint16_t pages[] = { 0x0000, 0x1c00, 0x1d00, 0x1e00, 0x1f00, 0x2000, 0x3000, 0x4000 };
    uint32_t v = (uint32_t)fuzz_take(in, 2);

    return v >> 13 == 7 && v >> 12 & 1 ? fuzz_take(in, 2) : pages[v >> 13] + (v & 0x3ff);
}

static void access(struct fuzz_input *in, bool write)
{
    uint8_t how = (uint8_t)fuzz_take(in, 1);
    uint64_t off = take_offset(in), val = write ? fuzz_take(in, 4) : 0;
    uint32_t v = (uint32_t)val;

    if (!fuzz_access_word(how, &off, write, &val))
        return;
    if (write)
        ref_write(off, v);
    else
        FUZZ_CHECK(val == ref_read(off));
}

static void wire(struct fuzz_input *in)
{
    uint32_t s = (uint32_t)fuzz_take(in, 1), how = (uint32_t)fuzz_take(in, 1);

    if (s == 0) {
        axvm_aplic_set(aplic, how & 1 ? 0 : REF_SOURCES + how, true);
        FUZZ_CHECK(axvm_aplic_pulse(aplic, how & 1 ? 0 : REF_SOURCES + how) == AXVM_ERR_INVAL);
    } else if (ref.s[s].host != 0) {
        FUZZ_CHECK(axvm_aplic_forward(aplic, ref.s[s].host) == AXVM_OK);
        ref_wire(&ref.s[s], true);
    } else if (how % 4 == 0) {
        FUZZ_CHECK(axvm_aplic_pulse(aplic, s) == AXVM_OK);
        ref_wire(&ref.s[s], true);
        ref_settle();
        ref_wire(&ref.s[s], false);
    } else {
        axvm_aplic_set(aplic, s, how & 1);
        ref_wire(&ref.s[s], how & 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    start((uint8_t)fuzz_take(&in, 1));
    while (in.left != 0) {
        uint8_t op = (uint8_t)fuzz_take(&in, 1);

        if (op < 0x80) {
            access(&in, true);
        } else if (op < 0xb0) {
            access(&in, false);
        } else if (op < 0xff) {
            wire(&in);
        } else {
            fuzz_device->ops->reset(fuzz_device);
            ref_reset();
        }
        check();
    }
    free(fuzz_device);
    return 0;
}
