/* SPDX-License-Identifier: BSD-2-Clause */
/* Dates of the Gregorian calendar and seconds since 1970. */
#ifndef AXVM_DEVICES_MC146818_DATE_H
#define AXVM_DEVICES_MC146818_DATE_H

#include <stdint.h>

struct axvm_date {
    uint32_t year;      /* 1970..9999 */
    uint8_t month, day; /* from 1 */
    uint8_t hour, minute, second;
};

#define AXVM_DAY_S 86400u
#define AXVM_DATE_END UINT64_C(253402300800) /* the year 10000 */

#define AXVM_DATE_1970 719468u /* days from the first of March of the year 0 to 1970-01-01 */

/* Days from the first of March of the year 0 to that of year @y: years are counted from March, so that the leap day is their
 * last. */
static inline uint64_t axvm_days_to_march(uint64_t y)
{
    return y * 365 + y / 4 - y / 100 + y / 400;
}

/* Days from a first of March to the first of the @m'th month from there, 0: March. */
static inline uint32_t axvm_days_to_month(uint32_t m)
{
    return (153 * m + 2) / 5;
}

/* The year is at least 1970, month and day are at least 1, the month is at most 12; more of anything goes into the next larger.
 */
static inline uint64_t axvm_date_to_seconds(const struct axvm_date *d)
{
    uint64_t y = d->month > 2 ? d->year : d->year - 1;
    uint32_t m = d->month > 2 ? d->month - 3u : d->month + 9u;
    uint64_t days = axvm_days_to_march(y) + axvm_days_to_month(m) + d->day - 1 - AXVM_DATE_1970;

    return days * AXVM_DAY_S + d->hour * 3600u + d->minute * 60u + d->second;
}

/* @s is below AXVM_DATE_END. */
static inline struct axvm_date axvm_date_from_seconds(uint64_t s)
{
    uint64_t days = s / AXVM_DAY_S + AXVM_DATE_1970, y = days / 365;
    uint32_t rest = (uint32_t)(s % AXVM_DAY_S), day, m;

    /* The guess is late by the leap days so far: by 7 years at the end. */
    while (axvm_days_to_march(y) > days)
        y--;
    day = (uint32_t)(days - axvm_days_to_march(y));
    m = (5 * day + 2) / 153;
    return (struct axvm_date){ .year = (uint32_t)(m < 10 ? y : y + 1),
                               .month = (uint8_t)(m < 10 ? m + 3 : m - 9),
                               .day = (uint8_t)(day - axvm_days_to_month(m) + 1),
                               .hour = (uint8_t)(rest / 3600),
                               .minute = (uint8_t)(rest / 60 % 60),
                               .second = (uint8_t)(rest % 60) };
}

#endif
