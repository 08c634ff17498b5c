/* SPDX-License-Identifier: BSD-2-Clause */
static int bad;
int *axvm_bad(void);
int *axvm_bad(void)
{
    return &bad;
}
