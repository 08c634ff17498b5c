/* SPDX-License-Identifier: BSD-2-Clause */
#include "console.h"

#include <axvm/vm.h>

#include "lib.h"
#include "sched.h"

/* Half a line, a prompt for example, is shown after this time. */
#define FLUSH_NS UINT64_C(20000000)
/* A guest that has not taken its input is offered it again after this time. */
#define RETRY_NS UINT64_C(5000000)
#define PANIC_NS UINT64_C(10000000)
#define ESCAPE 0x1d /* Ctrl-] */

#define NOBODY -1
#define HOST -2

/* What a VM has written since its last line ended. */
struct line {
    char text[200];
    unsigned int len, shown;
    uint64_t since_ns; /* when the first byte that is not shown yet came */
};

/* Input on its way to a VM. The interrupt handler puts, with the lock; the console's thread takes. */
struct input {
    uint8_t ring[256];
    _Atomic unsigned int put, taken; /* free-running */
    struct axvm *vm;                 /* NULL: not yet there */
    bool ended;
    struct spinlock vm_lock; /* nobody is in axvm_console_input(vm); guards ended */
};

static struct {
    struct spinlock lock;
    struct cpu *volatile last; /* console_panic(): nobody else may print any more, and this one takes no lock */
    int owner;                 /* whose unfinished line the cursor is in */
    unsigned int vm_count;
    struct line lines[MAX_VMS];
    bool flush_soon; /* the thread will wake up and look at lines[] */
    struct input inputs[MAX_VMS];
    unsigned int input_vm; /* who gets what is typed */
    bool escape;           /* the last byte was ESCAPE */
    struct thread thread;
    bool thread_ready;
} console = { .owner = NOBODY };

static unsigned long lock(void)
{
    if (!console.last)
        return spin_lock(&console.lock);
    while (console.last != cpu_self())
        cpu_relax();
    return irq_save();
}

static void unlock(unsigned long irqs)
{
    if (console.last)
        irq_restore(irqs);
    else
        spin_unlock(&console.lock, irqs);
}

/* ---- output; the lock is held ---- */

static void emit(int who, const char *text, size_t len)
{
    if (console.owner != NOBODY && console.owner != who) {
        board_uart_putc('\n');
        console.owner = NOBODY;
    }
    for (size_t i = 0; i < len; i++) {
        if (console.owner == NOBODY && console.vm_count > 1 && who >= 0) {
            char prefix[12];

            format(prefix, sizeof(prefix), "[vm%d] ", who);
            for (const char *p = prefix; *p != '\0'; p++)
                board_uart_putc(*p);
        }
        board_uart_putc(text[i]);
        /* A CR moves the cursor, but what comes next may still belong to the line. */
        if (text[i] != '\r')
            console.owner = text[i] == '\n' ? NOBODY : who;
    }
}

/* Whoever reads the console, or searches it, wants lines in one piece: where somebody else has cut in, it is begun again. */
static void flush_line(unsigned int vm)
{
    struct line *line = &console.lines[vm];

    if (line->len == line->shown)
        return;
    if (console.owner != (int)vm)
        line->shown = 0;
    emit((int)vm, line->text + line->shown, line->len - line->shown);
    line->shown = line->len;
    if (line->text[line->len - 1] == '\n' || line->len == sizeof(line->text))
        line->len = line->shown = 0;
}

static void add_to_line(unsigned int vm, char c)
{
    struct line *line = &console.lines[vm];

    if (c == '\r')
        return;
    if (line->len == line->shown)
        line->since_ns = board_time_ns();
    line->text[line->len++] = c;
    if (c == '\n' || line->len == sizeof(line->text))
        flush_line(vm);
}

static size_t vm_write(void *ctx, const uint8_t *buf, size_t len)
{
    unsigned int vm = (unsigned int)((struct line *)ctx - console.lines);
    unsigned long irqs = lock();
    bool wake = false;

    if (console.vm_count == 1) {
        emit((int)vm, (const char *)buf, len);
    } else {
        for (size_t i = 0; i < len; i++)
            add_to_line(vm, (char)buf[i]);
        wake = console.lines[vm].len != console.lines[vm].shown && !console.flush_soon;
        console.flush_soon |= wake;
    }
    unlock(irqs);
    if (wake)
        thread_wake(&console.thread);
    return len;
}

void console_line(const char *text)
{
    unsigned long irqs = lock();
    size_t len = 0;

    while (text[len] != '\0')
        len++;
    emit(HOST, text, len);
    emit(HOST, "\n", 1);
    unlock(irqs);
}

void host_log(const char *fmt, ...)
{
    char text[160];
    va_list args;

    va_start(args, fmt);
    format_args(text, sizeof(text), fmt, args);
    va_end(args);
    console_line(text);
}

void console_panic(void)
{
    uint64_t give_up = board_time_ns() + PANIC_NS;

    /* Let others finish what they are printing, unless the holder of the lock is who has stopped. */
    while (atomic_exchange(&console.lock.held, 1) != 0 && board_time_ns() < give_up)
        cpu_relax();
    console.last = cpu_self();
    for (unsigned int vm = 0; vm < MAX_VMS; vm++)
        flush_line(vm);
}

/* Show half lines that are old enough; returns when to come again. */
static uint64_t flush_old(void)
{
    unsigned long irqs = lock();
    uint64_t now = board_time_ns(), next = TIME_NEVER;

    for (unsigned int vm = 0; vm < MAX_VMS; vm++) {
        uint64_t due = console.lines[vm].since_ns + FLUSH_NS;

        if (console.lines[vm].len == console.lines[vm].shown)
            continue;
        if (due <= now)
            flush_line(vm);
        else if (due < next)
            next = due;
    }
    console.flush_soon = next != TIME_NEVER;
    unlock(irqs);
    return next;
}

/* ---- input ---- */

/* True: @c was a command to the host, not input. Lock held. */
static bool escape_command(uint8_t c)
{
    char text[40];

    if (console.vm_count < 2)
        return false;
    if (!console.escape) {
        console.escape = c == ESCAPE;
        return console.escape;
    }
    console.escape = false;
    if (c < '0' || c >= '0' + console.vm_count)
        return c != ESCAPE; /* twice: one for the guest */
    console.input_vm = c - '0';
    emit(HOST, text, format(text, sizeof(text), "axvm-host: input goes to vm%u\n", console.input_vm));
    return true;
}

static bool is_full(const struct input *in)
{
    return in->put - in->taken == sizeof(in->ring);
}

void host_uart_irq(void)
{
    unsigned long irqs = lock();

    for (;;) {
        struct input *in = &console.inputs[console.input_vm];
        int c;

        /* With one VM the rest waits in the UART. With several, a VM that does not read must not block the Ctrl-]. */
        if (is_full(in) && console.vm_count < 2) {
            board_uart_rx_irq(false);
            break;
        }
        c = board_uart_getc();
        if (c < 0)
            break;
        if (!escape_command((uint8_t)c) && !is_full(in) && !in->ended)
            in->ring[in->put++ % sizeof(in->ring)] = (uint8_t)c;
    }
    unlock(irqs);
    if (console.thread_ready)
        thread_wake(&console.thread);
}

/* Carry what is there to its VM; true when some of it has to be offered again. Only the thread does this. */
static bool forward(struct input *in)
{
    while (in->put != in->taken && in->vm) {
        unsigned long irqs = spin_lock(&in->vm_lock);
        bool gone = in->ended || axvm_console_input(in->vm, &in->ring[in->taken % sizeof(in->ring)], 1) == 1;

        spin_unlock(&in->vm_lock, irqs);
        if (!gone)
            return true;
        in->taken++;
    }
    return false;
}

static void console_main(void *arg)
{
    (void)arg;
    for (;;) {
        uint64_t next = flush_old();

        for (unsigned int vm = 0; vm < MAX_VMS; vm++) {
            uint64_t retry = board_time_ns() + RETRY_NS;

            if (forward(&console.inputs[vm]) && retry < next)
                next = retry;
        }
        board_uart_rx_irq(!is_full(&console.inputs[console.input_vm]) || console.vm_count > 1);
        thread_sleep(next);
    }
}

void console_init(void)
{
    thread_create(&console.thread, "console", console_main, NULL, 0);
    console.thread_ready = true;
    board_uart_rx_irq(true);
}

void console_set_vm_count(unsigned int count)
{
    console.vm_count = count;
}

struct axvm_chardev console_vm(unsigned int index)
{
    return (struct axvm_chardev){ .write = vm_write, .ctx = &console.lines[index] };
}

void console_attach(unsigned int index, struct axvm *vm)
{
    console.inputs[index].vm = vm;
    thread_wake(&console.thread);
}

void console_detach(unsigned int index)
{
    struct input *in = &console.inputs[index];
    unsigned long irqs = spin_lock(&in->vm_lock);

    in->ended = true;
    spin_unlock(&in->vm_lock, irqs);
    thread_wake(&console.thread);
}
