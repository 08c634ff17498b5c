/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel image: whatever is accepted keeps the promises of image.h. */
#include "fuzz.h"

#include <axvm/err.h>

#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct axvm_image_config cfg = { .kernel = { data, size } };
    const char *why = NULL;
    struct axvm_image img;

    if (axvm_image_parse(&cfg, 0x40000000, &img, &why) != AXVM_OK) {
        FUZZ_CHECK(why != NULL);
        return 0;
    }
    FUZZ_CHECK(img.count >= 1 && img.count <= AXVM_IMAGE_MAX_SEGMENTS);
    for (uint32_t i = 0; i < img.count; i++) {
        const struct axvm_segment *s = &img.segments[i];

        FUZZ_CHECK(s->len != 0 && s->data_len <= s->len && s->len <= UINT64_MAX - s->gpa);
        FUZZ_CHECK(s->data >= data && s->data_len <= size - (size_t)(s->data - data));
        for (uint32_t j = 0; j < i; j++)
            FUZZ_CHECK(s->gpa + s->len <= img.segments[j].gpa || img.segments[j].gpa + img.segments[j].len <= s->gpa);
    }
    return 0;
}
