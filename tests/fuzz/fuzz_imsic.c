/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt files of an IMSIC asked anything by guests and their owner, beside the reference model: rows 70, 87. */
#include "fuzz_device.h"

#include "imsic.h"
#include "imsic_ref.h"

static bool outputs[REF_HARTS];
static uint32_t diverted[REF_HARTS];
static struct axvm_imsic *imsic;

static void on_output(void *arg, uint32_t hart, bool level)
{
    (void)arg;
    FUZZ_CHECK(hart < REF_HARTS && outputs[hart] != level);
    outputs[hart] = level;
}

static void on_diverted(void *arg, uint32_t hart, uint32_t id)
{
    (void)arg;
    FUZZ_CHECK(hart < REF_HARTS && id != 0 && id <= REF_IDS);
    diverted[hart]++;
}

static void start(void)
{
    const struct axvm_imsic_config cfg = { .harts = REF_HARTS, .output = on_output, .diverted = on_diverted };

    ref_start();
    memset(outputs, 0, sizeof(outputs));
    memset(diverted, 0, sizeof(diverted));
    FUZZ_CHECK(axvm_imsic_create(NULL, &cfg, &imsic) == AXVM_OK);
}

static void check(void)
{
    for (uint32_t h = 0; h < REF_HARTS; h++)
        FUZZ_CHECK(outputs[h] == ref_output(h) && diverted[h] == ref[h].sent_there);
}

static void access(struct fuzz_input *in, uint32_t hart, bool write)
{
    uint8_t how = (uint8_t)fuzz_take(in, 1);
    uint64_t off = how >> 4 == 0 ? fuzz_take(in, 2) : UINT64_C(0x1000) * hart + (how >> 4 & 4);
    uint64_t val = write ? fuzz_take(in, how >> 4 & 1 ? 4 : 1) : 0;
    uint32_t v = (uint32_t)val;

    if (!fuzz_access_word(how, &off, write, &val))
        return;
    if (write)
        ref_write(off, v);
    else
        FUZZ_CHECK(val == 0);
}

static void change(struct fuzz_input *in, uint32_t hart)
{
    uint32_t reg = (uint32_t)fuzz_take(in, 1), how = (uint32_t)fuzz_take(in, 1);
    uint64_t clear = how & 1 ? UINT64_MAX : fuzz_take(in, 8), set = how & 2 ? UINT64_MAX : fuzz_take(in, how & 4 ? 8 : 1);
    uint64_t got = 0, want = 0;

    if (how & 8)
        reg = 0x70 + reg % 0x20;
    else if (how & 16)
        reg = 0xc0 + reg % 8;
    FUZZ_CHECK(axvm_imsic_register(imsic, hart, reg, clear, set, &got) == ref_register(hart, reg, clear, set, &want));
    FUZZ_CHECK(got == want);
}

static void claim(uint32_t hart, bool take)
{
    uint32_t top = ref_top(hart);

    FUZZ_CHECK(axvm_imsic_topei(imsic, hart, take) == (top << 16 | top));
    if (take)
        ref_claim(hart);
}

/* All of it moves, and nothing is left. */
static void divert(uint32_t hart)
{
    struct axvm_imsic_state state;
    uint64_t want = 0;

    axvm_imsic_divert(imsic, hart, &state);
    for (uint32_t w = 0; w < AXVM_IMSIC_WORDS; w++) {
        FUZZ_CHECK(ref_register(hart, 0x80 + 2 * w, UINT64_MAX, 0, &want) && state.eip[w] == want);
        FUZZ_CHECK(ref_register(hart, 0xc0 + 2 * w, UINT64_MAX, 0, &want) && state.eie[w] == want);
    }
    FUZZ_CHECK(state.eidelivery == ref[hart].delivery && state.eithreshold == ref[hart].threshold);
    ref[hart].delivery = ref[hart].threshold = 0;
    ref[hart].elsewhere = true;
}

static void reset(void)
{
    uint32_t there[REF_HARTS];

    for (uint32_t h = 0; h < REF_HARTS; h++)
        there[h] = ref[h].sent_there;
    fuzz_device->ops->reset(fuzz_device);
    ref_start();
    for (uint32_t h = 0; h < REF_HARTS; h++)
        ref[h].sent_there = there[h];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    start();
    while (in.left != 0) {
        uint8_t op = (uint8_t)fuzz_take(&in, 1);
        uint32_t hart = op % REF_HARTS;

        if (op < 0x70)
            access(&in, hart, op % 4 != 3);
        else if (op < 0xc0)
            change(&in, hart);
        else if (op < 0xf8)
            claim(hart, op & 8);
        else if (op < 0xfd)
            divert(hart);
        else
            reset();
        check();
    }
    free(fuzz_device);
    return 0;
}
