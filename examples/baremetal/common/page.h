/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical memory in pages of 4 KiB, by the buddy system. All of it is mapped at its own address. */
#ifndef PAGE_H
#define PAGE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SIZE 4096u
/* Orders 0..18: up to 1 GiB in one piece. */
#define PAGE_ORDERS 19u

/* Takes the machine's RAM, without the host itself, the device tree and the modules. False when nothing is left. */
bool page_init(void);
/* 2^order pages, zeroed, aligned to their size; 0 when there are none. Any context. */
uint64_t page_alloc(unsigned int order);
void page_free(uint64_t pa, unsigned int order);
/* Exactly [pa, pa + len), zeroed; false when some of it is taken or no RAM. Multiples of 4 KiB. */
bool page_alloc_at(uint64_t pa, uint64_t len);
void page_free_at(uint64_t pa, uint64_t len);
uint64_t page_free_count(void);

#endif
