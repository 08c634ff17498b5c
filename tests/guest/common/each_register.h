/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers by their place in a list, which an instruction cannot have: included once by a payload that has defined
 *   EACH_REGISTER(X)          the list, each as X(register)
 *   READ_REGISTER(register)   its value
 *   WRITE_REGISTER(register, v)
 */
static uint64_t get(unsigned int n)
{
    unsigned int i = 0;
    uint64_t v = 0;

#define READ_NTH(reg)                                                                                                          \
    if (n == i++)                                                                                                              \
        v = READ_REGISTER(reg);
    EACH_REGISTER(READ_NTH)
#undef READ_NTH
    return v;
}

static void set(unsigned int n, uint64_t v)
{
    unsigned int i = 0;

#define WRITE_NTH(reg)                                                                                                         \
    if (n == i++)                                                                                                              \
        WRITE_REGISTER(reg, v);
    EACH_REGISTER(WRITE_NTH)
#undef WRITE_NTH
}
