/* SPDX-License-Identifier: BSD-2-Clause */
/* For axvm_arch_register(): a backend's table of the registers that a dump shows, in its order. */
#ifndef AXVM_CORE_REGISTERS_H
#define AXVM_CORE_REGISTERS_H

#include <axvm/err.h>

#include "vm_priv.h"

struct axvm_register_row {
    char name[11];
    uint8_t size;    /* bytes: 2, 4, 8 */
    uint32_t offset; /* in struct axvm_arch_vcpu */
};
#define AXVM_REGISTER(name, member)                                                                                            \
    {                                                                                                                          \
        name, sizeof(((struct axvm_arch_vcpu *)0)->member), offsetof(struct axvm_arch_vcpu, member)                            \
    }

/* Of what is in memory: the backend has seen to that. */
static inline int axvm_register_read(const struct axvm_vcpu *vcpu, const struct axvm_register_row *rows, size_t count,
                                     unsigned int index, const char **name, uint64_t *value)
{
    const char *from;

    if (index >= count)
        return AXVM_ERR_NOENT;
    from = (const char *)&vcpu->arch + rows[index].offset;
    *name = rows[index].name;
    switch (rows[index].size) {
    case 2:
        *value = *(const uint16_t *)(const void *)from;
        break;
    case 4:
        *value = *(const uint32_t *)(const void *)from;
        break;
    default:
        *value = *(const uint64_t *)(const void *)from;
    }
    return AXVM_OK;
}

#endif
