/* SPDX-License-Identifier: BSD-2-Clause */
/* The date, from the battery-backed clock that every PC has (MC146818): read once, then counted on. */
#include "rtc.h"

#include <stdbool.h>

#include "board.h"
#include "x86.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define NMI_OFF 0x80u /* with the index; nobody here wants one meanwhile */
#define SECONDS 0x00u
#define MINUTES 0x02u
#define HOURS 0x04u
#define DAY 0x07u
#define MONTH 0x08u
#define YEAR 0x09u
#define STATUS_A 0x0au
#define STATUS_B 0x0bu
#define CENTURY 0x32u /* where the FADT says, and in practice here */
#define A_UPDATING 0x80u
#define B_BINARY 0x04u
#define B_24H 0x02u
#define PM 0x80u
#define S_IN_NS UINT64_C(1000000000)
#define TRIES 1000000u

static const uint8_t registers[] = { SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR, CENTURY };
#define FIELDS (sizeof(registers) / sizeof(registers[0]))

static uint64_t at_start_s;

static uint8_t read_cmos(unsigned int reg)
{
    outb(CMOS_INDEX, (uint8_t)(NMI_OFF | reg));
    return inb(CMOS_DATA);
}

/* An update takes 2 ms at most, once a second; what is read twice the same has not been torn by one. */
static bool read_stable(uint8_t field[FIELDS])
{
    for (unsigned int i = 0; i < TRIES; i++) {
        bool same = (read_cmos(STATUS_A) & A_UPDATING) == 0;

        for (unsigned int n = 0; n < FIELDS; n++)
            field[n] = read_cmos(registers[n]);
        for (unsigned int n = 0; n < FIELDS; n++)
            same &= read_cmos(registers[n]) == field[n];
        if (same)
            return true;
    }
    return false;
}

static unsigned int number(uint8_t v, uint8_t status_b)
{
    return (status_b & B_BINARY) ? v : (v >> 4) * 10u + (v & 15u);
}

static unsigned int hour(uint8_t v, uint8_t status_b)
{
    unsigned int h = number(v & (uint8_t)~PM, status_b);

    if (status_b & B_24H)
        return number(v, status_b);
    return h % 12 + ((v & PM) ? 12 : 0);
}

/* Of the Gregorian calendar since 1970-01-01: years are counted from March, so that the leap day is the last one. */
static uint64_t days(unsigned int y, unsigned int m, unsigned int d)
{
    y -= m <= 2;
    m = m > 2 ? m - 3 : m + 9;
    return (uint64_t)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 719468;
}

void rtc_init(void)
{
    uint8_t f[FIELDS], b = read_cmos(STATUS_B);
    unsigned int century, year;

    at_start_s = 0;
    if (!read_stable(f))
        return;
    century = number(f[6], b);
    year = number(f[5], b) + 100 * (century >= 19 && century < 100 ? century : 20);
    at_start_s = days(year, number(f[4], b), number(f[3], b)) * 86400 + hour(f[2], b) * 3600 + number(f[1], b) * 60 +
                 number(f[0], b) - board_time_ns() / S_IN_NS;
}

uint64_t board_wall_time_s(void)
{
    return at_start_s + board_time_ns() / S_IN_NS;
}
