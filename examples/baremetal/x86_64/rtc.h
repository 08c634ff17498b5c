/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RTC_H
#define RTC_H

/* Once, when the clock runs. */
void rtc_init(void);

#endif
