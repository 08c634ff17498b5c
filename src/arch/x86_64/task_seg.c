/* SPDX-License-Identifier: BSD-2-Clause */
#include "task_seg.h"

#include <stdbool.h>

#include "fault.h"

#define TYPE_CODE 8u
#define TYPE_CONFORMING 4u /* of code */
#define TYPE_RW 2u         /* code: can be read; data: can be written */

struct axvm_x86_seg axvm_x86_decode_desc(uint16_t sel, uint64_t desc)
{
    struct axvm_x86_seg s = {
        .sel = sel,
        .attr = (uint16_t)((desc >> 40 & 0xff) | (desc >> 44 & 0xf00)),
        .limit = (uint32_t)((desc & 0xffff) | (desc >> 32 & 0xf0000)),
        .base = (desc >> 16 & 0xffffff) | (desc >> 56 << 24),
    };

    if (s.attr & SEG_G)
        s.limit = s.limit << 12 | 0xfff;
    return s;
}

struct axvm_x86_seg axvm_x86_v86_seg(uint16_t sel)
{
    return (struct axvm_x86_seg){ .sel = sel, .attr = 0xf3, .limit = 0xffff, .base = (uint64_t)sel << 4 };
}

static bool code_fits(const struct axvm_x86_seg *s, unsigned int cpl)
{
    unsigned int dpl = (unsigned int)axvm_field(s->attr, SEG_DPL), type = s->attr & SEG_TYPE;

    if (!(s->attr & SEG_S) || !(type & TYPE_CODE))
        return false;
    return type & TYPE_CONFORMING ? dpl <= cpl : dpl == cpl;
}

static bool stack_fits(const struct axvm_x86_seg *s, unsigned int cpl)
{
    unsigned int type = s->attr & SEG_TYPE;

    return (s->attr & SEG_S) && !(type & TYPE_CODE) && (type & TYPE_RW) && axvm_field(s->attr, SEG_DPL) == cpl &&
           (s->sel & SEL_RPL) == cpl;
}

static bool data_fits(const struct axvm_x86_seg *s, unsigned int cpl)
{
    unsigned int dpl = (unsigned int)axvm_field(s->attr, SEG_DPL), rpl = s->sel & SEL_RPL, type = s->attr & SEG_TYPE;

    if (!(s->attr & SEG_S) || (type & (TYPE_CODE | TYPE_RW)) == TYPE_CODE)
        return false;
    if ((type & (TYPE_CODE | TYPE_CONFORMING)) == (TYPE_CODE | TYPE_CONFORMING))
        return true;
    return dpl >= cpl && dpl >= rpl;
}

static bool fits(enum axvm_x86_segreg reg, const struct axvm_x86_seg *s, unsigned int cpl)
{
    switch (reg) {
    case AXVM_X86_CS:
        return code_fits(s, cpl);
    case AXVM_X86_SS:
        return stack_fits(s, cpl);
    case AXVM_X86_LDTR:
        return !(s->attr & SEG_S) && (s->attr & SEG_TYPE) == DESC_LDT && !(s->sel & SEL_TI);
    default:
        return data_fits(s, cpl);
    }
}

unsigned int axvm_x86_task_seg_fault(enum axvm_x86_segreg reg, const struct axvm_x86_seg *seg, unsigned int cpl)
{
    if (!fits(reg, seg, cpl))
        return X86_TS;
    if (seg->attr & SEG_P)
        return 0;
    return reg == AXVM_X86_SS ? X86_SS : reg == AXVM_X86_LDTR ? X86_TS : X86_NP;
}
