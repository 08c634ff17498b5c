/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is not here, and why:
 *  - MONITOR, MONITORX, WAITPKG: a guest that waits must exit, or it holds the CPU. The instructions give #UD.
 *  - VMX, SVM, SMX, SKINIT: no nested virtualization.
 *  - SGX, SGX_LC, TME, SEV, PCONFIG, ENQCMD, PKS, CET, LAM, UINTR: state or keys that nobody switches.
 *  - PKU: PKRU would be live in host code. LA57: linear addresses stay at 48 bits, so that "canonical" is one thing.
 *  - MPX: withdrawn by its vendor; AMX: tile state is 8 KiB and needs IA32_XFD.
 *  - PMU (leaf 0Ah, PDCM, PERFCTR*), debug store, Processor Trace, LBR, IBS, RDT, MBM, hardware feedback: they measure, or
 * leak, the host.
 *  - ACPI, TM, TM2, EIST, PBE: thermal and frequency control is the host's. CNXT-ID, DCA, xTPR: obsolete.
 *  - HLE, RTM: need IA32_TSX_CTRL; they only serve attacks by now.
 *  - XSAVEC: Bochs 2.7 stores the first extended component (AVX) right behind XMM15, at 416, over the header, while its XRSTOR
 * reads it at 576, as it should: also without a hypervisor, as tests/guest/x86_64/xsave.c shows when it is told "xsavec". Linux
 * lost registers. What it would save is space; XSAVEOPT stores as little.
 *  - XSAVES: needs IA32_XSS. OSVW, TOPOEXT's node ids, LWP, WDT, DBEXT, TSC_RATIO: MSRs that are not virtualized.
 *  - IBRS/IBPB, STIBP, SSBD, ARCH_CAPABILITIES, L1D_FLUSH, CORE_CAPABILITIES: IA32_SPEC_CTRL is not switched, so a guest that
 * set it would slow the host down, and one that cleared it would undo the host's. Without the bits a guest uses retpolines;
 * keeping one VM's predictions from another (IBPB) is for the host, which knows when it changes between them.
 */
#include "cpuid_features.h"

#include "bits.h"
#include "cpuid.h"

#define ROW(l, s, r, b, k, x)                                                                                                  \
    {                                                                                                                          \
        .leaf = (l), .subleaf = (s), .reg = AXVM_##r, .bit = (b), .rule = AXVM_FEATURE_##k, .needs_xcr0 = (x)                  \
    }
#define L1C(b, k) ROW(1, 0, ECX, b, k, 0)
#define L1D(b, k) ROW(1, 0, EDX, b, k, 0)
#define L7B(b, k, x) ROW(7, 0, EBX, b, k, x)
#define L7C(b, k, x) ROW(7, 0, ECX, b, k, x)
#define L7D(b, k, x) ROW(7, 0, EDX, b, k, x)
#define E1C(b, k) ROW(0x80000001, 0, ECX, b, k, 0)
#define E1D(b, k) ROW(0x80000001, 0, EDX, b, k, 0)
#define AVX 0x04
#define AVX512 0xe0

const struct axvm_feature axvm_features[] = {
    L1C(0, HOST),                  /* SSE3 */
    L1C(1, HOST),                  /* PCLMULQDQ */
    L1C(9, HOST),                  /* SSSE3 */
    ROW(1, 0, ECX, 12, HOST, AVX), /* FMA */
    L1C(13, HOST),                 /* CMPXCHG16B */
    L1C(17, HOST),                 /* PCID */
    L1C(19, HOST),                 /* SSE4.1 */
    L1C(20, HOST),                 /* SSE4.2 */
    L1C(21, ALWAYS),               /* x2APIC: emulated */
    L1C(22, HOST),                 /* MOVBE */
    L1C(23, HOST),                 /* POPCNT */
    L1C(24, ALWAYS),               /* TSC-Deadline: emulated */
    L1C(25, HOST),                 /* AESNI */
    L1C(26, XSAVE),                /* XSAVE; bit 27, OSXSAVE, is dynamic */
    ROW(1, 0, ECX, 28, HOST, AVX), /* AVX */
    ROW(1, 0, ECX, 29, HOST, AVX), /* F16C */
    L1C(30, HOST),                 /* RDRAND */
    L1C(31, ALWAYS),               /* a hypervisor is present */

    L1D(0, HOST),    /* FPU */
    L1D(1, HOST),    /* VME */
    L1D(2, HOST),    /* DE */
    L1D(3, HOST),    /* PSE */
    L1D(4, ALWAYS),  /* TSC */
    L1D(5, ALWAYS),  /* MSR */
    L1D(6, HOST),    /* PAE */
    L1D(7, ALWAYS),  /* MCE: no banks, nothing is ever reported */
    L1D(8, HOST),    /* CX8 */
    L1D(9, ALWAYS),  /* APIC: emulated; dynamic */
    L1D(11, HOST),   /* SEP */
    L1D(12, ALWAYS), /* MTRR: values are kept, memory types are those of the second-level tables and PAT */
    L1D(13, HOST),   /* PGE */
    L1D(14, ALWAYS), /* MCA */
    L1D(15, HOST),   /* CMOV */
    L1D(16, HOST),   /* PAT */
    L1D(17, HOST),   /* PSE-36 */
    L1D(19, HOST),   /* CLFSH */
    L1D(23, HOST),   /* MMX */
    L1D(24, HOST),   /* FXSR */
    L1D(25, HOST),   /* SSE */
    L1D(26, HOST),   /* SSE2 */
    L1D(27, HOST),   /* SS */
    L1D(28, SMP),    /* HTT: EBX[23:16] is valid */

    L7B(0, HOST, 0),       /* FSGSBASE */
    L7B(1, ALWAYS, 0),     /* IA32_TSC_ADJUST: emulated */
    L7B(3, HOST, 0),       /* BMI1 */
    L7B(5, HOST, AVX),     /* AVX2 */
    L7B(6, HOST, 0),       /* FDP_EXCPTN_ONLY */
    L7B(7, HOST, 0),       /* SMEP */
    L7B(8, HOST, 0),       /* BMI2 */
    L7B(9, HOST, 0),       /* enhanced REP MOVSB/STOSB */
    L7B(10, INVPCID, 0),   /* INVPCID */
    L7B(13, HOST, 0),      /* no FPU CS and DS */
    L7B(16, HOST, AVX512), /* AVX512F */
    L7B(17, HOST, AVX512), /* AVX512DQ */
    L7B(18, HOST, 0),      /* RDSEED */
    L7B(19, HOST, 0),      /* ADX */
    L7B(20, HOST, 0),      /* SMAP */
    L7B(21, HOST, AVX512), /* AVX512_IFMA */
    L7B(23, HOST, 0),      /* CLFLUSHOPT */
    L7B(24, HOST, 0),      /* CLWB */
    L7B(26, HOST, AVX512), /* AVX512PF */
    L7B(27, HOST, AVX512), /* AVX512ER */
    L7B(28, HOST, AVX512), /* AVX512CD */
    L7B(29, HOST, 0),      /* SHA */
    L7B(30, HOST, AVX512), /* AVX512BW */
    L7B(31, HOST, AVX512), /* AVX512VL */

    L7C(0, HOST, 0),       /* PREFETCHWT1 */
    L7C(1, HOST, AVX512),  /* AVX512_VBMI */
    L7C(2, HOST, 0),       /* UMIP */
    L7C(6, HOST, AVX512),  /* AVX512_VBMI2 */
    L7C(8, HOST, 0),       /* GFNI */
    L7C(9, HOST, AVX),     /* VAES */
    L7C(10, HOST, AVX),    /* VPCLMULQDQ */
    L7C(11, HOST, AVX512), /* AVX512_VNNI */
    L7C(12, HOST, AVX512), /* AVX512_BITALG */
    L7C(14, HOST, AVX512), /* AVX512_VPOPCNTDQ */
    L7C(22, RDTSCP, 0),    /* RDPID */
    L7C(25, HOST, 0),      /* CLDEMOTE */
    L7C(27, HOST, 0),      /* MOVDIRI */
    L7C(28, HOST, 0),      /* MOVDIR64B */

    L7D(2, HOST, AVX512),  /* AVX512_4VNNIW */
    L7D(3, HOST, AVX512),  /* AVX512_4FMAPS */
    L7D(4, HOST, 0),       /* fast short REP MOV */
    L7D(8, HOST, AVX512),  /* AVX512_VP2INTERSECT */
    L7D(10, HOST, 0),      /* MD_CLEAR: VERW clears buffers, in guests too */
    L7D(14, HOST, 0),      /* SERIALIZE */
    L7D(23, HOST, AVX512), /* AVX512_FP16 */

    ROW(7, 1, EAX, 4, HOST, AVX),    /* AVX-VNNI */
    ROW(7, 1, EAX, 5, HOST, AVX512), /* AVX512_BF16 */
    ROW(7, 1, EAX, 10, HOST, 0),     /* fast zero-length REP MOVSB */
    ROW(7, 1, EAX, 11, HOST, 0),     /* fast short REP STOSB */
    ROW(7, 1, EAX, 12, HOST, 0),     /* fast short REP CMPSB, SCASB */

    ROW(0xd, 1, EAX, 0, XSAVE, 0), /* XSAVEOPT */
    ROW(0xd, 1, EAX, 2, XSAVE, 0), /* XGETBV with ECX = 1 */

    ROW(6, 0, EAX, 2, ALWAYS, 0), /* ARAT: the emulated APIC timer never stops */

    E1C(0, HOST),                          /* LAHF and SAHF in 64-bit mode */
    E1C(1, AMD_SMP),                       /* CmpLegacy: leaf 1's HTT counts cores */
    E1C(5, HOST),                          /* LZCNT, ABM */
    E1C(6, AMD),                           /* SSE4A */
    E1C(7, AMD),                           /* misaligned SSE */
    E1C(8, HOST),                          /* PREFETCHW */
    ROW(0x80000001, 0, ECX, 11, AMD, AVX), /* XOP */
    ROW(0x80000001, 0, ECX, 16, AMD, AVX), /* FMA4 */
    E1C(21, AMD),                          /* TBM */
    E1C(22, AMD),                          /* TopologyExtensions: leaves 8000001Dh, 1Eh */

    E1D(0, AMD), /* the bits of leaf 1, as far as AMD repeats them */
    E1D(1, AMD),
    E1D(2, AMD),
    E1D(3, AMD),
    E1D(4, AMD),
    E1D(5, AMD),
    E1D(6, AMD),
    E1D(7, AMD),
    E1D(8, AMD),
    E1D(9, AMD),   /* APIC; dynamic */
    E1D(11, HOST), /* SYSCALL */
    E1D(12, AMD),
    E1D(13, AMD),
    E1D(14, AMD),
    E1D(15, AMD),
    E1D(16, AMD),
    E1D(17, AMD),
    E1D(20, HOST),   /* NX */
    E1D(22, AMD),    /* MmxExt */
    E1D(23, AMD),    /* MMX */
    E1D(24, AMD),    /* FXSR */
    E1D(25, AMD),    /* fast FXSAVE */
    E1D(26, HOST),   /* 1 GiB pages */
    E1D(27, RDTSCP), /* RDTSCP */
    E1D(29, HOST),   /* long mode */
    E1D(30, AMD),    /* 3DNow! extensions */
    E1D(31, AMD),    /* 3DNow! */

    ROW(0x80000007, 0, EDX, 8, INVTSC, 0), /* invariant TSC */
    ROW(0x80000008, 0, EBX, 0, AMD, 0),    /* CLZERO */
    ROW(0x80000008, 0, EBX, 2, AMD, 0),    /* XSAVE keeps FPU error pointers */
    ROW(0x80000021, 0, EAX, 2, AMD, 0),    /* LFENCE always serializes */
    ROW(0x80000021, 0, EAX, 6, AMD, 0),    /* a null selector clears the base */
};
const unsigned int axvm_feature_count = AXVM_ARRAY_LEN(axvm_features);
