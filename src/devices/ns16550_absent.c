/* SPDX-License-Identifier: BSD-2-Clause */
/* For a library without the 16550A (AXVM_NS16550=OFF): a configuration that asks for one is refused. */
#include <axvm/err.h>
#include <axvm/ns16550.h>

int axvm_ns16550_create(struct axvm *vm, enum axvm_bus_space space, uint64_t base, uint32_t irq, const struct axvm_chardev *out,
                        struct axvm_device **dev)
{
    (void)vm, (void)space, (void)base, (void)irq, (void)out, (void)dev;
    return AXVM_ERR_NOSUP;
}

size_t axvm_ns16550_receive(struct axvm_device *dev, const uint8_t *buf, size_t len)
{
    (void)dev, (void)buf, (void)len;
    return 0;
}

void axvm_ns16550_resume_output(struct axvm_device *dev)
{
    (void)dev;
}

uint64_t axvm_ns16550_dropped(struct axvm_device *dev)
{
    (void)dev;
    return 0;
}
