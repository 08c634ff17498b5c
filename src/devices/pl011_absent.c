/* SPDX-License-Identifier: BSD-2-Clause */
/* For a library without the PL011 (AXVM_PL011=OFF): a configuration that asks for one is refused. */
#include <axvm/err.h>
#include <axvm/pl011.h>

int axvm_pl011_create(struct axvm *vm, uint64_t base, uint32_t irq, const struct axvm_chardev *out, struct axvm_device **dev)
{
    (void)vm, (void)base, (void)irq, (void)out, (void)dev;
    return AXVM_ERR_NOSUP;
}

size_t axvm_pl011_receive(struct axvm_device *dev, const uint8_t *buf, size_t len)
{
    (void)dev, (void)buf, (void)len;
    return 0;
}

void axvm_pl011_resume_output(struct axvm_device *dev)
{
    (void)dev;
}

uint64_t axvm_pl011_dropped(struct axvm_device *dev)
{
    (void)dev;
    return 0;
}
