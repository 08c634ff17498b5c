/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include "board.h"
#include "console.h"
#include "lib.h"
#include "machine.h"

void host_finish(int status, const char *reason)
{
    static _Atomic uint32_t ending;

    (void)irq_save();
    if (atomic_exchange(&ending, 1) != 0) {
        for (;;)
            cpu_relax();
    }
    console_panic();
    host_log("axvm-host: %s status=%d %s", options.nonce ? options.nonce : "-", status, reason);
    board_power_off();
}

void host_fail(const char *reason)
{
    host_finish(1, reason);
}
