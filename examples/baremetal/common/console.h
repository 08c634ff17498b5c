/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's UART, shared by the host and the consoles of all VMs. One VM: its bytes go straight through, both ways.
 * Several: whole lines with "[vmN] " before them, and Ctrl-] N makes VM N the one that gets the input.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <axvm/config.h>
#include <stdbool.h>
#include <stddef.h>

#define MAX_VMS 8

struct axvm;

/* Start the thread that carries input to VMs; threads work. */
void console_init(void);
/* How many VMs there will be, before the first console_vm(). */
void console_set_vm_count(unsigned int count);
/* The character device of VM @index. */
struct axvm_chardev console_vm(unsigned int index);
/* VM @index can take input from now on. */
void console_attach(unsigned int index, struct axvm *vm);
/* Its input is dropped from now on, and the console does not touch the VM any more. */
void console_detach(unsigned int index);

/* A line of the host, on a line of its own. Any context. */
void console_line(const char *text);
void host_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The host is about to stop: print what VMs have left unfinished; from now on only the calling CPU prints. */
void console_panic(void);

#endif
