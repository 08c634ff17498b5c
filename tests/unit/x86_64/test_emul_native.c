/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emulated instructions against this machine's own CPU, where it is an x86-64 one: the same random instruction, registers and
 * memory in 64-bit and in 32-bit mode, some of the memory being devices for the emulation. Registers, flags and memory must
 * come out alike. The instructions come from a generator of its own, not from the decoder's tables. hostile-guest.md rows 1, 3,
 * 6, 7.
 */
#define _GNU_SOURCE
#include "emul_world.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "bits.h"

#ifdef __x86_64__

#define DATA UINT64_C(0x10000000)
#define DATA_PAGES 16u
#define CODE (DATA + 40 * WORLD_PAGE) /* page of the instruction and what is around it */
#define INSN (CODE + 0x800)
#define STATE UINT64_C(0x10100000)
#define ROUNDS 400000u

/* At STATE, below 2 GiB, so that code reaches it without a register. */
struct native_state {
    uint64_t gpr[16], flags, xmm[16][2], host_rsp;
    uint64_t out_gpr[16], out_flags, out_xmm[16][2];
    struct {
        uint32_t offset;
        uint16_t selector;
    } __attribute__((packed)) to_32bit; /* for a far jump */
    uint8_t stack[512];                 /* of the 32-bit code around the instruction */
};
static struct native_state *const native = (struct native_state *)STATE;

static uint64_t seed = 1;

static uint32_t rnd(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33);
}

static bool one_in(unsigned int n)
{
    return rnd() % n == 0;
}

static uint64_t rnd64(void)
{
    static const uint64_t nasty[] = {
        0, 1, UINT64_MAX, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, INT64_MAX, UINT64_C(1) << 63, 0x8080808080808080
    };
    uint64_t v = (uint64_t)rnd() << 40 ^ (uint64_t)rnd() << 20 ^ rnd();

    return one_in(3) ? nasty[rnd() % 12] : v;
}

/* ---- running it here ---- */

struct emitter {
    uint8_t *at;
};

static void emit(struct emitter *e, const void *bytes, size_t len)
{
    memcpy(e->at, bytes, len);
    e->at += len;
}

static void emit8(struct emitter *e, uint8_t byte)
{
    emit(e, &byte, 1);
}

static void emit32(struct emitter *e, uint64_t v)
{
    uint32_t low = (uint32_t)v;

    emit(e, &low, 4);
}

/* MOV between a general register and memory at an address of 32 bits. */
static void emit_mov(struct emitter *e, unsigned int reg, uint64_t addr, bool store)
{
    emit8(e, 0x48 | (reg >> 3) << 2);
    emit8(e, store ? 0x89 : 0x8b);
    emit8(e, (uint8_t)(4 | (reg & 7) << 3));
    emit8(e, 0x25);
    emit32(e, addr);
}

static void emit_movdqu(struct emitter *e, unsigned int reg, uint64_t addr, bool store)
{
    emit8(e, 0xf3);
    emit8(e, 0x40 | (reg >> 3) << 2);
    emit8(e, 0x0f);
    emit8(e, store ? 0x7f : 0x6f);
    emit8(e, (uint8_t)(4 | (reg & 7) << 3));
    emit8(e, 0x25);
    emit32(e, addr);
}

static void emit_jmp(struct emitter *e, uint64_t target)
{
    uint64_t from = (uint64_t)e->at + 5;

    emit8(e, 0xe9);
    emit32(e, target - from);
}

#define AT(member) (STATE + offsetof(struct native_state, member))
#define EPILOGUE (CODE + 0xa00)

/* Before the instruction, at CODE: load everything; after it, at EPILOGUE: store everything. */
static void make_frame(void)
{
    static const uint8_t push_saved[] = { 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57 };
    static const uint8_t pop_saved[] = { 0xfc, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3 };
    struct emitter e = { (uint8_t *)CODE };

    emit(&e, push_saved, sizeof(push_saved));
    emit_mov(&e, 4, AT(host_rsp), true);
    emit(&e, "\xff\x34\x25", 3); /* push [flags] */
    emit32(&e, AT(flags));
    emit8(&e, 0x9d); /* popf */
    for (unsigned int i = 0; i < 16; i++)
        emit_movdqu(&e, i, AT(xmm) + 16 * i, false);
    for (unsigned int i = 0; i < 16; i++)
        emit_mov(&e, i, AT(gpr) + 8 * i, false);
    emit_jmp(&e, INSN);
    assert_true(e.at <= (uint8_t *)INSN);
    e.at = (uint8_t *)EPILOGUE;
    for (unsigned int i = 0; i < 16; i++)
        emit_mov(&e, i, AT(out_gpr) + 8 * i, true);
    emit_mov(&e, 4, AT(host_rsp), false);
    emit8(&e, 0x9c); /* pushf */
    emit(&e, "\x8f\x04\x25", 3);
    emit32(&e, AT(out_flags));
    for (unsigned int i = 0; i < 16; i++)
        emit_movdqu(&e, i, AT(out_xmm) + 16 * i, true);
    emit(&e, pop_saved, sizeof(pop_saved));
}

/* ---- the same in 32-bit mode, which a program of 64 bits can enter ---- */

#define USER32_CS 0x23 /* Linux' */
#define USER_CS 0x33
#define USER_DS 0x2b
#define ENTRY32 (CODE + 0xb00)
#define EPILOGUE32 (CODE + 0xc00)
#define EPILOGUE64 (CODE + 0xd00)
#define FRAME32 (CODE + 0xe00)

static void emit_mov32(struct emitter *e, unsigned int reg, uint64_t addr, bool store)
{
    emit8(e, store ? 0x89 : 0x8b);
    emit8(e, (uint8_t)(5 | reg << 3));
    emit32(e, addr);
}

static void emit_stack32(struct emitter *e)
{
    emit8(e, 0xbc); /* mov $, %esp */
    emit32(e, AT(stack) + sizeof(native->stack));
}

/* In 64-bit mode: what the other side cannot save, and over. */
static void make_frame32_outside(void)
{
    static const uint8_t push_saved[] = { 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57 };
    static const uint8_t pop_saved[] = { 0xfc, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3 };
    struct emitter e = { (uint8_t *)FRAME32 };

    native->to_32bit.offset = (uint32_t)ENTRY32;
    native->to_32bit.selector = USER32_CS;
    emit(&e, push_saved, sizeof(push_saved));
    emit_mov(&e, 4, AT(host_rsp), true);
    for (unsigned int i = 0; i < 8; i++)
        emit_movdqu(&e, i, AT(xmm) + 16 * i, false);
    emit(&e, "\xff\x2c\x25", 3); /* ljmp *to_32bit */
    emit32(&e, AT(to_32bit));
    e.at = (uint8_t *)EPILOGUE64;
    for (unsigned int i = 0; i < 8; i++)
        emit_movdqu(&e, i, AT(out_xmm) + 16 * i, true);
    emit_mov(&e, 4, AT(host_rsp), false);
    emit(&e, pop_saved, sizeof(pop_saved));
}

static void make_frame32(void)
{
    struct emitter e = { (uint8_t *)ENTRY32 };

    make_frame32_outside();
    emit8(&e, 0xb8); /* mov $USER_DS, %eax */
    emit32(&e, USER_DS);
    emit(&e, "\x8e\xd8\x8e\xc0", 4); /* mov %eax, %ds; mov %eax, %es */
    emit_stack32(&e);
    emit(&e, "\xff\x35", 2); /* push flags */
    emit32(&e, AT(flags));
    emit8(&e, 0x9d);
    for (unsigned int i = 0; i < 8; i++)
        emit_mov32(&e, i, AT(gpr) + 8 * i, false);
    emit_jmp(&e, INSN);
    e.at = (uint8_t *)EPILOGUE32;
    for (unsigned int i = 0; i < 8; i++)
        emit_mov32(&e, i, AT(out_gpr) + 8 * i, true);
    emit_stack32(&e);
    emit(&e, "\x9c\x8f\x05", 3); /* pushf; pop out_flags */
    emit32(&e, AT(out_flags));
    emit8(&e, 0xea); /* ljmp $USER_CS, $EPILOGUE64 */
    emit32(&e, EPILOGUE64);
    emit(&e, "\x33\x00", 2);
}

static void run_native(const uint8_t *insn, unsigned int len, bool mode32)
{
    struct emitter e = { (uint8_t *)INSN };

    emit(&e, insn, len);
    emit_jmp(&e, mode32 ? EPILOGUE32 : EPILOGUE);
    ((void (*)(void))(uintptr_t)(mode32 ? FRAME32 : CODE))();
}

static sigjmp_buf cannot;

static void fails(int signal)
{
    (void)signal;
    siglongjmp(cannot, 1);
}

/* Kernels and simulators of one may have no 32-bit mode for us. */
static bool has_32bit_mode(void)
{
    struct sigaction act = { .sa_handler = fails }, old[2];
    bool ok = false;

    native->flags = RFLAGS_FIXED1;
    sigaction(SIGSEGV, &act, &old[0]);
    sigaction(SIGILL, &act, &old[1]);
    if (sigsetjmp(cannot, 1) == 0) {
        run_native((const uint8_t[]){ 0x48 }, 1, true); /* dec %eax: a prefix elsewhere */
        ok = native->out_gpr[0] == (uint32_t)(native->gpr[0] - 1);
    }
    sigaction(SIGSEGV, &old[0], NULL);
    sigaction(SIGILL, &old[1], NULL);
    return ok;
}

/* ---- making instructions ---- */

enum {
    BYTE = 1 << 0, /* its operands are bytes */
    LOCKABLE = 1 << 1,
    IMM8 = 1 << 2,
    IMMZ = 1 << 3,
    BITS = 1 << 4, /* the register is the number of a bit */
    STACK = 1 << 5,
    STRING = 1 << 6,
    MOFFS = 1 << 7,
    SSE = 1 << 8, /* prefix is part of it */
    ALIGN16 = 1 << 9,
    COMPARE = 1 << 10, /* RAX, or EDX:EAX, should be equal now and then */
    PAIR = 1 << 11,
    CC = 1 << 12, /* any of 16 opcodes */
    NO_PREFIX = 1 << 13,
    BITFLAGS = 1 << 14, /* only CF is defined */
    LOGIC = 1 << 15,    /* AF is not defined */
    STORES = 1 << 16,
    X86_MOVBE = 1 << 17,
    ONLY64 = 1 << 18,
    ROTATE = 1 << 19,   /* OF is not defined */
    SHIFT = 1 << 20,    /* OF, AF, and of fewer than 32 bits CF */
    MULTIPLY = 1 << 21, /* CF and OF only are defined */
};

static const struct gen {
    uint8_t opcode[3], opcode_len, prefix;
    int8_t reg; /* ModRM.reg; -1: any */
    uint32_t flags;
} gens[] = {
#define ALU(n, extra, lock)                                                                                                    \
    { { (n)*8 }, 1, 0, -1, BYTE | STORES | (lock) | (extra) }, { { (n)*8 + 1 }, 1, 0, -1, STORES | (lock) | (extra) },         \
        { { (n)*8 + 2 }, 1, 0, -1, BYTE | (extra) }, { { (n)*8 + 3 }, 1, 0, -1, (extra) },                                     \
        { { 0x80 }, 1, 0, (n), BYTE | IMM8 | STORES | (lock) | (extra) },                                                      \
        { { 0x81 }, 1, 0, (n), IMMZ | STORES | (lock) | (extra) },                                                             \
    {                                                                                                                          \
        { 0x83 }, 1, 0, (n), IMM8 | STORES | (lock) | (extra)                                                                  \
    }
    ALU(0, 0, LOCKABLE),
    ALU(1, LOGIC, LOCKABLE),
    ALU(2, 0, LOCKABLE),
    ALU(3, 0, LOCKABLE),
    ALU(4, LOGIC, LOCKABLE),
    ALU(5, 0, LOCKABLE),
    ALU(6, LOGIC, LOCKABLE),
    ALU(7, 0, 0),
    { { 0x63 }, 1, 0, -1, ONLY64 },
    { { 0x84 }, 1, 0, -1, BYTE | LOGIC },
    { { 0x85 }, 1, 0, -1, LOGIC },
    { { 0x86 }, 1, 0, -1, BYTE | LOCKABLE | STORES },
    { { 0x87 }, 1, 0, -1, LOCKABLE | STORES },
    { { 0x88 }, 1, 0, -1, BYTE | STORES },
    { { 0x89 }, 1, 0, -1, STORES },
    { { 0x8a }, 1, 0, -1, BYTE },
    { { 0x8b }, 1, 0, -1, 0 },
    { { 0x8f }, 1, 0, 0, STACK | STORES },
    { { 0xa0 }, 1, 0, -1, BYTE | MOFFS },
    { { 0xa1 }, 1, 0, -1, MOFFS },
    { { 0xa2 }, 1, 0, -1, BYTE | MOFFS | STORES },
    { { 0xa3 }, 1, 0, -1, MOFFS | STORES },
    { { 0xa4 }, 1, 0, -1, BYTE | STRING | STORES },
    { { 0xa5 }, 1, 0, -1, STRING | STORES },
    { { 0xa6 }, 1, 0, -1, BYTE | STRING },
    { { 0xa7 }, 1, 0, -1, STRING },
    { { 0xaa }, 1, 0, -1, BYTE | STRING | STORES },
    { { 0xab }, 1, 0, -1, STRING | STORES },
    { { 0xac }, 1, 0, -1, BYTE | STRING },
    { { 0xad }, 1, 0, -1, STRING },
    { { 0xae }, 1, 0, -1, BYTE | STRING },
    { { 0xaf }, 1, 0, -1, STRING },
    { { 0xc6 }, 1, 0, 0, BYTE | IMM8 | STORES },
    { { 0xc7 }, 1, 0, 0, IMMZ | STORES },
    { { 0xf6 }, 1, 0, 0, BYTE | IMM8 | LOGIC },
    { { 0xf7 }, 1, 0, 0, IMMZ | LOGIC },
    { { 0xf6 }, 1, 0, 2, BYTE | LOCKABLE | STORES },
    { { 0xf7 }, 1, 0, 2, LOCKABLE | STORES },
    { { 0xf6 }, 1, 0, 3, BYTE | LOCKABLE | STORES },
    { { 0xf7 }, 1, 0, 3, LOCKABLE | STORES },
    { { 0xfe }, 1, 0, 0, BYTE | LOCKABLE | STORES },
    { { 0xfe }, 1, 0, 1, BYTE | LOCKABLE | STORES },
#define SHIFTS(n, kind)                                                                                                        \
    { { 0xc0 }, 1, 0, (n), BYTE | IMM8 | STORES | (kind) }, { { 0xc1 }, 1, 0, (n), IMM8 | STORES | (kind) },                   \
        { { 0xd0 }, 1, 0, (n), BYTE | STORES | (kind) }, { { 0xd1 }, 1, 0, (n), STORES | (kind) },                             \
        { { 0xd2 }, 1, 0, (n), BYTE | STORES | (kind) },                                                                       \
    {                                                                                                                          \
        { 0xd3 }, 1, 0, (n), STORES | (kind)                                                                                   \
    }
    SHIFTS(0, ROTATE),
    SHIFTS(1, ROTATE),
    SHIFTS(2, ROTATE),
    SHIFTS(3, ROTATE),
    SHIFTS(4, SHIFT),
    SHIFTS(5, SHIFT),
    SHIFTS(6, SHIFT),
    SHIFTS(7, SHIFT),
    { { 0xf6 }, 1, 0, 4, BYTE | MULTIPLY },
    { { 0xf7 }, 1, 0, 4, MULTIPLY },
    { { 0xf6 }, 1, 0, 5, BYTE | MULTIPLY },
    { { 0xf7 }, 1, 0, 5, MULTIPLY },
    { { 0x69 }, 1, 0, -1, IMMZ | MULTIPLY },
    { { 0x6b }, 1, 0, -1, IMM8 | MULTIPLY },
    { { 0x0f, 0xaf }, 2, 0, -1, MULTIPLY },
    { { 0x0f, 0xa4 }, 2, 0, -1, IMM8 | NO_PREFIX | STORES | SHIFT },
    { { 0x0f, 0xa5 }, 2, 0, -1, NO_PREFIX | STORES | SHIFT },
    { { 0x0f, 0xac }, 2, 0, -1, IMM8 | NO_PREFIX | STORES | SHIFT },
    { { 0x0f, 0xad }, 2, 0, -1, NO_PREFIX | STORES | SHIFT },
    { { 0xff }, 1, 0, 0, LOCKABLE | STORES },
    { { 0xff }, 1, 0, 1, LOCKABLE | STORES },
    { { 0xff }, 1, 0, 6, STACK },
    { { 0x0f, 0x40 }, 2, 0, -1, CC },
    { { 0x0f, 0x90 }, 2, 0, -1, CC | BYTE | STORES },
    { { 0x0f, 0xa3 }, 2, 0, -1, BITS | BITFLAGS },
    { { 0x0f, 0xab }, 2, 0, -1, BITS | BITFLAGS | LOCKABLE | STORES },
    { { 0x0f, 0xb3 }, 2, 0, -1, BITS | BITFLAGS | LOCKABLE | STORES },
    { { 0x0f, 0xbb }, 2, 0, -1, BITS | BITFLAGS | LOCKABLE | STORES },
    { { 0x0f, 0xba }, 2, 0, 4, IMM8 | BITFLAGS },
    { { 0x0f, 0xba }, 2, 0, 5, IMM8 | BITFLAGS | LOCKABLE | STORES },
    { { 0x0f, 0xba }, 2, 0, 6, IMM8 | BITFLAGS | LOCKABLE | STORES },
    { { 0x0f, 0xba }, 2, 0, 7, IMM8 | BITFLAGS | LOCKABLE | STORES },
    { { 0x0f, 0xb0 }, 2, 0, -1, BYTE | COMPARE | LOCKABLE | STORES },
    { { 0x0f, 0xb1 }, 2, 0, -1, COMPARE | LOCKABLE | STORES },
    { { 0x0f, 0xb6 }, 2, 0, -1, 0 },
    { { 0x0f, 0xb7 }, 2, 0, -1, 0 },
    { { 0x0f, 0xbe }, 2, 0, -1, 0 },
    { { 0x0f, 0xbf }, 2, 0, -1, 0 },
    { { 0x0f, 0xc0 }, 2, 0, -1, BYTE | LOCKABLE | STORES },
    { { 0x0f, 0xc1 }, 2, 0, -1, LOCKABLE | STORES },
    { { 0x0f, 0xc3 }, 2, 0, -1, NO_PREFIX | STORES },
    { { 0x0f, 0xc7 }, 2, 0, 1, PAIR | COMPARE | ALIGN16 | LOCKABLE | STORES },
    { { 0x0f, 0x38, 0xf0 }, 3, 0, -1, X86_MOVBE },
    { { 0x0f, 0x38, 0xf1 }, 3, 0, -1, X86_MOVBE | STORES },
    { { 0x0f, 0x10 }, 2, 0, -1, SSE },
    { { 0x0f, 0x10 }, 2, 0x66, -1, SSE },
    { { 0x0f, 0x10 }, 2, 0xf2, -1, SSE },
    { { 0x0f, 0x10 }, 2, 0xf3, -1, SSE },
    { { 0x0f, 0x11 }, 2, 0, -1, SSE | STORES },
    { { 0x0f, 0x11 }, 2, 0x66, -1, SSE | STORES },
    { { 0x0f, 0x11 }, 2, 0xf2, -1, SSE | STORES },
    { { 0x0f, 0x11 }, 2, 0xf3, -1, SSE | STORES },
    { { 0x0f, 0x28 }, 2, 0, -1, SSE | ALIGN16 },
    { { 0x0f, 0x28 }, 2, 0x66, -1, SSE | ALIGN16 },
    { { 0x0f, 0x29 }, 2, 0, -1, SSE | ALIGN16 | STORES },
    { { 0x0f, 0x29 }, 2, 0x66, -1, SSE | ALIGN16 | STORES },
    { { 0x0f, 0x2b }, 2, 0, -1, SSE | ALIGN16 | STORES },
    { { 0x0f, 0x2b }, 2, 0x66, -1, SSE | ALIGN16 | STORES },
    { { 0x0f, 0x6e }, 2, 0x66, -1, SSE },
    { { 0x0f, 0x6f }, 2, 0x66, -1, SSE | ALIGN16 },
    { { 0x0f, 0x6f }, 2, 0xf3, -1, SSE },
    { { 0x0f, 0x7e }, 2, 0x66, -1, SSE | STORES },
    { { 0x0f, 0x7e }, 2, 0xf3, -1, SSE },
    { { 0x0f, 0x7f }, 2, 0x66, -1, SSE | ALIGN16 | STORES },
    { { 0x0f, 0x7f }, 2, 0xf3, -1, SSE | STORES },
    { { 0x0f, 0xd6 }, 2, 0x66, -1, SSE | STORES },
    { { 0x0f, 0xe7 }, 2, 0x66, -1, SSE | ALIGN16 | STORES },
};

/* An instruction, and the registers it is run with. */
struct trial {
    const struct gen *gen;
    uint8_t bytes[32];
    unsigned int len;
    uint64_t target;   /* of its memory operand; 0: strings */
    unsigned int size; /* of its register operands */
    uint64_t gpr[16], flags;
    bool mode32, addr32, lock;
    unsigned int base, index; /* 16: none */
};

static uint64_t pick_target(const struct trial *t)
{
    uint64_t page = DATA + (2 + rnd() % (DATA_PAGES - 4)) * WORLD_PAGE;
    uint64_t target = one_in(2) ? page - rnd() % 20 : page + rnd() % WORLD_PAGE;

    if ((t->gen->flags & ALIGN16) || t->lock || t->gen->opcode[0] == 0x86 || t->gen->opcode[0] == 0x87)
        target &= ~UINT64_C(15);
    return target;
}

static void add_prefixes(struct trial *t, struct emitter *e, uint8_t *rex)
{
    static const uint8_t flat_segments[] = { 0x26, 0x36, 0x3e, 0x2e }; /* the last is CS: not for stores in 32-bit mode */
    const struct gen *g = t->gen;
    bool opsize = one_in(4) && !(g->flags & (SSE | NO_PREFIX)), wide = one_in(3);

    t->addr32 = !t->mode32 && one_in(8);
    t->lock = (g->flags & LOCKABLE) && one_in(4);
    if (one_in(8))
        emit8(e, flat_segments[rnd() % (t->mode32 ? 3 : 4)]);
    if (opsize)
        emit8(e, 0x66);
    if (t->addr32)
        emit8(e, 0x67);
    if (t->lock)
        emit8(e, 0xf0);
    if (g->flags & STRING) {
        if (!one_in(3))
            emit8(e, one_in(2) ? 0xf2 : 0xf3);
    }
    if (g->prefix)
        emit8(e, g->prefix);
    *rex = t->mode32 || one_in(3) ? 0 : (uint8_t)(0x40 | rnd() % 8 | (wide ? 8 : 0));
    t->size = (g->flags & BYTE) ? 1 : (*rex & 8) ? 8 : opsize ? 2 : 4;
    if ((g->flags & STACK) && t->size == 4 && !t->mode32)
        t->size = 8;
}

static void set_base(struct trial *t, unsigned int reg, uint64_t val)
{
    t->gpr[reg] = t->addr32 ? (uint32_t)val | (uint64_t)rnd() << 32 : t->mode32 ? (uint32_t)val : val;
}

/* ModRM and what belongs to it, such that the operand is at t->target. False: try another. */
static bool add_modrm(struct trial *t, struct emitter *e, uint8_t rex, unsigned int imm_len)
{
    unsigned int mod = rnd() % 3, rm = rnd() % 8, reg = t->gen->reg >= 0 ? (unsigned int)t->gen->reg : rnd() % 8;
    unsigned int base = rm, index = 16, scale = 0, full_reg = reg | (rex & 4) << 1;
    uint64_t disp = 0, at = t->target;
    unsigned int disp_len = mod == 2 ? 4 : mod;

    emit8(e, (uint8_t)(mod << 6 | reg << 3 | rm));
    if (rm == 4) {
        uint8_t sib = (uint8_t)rnd();

        emit8(e, sib);
        scale = sib >> 6;
        base = sib & 7;
        index = (sib >> 3 & 7) | (rex & 2) << 2;
        if (index == 4)
            index = 16;
    }
    t->base = 16;
    t->index = index;
    if (t->gen->flags & BITS) {
        int64_t number = (int64_t)(rnd() % 40000) - 20000;

        t->gpr[full_reg] = t->mode32 ? (uint32_t)number : (uint64_t)number;

        if (index == full_reg || (base | (rex & 1) << 3) == full_reg)
            return false;
        number >>= t->size == 2 ? 4 : t->size == 4 ? 5 : 6;
        at -= (uint64_t)number * t->size;
    }
    if (index != 16)
        at -= t->gpr[index] << scale;
    if (mod == 0 && base == 5) {
        /* No base: what is left is the displacement. */
        disp_len = 4;
        if (rm == 5 && !t->mode32)
            at -= INSN + (uint64_t)(e->at - t->bytes) + 4 + imm_len;
        if (!t->addr32 && !t->mode32 && (uint64_t)(int32_t)at != at)
            return false;
        emit32(e, at);
        return true;
    }
    base |= (rex & 1) << 3;
    if (base == index)
        return false;
    t->base = base;
    disp = disp_len == 1 ? (uint64_t)(int8_t)rnd() : disp_len == 4 ? (uint64_t)(int32_t)rnd64() : 0;
    emit(e, &disp, disp_len);
    if ((t->gen->flags & STACK) && base == 4) {
        /* The stack is then around there, too. */
        if (index != 16 || disp_len == 4 || t->addr32)
            return false;
        at -= t->gen->opcode[0] == 0x8f ? t->size : 0;
    }
    set_base(t, base, at - disp);
    return true;
}

static void set_string(struct trial *t)
{
    set_base(t, 6, pick_target(t));
    set_base(t, 7, one_in(4) ? t->gpr[6] + (uint64_t)rnd() % 64 - 32 : pick_target(t));
    set_base(t, 1, one_in(4) ? 0 : rnd() % 150);
}

/* What it is compared with, unless that is part of its address. */
static void set_equal(struct trial *t)
{
    const uint8_t *at = (const uint8_t *)t->target;
    unsigned int half = t->size == 8 ? 8 : 4;

    if (t->base == 0 || t->index == 0 || t->base == 2 || t->index == 2)
        return;
    if (t->gen->flags & PAIR) {
        memcpy(&t->gpr[0], at, half);
        memcpy(&t->gpr[2], at + half, half);
    } else {
        memcpy(&t->gpr[0], at, t->size);
    }
}

static bool make(struct trial *t)
{
    const struct gen *g = &gens[rnd() % AXVM_ARRAY_LEN(gens)];
    struct emitter e = { t->bytes };
    unsigned int imm_len;
    uint64_t imm = rnd64();
    uint8_t rex;

    t->gen = g;
    if (t->mode32 && (g->flags & ONLY64))
        return false;
    for (unsigned int i = 0; i < 16; i++)
        t->gpr[i] = t->mode32 ? (i < 8 ? (uint32_t)rnd64() : 0) : rnd64();
    t->gpr[4] = DATA + 8 * WORLD_PAGE + (rnd() & 0xfff);
    t->flags = RFLAGS_FIXED1 | (rnd() & 0x8d5) | ((g->flags & STRING) && one_in(2) ? RFLAGS_DF : 0);
    add_prefixes(t, &e, &rex);
    if (rex)
        emit8(&e, rex);
    if (g->flags & CC) {
        emit8(&e, g->opcode[0]);
        emit8(&e, g->opcode[1] | (rnd() & 15));
    } else {
        emit(&e, g->opcode, g->opcode_len);
    }
    t->target = pick_target(t);
    imm_len = (g->flags & IMM8) ? 1 : (g->flags & IMMZ) ? (t->size == 2 ? 2 : 4) : 0;
    if (g->flags & STRING) {
        set_string(t);
    } else if (g->flags & MOFFS) {
        emit(&e, &t->target, t->addr32 || t->mode32 ? 4 : 8);
    } else if (!add_modrm(t, &e, rex, imm_len)) {
        return false;
    }
    emit(&e, &imm, imm_len);
    t->len = (unsigned int)(e.at - t->bytes);
    return t->len <= 15;
}

/* ---- comparing ---- */

static void fill_memory(struct world *w)
{
    uint64_t *at = (uint64_t *)DATA;

    for (unsigned int i = 0; i < DATA_PAGES * WORLD_PAGE / 8; i++)
        at[i] = rnd64();
    memcpy(w->mem, at, DATA_PAGES * WORLD_PAGE);
    for (unsigned int i = 0; i < DATA_PAGES; i++)
        w->kind[i] = one_in(2) ? WORLD_BUS : WORLD_RAM;
    w->vm.as.gen++;
}

/* What the CPU says that it could not access: sometimes the operand, sometimes something else that it could not be. */
static uint64_t pick_gpa(struct world *w, const struct trial *t, bool *write)
{
    const uint64_t *gpr = w->vcpu.arch.gpr;
    uint64_t gpa = UINT64_C(0xfee00000) + rnd() % WORLD_PAGE;

    *write = false;
    if (!(t->gen->flags & (STRING | STACK)) && w->kind[(t->target - DATA) / WORLD_PAGE] == WORLD_BUS) {
        *write = (t->gen->flags & STORES) != 0;
        return t->target;
    }
    while (((gpa ^ t->target) & 0xfff) == 0 || ((gpa ^ gpr[6]) & 0xfff) == 0 || ((gpa ^ gpr[7]) & 0xfff) == 0)
        gpa = UINT64_C(0xfee00000) + rnd() % WORLD_PAGE;
    return gpa;
}

static void explain(const struct trial *t, const char *what)
{
    print_error("%s differs:", what);
    for (unsigned int i = 0; i < t->len; i++)
        print_error(" %02x", t->bytes[i]);
    print_error(" target %lx\n", (unsigned long)t->target);
}

/* False: the emulation leaves it to the CPU, as there are no devices in it. */
static bool run_emulated(struct world *w, const struct trial *t)
{
    uint64_t end = INSN + t->len;

    world_code(w, INSN, t->bytes, t->len);
    memcpy(w->vcpu.arch.gpr, t->gpr, sizeof(t->gpr));
    w->vcpu.arch.rflags = t->flags;
    for (unsigned int n = 0; w->vcpu.arch.rip != end; n++) {
        enum axvm_emul_result rc;
        bool write;
        uint64_t gpa = pick_gpa(w, t, &write);

        assert_true(n < 400);
        rc = world_mmio(w, gpa, write);
        if (rc == AXVM_EMUL_RETRY)
            return false;
        if (rc != AXVM_EMUL_DONE) {
            explain(t, "result");
            fail_msg("%d, vector %u", rc, w->vcpu.arch.emul.fault.vector);
        }
        /* Part of a string: what the next one meets may be RAM only, for the CPU. Make it devices to go on. */
        if (w->vcpu.arch.rip != end) {
            memset(w->kind, WORLD_BUS, DATA_PAGES);
            w->vm.as.gen++;
        }
    }
    return true;
}

static uint64_t defined_flags(const struct trial *t)
{
    const struct gen *g = t->gen;
    uint64_t mask = 0x8d5 | RFLAGS_DF;

    if (g->flags & (ROTATE | SHIFT))
        mask &= ~RFLAGS_OF;
    if (g->flags & SHIFT)
        mask &= ~(RFLAGS_AF | (t->size < 4 ? RFLAGS_CF : 0));
    if (g->flags & MULTIPLY)
        mask = RFLAGS_CF | RFLAGS_OF | RFLAGS_DF;

    if (g->flags & BITFLAGS)
        mask &= ~(RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF);
    return mask & ~((g->flags & LOGIC) ? RFLAGS_AF : 0);
}

static void compare(struct world *w, const struct trial *t)
{
    uint64_t flags = (w->vcpu.arch.rflags ^ native->out_flags) & defined_flags(t);

    for (unsigned int i = 0; i < (t->mode32 ? 8u : 16u); i++) {
        if (w->vcpu.arch.gpr[i] != native->out_gpr[i]) {
            explain(t, "register");
            print_error("%u: %lx here, %lx emulated\n", i, (unsigned long)native->out_gpr[i],
                        (unsigned long)w->vcpu.arch.gpr[i]);
            fail();
        }
    }
    if (flags) {
        explain(t, "flags");
        fail_msg("%lx here, %lx emulated", (unsigned long)native->out_flags, (unsigned long)w->vcpu.arch.rflags);
    }
    if (memcmp(w->mem, (void *)DATA, DATA_PAGES * WORLD_PAGE) != 0) {
        explain(t, "memory");
        fail();
    }
    if (memcmp(w->xmm, native->out_xmm, t->mode32 ? sizeof(w->xmm) / 2 : sizeof(w->xmm)) != 0) {
        explain(t, "xmm");
        fail();
    }
}

static void map_at(uint64_t addr, size_t len)
{
    void *at =
        mmap((void *)addr, len, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    assert_ptr_equal(at, (void *)addr);
}

static struct world *begin(void)
{
    struct world *w = world_new(DATA);

    map_at(DATA, 64 * WORLD_PAGE);
    map_at(STATE, WORLD_PAGE);
    fill_memory(w);
    return w;
}

static void end(struct world *w)
{
    munmap((void *)DATA, 64 * WORLD_PAGE);
    munmap((void *)STATE, WORLD_PAGE);
    world_free(w);
}

static bool has_movbe(void)
{
    uint32_t a = 1, c = 0;

    __asm__("cpuid" : "+a"(a), "+c"(c) : : "ebx", "edx");
    return (c & AXVM_BIT(22)) != 0;
}

/* False: nothing to compare. */
static bool try_one(struct world *w, bool mode32)
{
    struct trial t = { .mode32 = mode32 };

    if (!make(&t) || ((t.gen->flags & X86_MOVBE) && !has_movbe()))
        return false;
    if ((t.gen->flags & COMPARE) && one_in(2))
        set_equal(&t);
    for (unsigned int i = 0; i < 32; i++)
        native->xmm[i / 2][i & 1] = w->xmm[i / 2][i & 1] = rnd64();
    if (!run_emulated(w, &t)) {
        memcpy(w->mem, (void *)DATA, DATA_PAGES * WORLD_PAGE);
        return false;
    }
    memcpy(native->gpr, t.gpr, sizeof(t.gpr));
    native->flags = t.flags;
    run_native(t.bytes, t.len, mode32);
    compare(w, &t);
    return true;
}

static void a_random_instruction_has_the_same_effect_as_on_this_cpu(void **state)
{
    struct world *w = begin();
    unsigned int done = 0;

    (void)state;
    make_frame();
    for (unsigned int n = 0; n < ROUNDS; n++) {
        if (n % 64 == 0)
            fill_memory(w);
        done += try_one(w, false);
    }
    assert_true(done > ROUNDS / 4);
    end(w);
}

static void and_in_32_bit_mode(void **state)
{
    struct world *w = begin();
    unsigned int done = 0;

    (void)state;
    make_frame32();
    if (!has_32bit_mode()) {
        end(w);
        skip();
    }
    w->env.mode = AXVM_X86_MODE32;
    w->env.seg[AXVM_X86_CS].attr = 0xc9b;
    for (unsigned int n = 0; n < ROUNDS / 2; n++) {
        if (n % 64 == 0)
            fill_memory(w);
        done += try_one(w, true);
    }
    assert_true(done > ROUNDS / 8);
    end(w);
}

#else
static void a_random_instruction_has_the_same_effect_as_on_this_cpu(void **state)
{
    (void)state;
    skip();
}

static void and_in_32_bit_mode(void **state)
{
    (void)state;
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_instruction_has_the_same_effect_as_on_this_cpu),
        cmocka_unit_test(and_in_32_bit_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
