/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware task switches: 32-bit code, started by multiboot. CALL to a task, INT n and #GP through task gates, IRET back. It
 * says what each task finds; last "task: done 0".
 */
#include <stdbool.h>
#include <stdint.h>

#define COM1 0x3f8
#define LSR_EMPTY 0x20 /* the holding register */
#define LSR_IDLE 0x40  /* and the shift register */
#define PM_CONTROL 0x604
#define PM_SOFT_OFF 0x2000

enum { SEL_CODE = 0x08, SEL_DATA = 0x10, SEL_MAIN = 0x18, SEL_CALLED = 0x20, SEL_FAULT = 0x28, GDT_ENTRIES = 6 };
enum { GATE = 0x40, GP = 13 };
#define BAD_SELECTOR 0x1000u

struct tss {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    uint32_t gpr[8], seg[6], ldtr;
    uint16_t trap, iomap;
};
_Static_assert(sizeof(struct tss) == 104, "32-bit TSS");

struct table {
    uint16_t limit;
    uint32_t base;
} __attribute__((packed));

__attribute__((section(".multiboot"), used)) static const uint32_t multiboot[3] = { 0x1badb002, 0, -0x1badb002u };

static struct tss main_tss, called_tss, fault_tss;
static uint64_t gdt[GDT_ENTRIES], idt[256];
static uint8_t called_stack[4096], fault_stack[4096] __attribute__((aligned(16)));
static volatile uint32_t calls, faults, fault_error;
static unsigned int failures;
uint8_t main_stack[8192];

void task_start(void);
void task_main(void);
void called_c(void);
void fault_c(uint32_t error);

/* ---- console ---- */

static void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t inb(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static void put_str(const char *s)
{
    for (; *s; s++) {
        while ((inb(COM1 + 5) & LSR_EMPTY) == 0)
            ;
        outb(COM1, (uint8_t)*s);
    }
}

static void result(const char *what, bool good)
{
    put_str("task: ");
    put_str(what);
    put_str(good ? " ok\n" : " FAIL\n");
    failures += !good;
}

/* ---- tasks ---- */

/* EBP is theirs to lose: a task switch brings the caller's back. */
__attribute__((naked)) static void called(void)
{
    __asm__ volatile("1: mov $0x42, %ebp\n\tcall called_c\n\tiret\n\tjmp 1b");
}

/* The error code is on top of the stack. */
__attribute__((naked)) static void fault(void)
{
    __asm__ volatile("1: call fault_c\n\tadd $4, %esp\n\tiret\n\tjmp 1b");
}

__attribute__((used)) void called_c(void)
{
    uint32_t flags, cr0;

    __asm__ volatile("pushf\n\tpop %0\n\tmov %%cr0, %1" : "=r"(flags), "=r"(cr0));
    calls++;
    result("a called task is linked to its caller", called_tss.link == SEL_MAIN && (flags & 1u << 14));
    result("the caller stays busy", (gdt[SEL_MAIN / 8] >> 41 & 1) && (gdt[SEL_CALLED / 8] >> 41 & 1));
}

/* MOV to FS is two bytes long: on to what is behind it. */
__attribute__((used)) void fault_c(uint32_t error)
{
    faults++;
    fault_error = error;
    main_tss.eip += 2;
}

/* ---- setting up ---- */

static uint64_t tss_descriptor(const struct tss *tss)
{
    uint32_t base = (uint32_t)(uintptr_t)tss;

    return (sizeof(*tss) - 1) | (uint64_t)(base & 0xffffff) << 16 | UINT64_C(0x89) << 40 | (uint64_t)(base >> 24) << 56;
}

static void set_task(struct tss *tss, void (*entry)(void), uint8_t *stack_end)
{
    tss->eip = (uint32_t)(uintptr_t)entry;
    tss->eflags = 2;
    tss->gpr[4] = (uint32_t)(uintptr_t)stack_end;
    for (unsigned int i = 0; i < 6; i++)
        tss->seg[i] = i == 1 ? SEL_CODE : SEL_DATA;
    tss->iomap = sizeof(*tss);
}

static uint64_t task_gate(uint16_t sel)
{
    return (uint64_t)sel << 16 | UINT64_C(0x85) << 40;
}

static void set_up(void)
{
    struct table g = { sizeof(gdt) - 1, (uint32_t)(uintptr_t)gdt }, d = { sizeof(idt) - 1, (uint32_t)(uintptr_t)idt };

    gdt[SEL_CODE / 8] = UINT64_C(0x00cf9a000000ffff);
    gdt[SEL_DATA / 8] = UINT64_C(0x00cf92000000ffff);
    gdt[SEL_MAIN / 8] = tss_descriptor(&main_tss);
    gdt[SEL_CALLED / 8] = tss_descriptor(&called_tss);
    gdt[SEL_FAULT / 8] = tss_descriptor(&fault_tss);
    idt[GATE] = task_gate(SEL_CALLED);
    idt[GP] = task_gate(SEL_FAULT);
    set_task(&called_tss, called, called_stack + sizeof(called_stack));
    set_task(&fault_tss, fault, fault_stack + sizeof(fault_stack));
    __asm__ volatile(
        "lgdt %0\n\tljmp %2, $1f\n1:\tmov %3, %%ds\n\tmov %3, %%es\n\tmov %3, %%ss\n\tmov %3, %%fs\n\tmov %3, %%gs\n\t"
        "lidt %1\n\tltr %w4"
        :
        : "m"(g), "m"(d), "i"(SEL_CODE), "r"(SEL_DATA), "r"(SEL_MAIN)
        : "memory");
}

static void power_off(void)
{
    while ((inb(COM1 + 5) & LSR_IDLE) == 0)
        ;
    __asm__ volatile("outw %0, %1" : : "a"((uint16_t)PM_SOFT_OFF), "d"((uint16_t)PM_CONTROL));
    for (;;)
        __asm__ volatile("hlt");
}

__attribute__((used)) void task_main(void)
{
    uint32_t base_pointer = 0x12345678, flags;

    set_up();
    __asm__ volatile("push %%ebp\n\tmov %0, %%ebp\n\tlcall %1, $0\n\tmov %%ebp, %0\n\tpop %%ebp"
                     : "+&a"(base_pointer)
                     : "i"(SEL_CALLED)
                     : "memory");
    result("CALL and IRET", calls == 1 && base_pointer == 0x12345678);
    result("a task that has returned is not busy", (gdt[SEL_CALLED / 8] >> 41 & 1) == 0);
    __asm__ volatile("int %0" : : "i"(GATE) : "memory");
    result("INT through a task gate", calls == 2);
    __asm__ volatile("mov %0, %%fs" : : "r"(BAD_SELECTOR) : "memory");
    result("#GP through a task gate, with its error code", faults == 1 && fault_error == BAD_SELECTOR);
    __asm__ volatile("pushf\n\tpop %0" : "=r"(flags));
    result("no nested task any more", (flags & 1u << 14) == 0);
    put_str(failures == 0 ? "task: done 0\n" : "task: done, failures\n");
    power_off();
}

__attribute__((naked, section(".text.start"))) void task_start(void)
{
    __asm__ volatile("mov $main_stack + 8192, %esp\n\tcall task_main");
}
