/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Races made likely. Included in front of each file (docs/testing.md), this has atomic operations, and so locks, now and then
 * wait before and after they are done. A macro is not expanded within itself, so GCC's builtins, which its <stdatomic.h> is
 * made of, can be wrapped under their own names; clang's is made of others.
 */
#ifndef AXVM_TESTS_CHAOS_H
#define AXVM_TESTS_CHAOS_H
#pragma GCC system_header /* what it expands to is not warned of */

/* Nothing is included: files say themselves first what they want of a C library. */
typedef __UINT64_TYPE__ axvm_chaos_u64;
#if __STDC_HOSTED__
int sched_yield(void);
int usleep(unsigned int us);
#endif

/* At a time one place in so many is slow, one visit in so many waits there, and the longest wait is 1 us << LONGEST. */
#ifndef AXVM_CHAOS_PLACES
#define AXVM_CHAOS_PLACES 16
#endif
#ifndef AXVM_CHAOS_VISITS
#define AXVM_CHAOS_VISITS 8
#endif
#ifndef AXVM_CHAOS_LONGEST
#define AXVM_CHAOS_LONGEST 11
#endif

/* A clock that any code may read, and about how far it goes in a microsecond. */
static inline axvm_chaos_u64 axvm_chaos_clock(void)
{
#if defined(__x86_64__)
#define AXVM_CHAOS_US 2000
    unsigned int low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (axvm_chaos_u64)high << 32 | low;
#elif defined(__aarch64__)
#define AXVM_CHAOS_US 62
    axvm_chaos_u64 now;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
    return now;
#else
#define AXVM_CHAOS_US 10
    axvm_chaos_u64 now;

    __asm__ volatile("rdtime %0" : "=r"(now));
    return now;
#endif
}

static inline axvm_chaos_u64 axvm_chaos_mix(axvm_chaos_u64 r)
{
    r = (r ^ r >> 31) * 0x9e3779b97f4a7c15ull;
    r = (r ^ r >> 29) * 0xbf58476d1ce4e5b9ull;
    return r ^ r >> 32;
}

/* Chance is made of the clock, the place and the stack: there is no room for a state. Every 100 ms other places are slow. */
static __attribute__((noinline, unused)) void axvm_chaos(void)
{
    axvm_chaos_u64 start = axvm_chaos_clock(), epoch = start / (AXVM_CHAOS_US * 100000u);
    axvm_chaos_u64 r = axvm_chaos_mix((axvm_chaos_u64)__builtin_return_address(0) ^ epoch << 32);
    unsigned int n;

    if (r % AXVM_CHAOS_PLACES != 0)
        return;
    r = axvm_chaos_mix(r ^ start ^ (axvm_chaos_u64)__builtin_frame_address(0) << 32);
    if (r % AXVM_CHAOS_VISITS != 0)
        return;
    n = (r >> 16) % (AXVM_CHAOS_LONGEST + 1);
#if __STDC_HOSTED__
    if (n < 5)
        sched_yield();
    else
        usleep(1u << n);
#else
    while (axvm_chaos_clock() - start < (axvm_chaos_u64)AXVM_CHAOS_US << n) {
    }
#endif
}

#define AXVM_CHAOS_VOID(...) (axvm_chaos(), __VA_ARGS__, axvm_chaos())
#define AXVM_CHAOS_VALUE(...)                                                                                                  \
    __extension__({                                                                                                            \
        axvm_chaos();                                                                                                          \
        __auto_type axvm_chaos_value = __VA_ARGS__;                                                                            \
        axvm_chaos();                                                                                                          \
        axvm_chaos_value;                                                                                                      \
    })
#define __atomic_thread_fence(...) AXVM_CHAOS_VOID(__atomic_thread_fence(__VA_ARGS__))
#define __atomic_load(...) AXVM_CHAOS_VOID(__atomic_load(__VA_ARGS__))
#define __atomic_store(...) AXVM_CHAOS_VOID(__atomic_store(__VA_ARGS__))
#define __atomic_exchange(...) AXVM_CHAOS_VOID(__atomic_exchange(__VA_ARGS__))
#define __atomic_compare_exchange(...) AXVM_CHAOS_VALUE(__atomic_compare_exchange(__VA_ARGS__))
#define __atomic_fetch_add(...) AXVM_CHAOS_VALUE(__atomic_fetch_add(__VA_ARGS__))
#define __atomic_fetch_sub(...) AXVM_CHAOS_VALUE(__atomic_fetch_sub(__VA_ARGS__))
#define __atomic_fetch_or(...) AXVM_CHAOS_VALUE(__atomic_fetch_or(__VA_ARGS__))
#define __atomic_fetch_and(...) AXVM_CHAOS_VALUE(__atomic_fetch_and(__VA_ARGS__))

#endif
