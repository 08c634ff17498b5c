/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Randomness, as few RISC-V CPUs have an instruction for it: the seed that the firmware left in the machine's device tree, and
 * what SipHash-2-4 makes of it (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), keyed with it, of the numbers 0, 1,
 * 2, ...
 */
#include <libfdt.h>
#include <stdatomic.h>

#include "board.h"
#include "machine.h"

static uint64_t rotate(uint64_t x, unsigned int n)
{
    return x << n | x >> (64 - n);
}

static void sip_rounds(uint64_t v[4], unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static void sip_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
}

/* Of a message of eight bytes. */
static uint64_t sip_hash(const uint64_t key[2], uint64_t message)
{
    uint64_t v[4] = { key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                      key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573) };

    sip_absorb(v, message);
    sip_absorb(v, UINT64_C(8) << 56); /* the length */
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

bool board_entropy(void *buf, size_t len)
{
    static _Atomic uint64_t next;
    int size, chosen = fdt_path_offset(machine.fdt, "/chosen");
    const char *seed = fdt_getprop(machine.fdt, chosen, "rng-seed", &size);
    uint64_t key[2];
    char *out = buf;

    if (!seed || size < (int)sizeof(key))
        return false;
    __builtin_memcpy(key, seed, sizeof(key));
    while (len > 0) {
        uint64_t value = sip_hash(key, atomic_fetch_add_explicit(&next, 1, memory_order_relaxed));
        size_t n = len < sizeof(value) ? len : sizeof(value);

        __builtin_memcpy(out, &value, n);
        out += n;
        len -= n;
    }
    return true;
}
