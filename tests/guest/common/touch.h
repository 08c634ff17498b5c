/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that a guest writes to for the first time. */
#ifndef AXVM_TESTS_GUEST_TOUCH_H
#define AXVM_TESTS_GUEST_TOUCH_H

#include "guest.h"

#define TOUCHED_PAGES 1024u

/* Ticks of counter(), and when all is done again. */
struct touch {
    uint64_t first, again;
};
/* The pages lie behind @image_end, and begin with a new 2 MiB. */
struct touch touch_pages(uint64_t image_end);

#endif
