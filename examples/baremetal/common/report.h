/* SPDX-License-Identifier: BSD-2-Clause */
/* How a run of the host ends, for whoever started it. */
#ifndef REPORT_H
#define REPORT_H

/* Print the last line, "axvm-host: NONCE status=STATUS REASON", and power off. Only the first call does. */
_Noreturn void host_finish(int status, const char *reason);

#endif
