/* SPDX-License-Identifier: BSD-2-Clause */
__attribute__((constructor)) static void bad(void)
{
    __asm__ volatile("");
}
void axvm_good(void);
void axvm_good(void)
{
}
