/* SPDX-License-Identifier: BSD-2-Clause */
/* An x86 VM that is memory, a config and nothing else, to load images into. */
#ifndef BOOT_FIXTURE_H
#define BOOT_FIXTURE_H

#include "../mem_fixture.h"

#include <axvm/err.h>

#include "arch.h"
#include "boot_priv.h"
#include "image.h"
#include "load.h"

/* What was logged last; "" after boot_setup(). */
extern char boot_log[256];

/* 256 MiB of RAM that cost nothing until they are touched. */
int boot_setup(void **state);
int boot_setup_empty(void **state);

void put_le(uint8_t *p, uint64_t v, unsigned int bytes);
uint64_t get_le(const uint8_t *p, unsigned int bytes);
/* Something that is recognised when it is found in the wrong place. */
void fill(uint8_t *p, size_t len, uint8_t seed);

/* Loading, as axvm_load() does it. */
int load(struct mem_fixture *f);
struct boot_result {
    uint64_t entry, arg;
};
extern struct boot_result loaded;

void read_guest(struct mem_fixture *f, uint64_t gpa, void *buf, size_t len);
uint64_t guest_le(struct mem_fixture *f, uint64_t gpa, unsigned int bytes);
void assert_guest_has(struct mem_fixture *f, uint64_t gpa, const void *expected, size_t len);
void assert_guest_string(struct mem_fixture *f, uint64_t gpa, const char *expected);

#endif
