/* SPDX-License-Identifier: BSD-2-Clause */
/* What the compiler calls for a bit scan on a CPU without Zbb. There is no libgcc for hosts without FP arguments. */
int __ctzdi2(unsigned long v);

int __ctzdi2(unsigned long v)
{
    int n = 0;

    for (int step = 32; step != 0; step >>= 1) {
        if ((v & ((1ul << step) - 1)) == 0) {
            v >>= step;
            n += step;
        }
    }
    return n;
}
