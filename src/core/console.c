/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host's terminal says to the first UART. */
#include "vm_priv.h"

size_t axvm_console_input(struct axvm *vm, const uint8_t *buf, size_t len)
{
    struct axvm_device *console = vm ? vm->console : NULL;
    size_t taken;

    if (!console || !console->ops->receive || (!buf && len != 0))
        return 0;
    taken = console->ops->receive(console, buf, len);
    axvm_wake_flush(vm);
    return taken;
}
