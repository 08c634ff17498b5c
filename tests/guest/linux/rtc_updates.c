/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program for a Linux guest on riscv64, without a C library: wait for three of the real-time clock's update interrupts, which the
 * kernel makes of the clock's alarms. For clocks whose driver has no wake-up alarm that a shell could set, as goldfish's.
 */
#define SYS_IOCTL 29
#define SYS_OPENAT 56
#define SYS_READ 63
#define SYS_EXIT 93
#define AT_FDCWD (-100)
#define RTC_UIE_ON 0x7003 /* Linux, Documentation/admin-guide/rtc.rst */

static long call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = 0, a7 __asm__("a7") = number;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
    return a0;
}

static long wait_for_updates(void)
{
    static const char path[] = "/dev/rtc0";
    unsigned long event;
    long fd = call(SYS_OPENAT, AT_FDCWD, (long)path, 0);

    if (fd < 0)
        return 1;
    if (call(SYS_IOCTL, fd, RTC_UIE_ON, 0) < 0)
        return 2;
    for (int i = 0; i < 3; i++) {
        if (call(SYS_READ, fd, (long)&event, sizeof(event)) != sizeof(event))
            return 3;
    }
    return 0;
}

void _start(void);
void _start(void)
{
    call(SYS_EXIT, wait_for_updates(), 0, 0);
    for (;;)
        ;
}
