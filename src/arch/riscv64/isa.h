/* SPDX-License-Identifier: BSD-2-Clause */
/* Which extensions guests are told of. Plain logic: unit-tested natively. */
#ifndef AXVM_RISCV64_ISA_H
#define AXVM_RISCV64_ISA_H

#include <stdbool.h>
#include <stddef.h>

/* What is there for guests of what has state: by looking at the CPU, as strings may be wrong. */
struct axvm_isa_policy {
    bool sstc, fp, vector, svadu;
};

/*
 * From the host's "riscv,isa" to a guest's, with those extensions that need nothing of the host or are switched with the vCPU. False:
 * it is not rv64 with i, m, a, or does not fit.
 * Who may have A and D bits of its tables set by the CPU is told of both svade and svadu, and starts without: Linux,
 * Documentation/devicetree/bindings/riscv/extensions.yaml.
 */
bool axvm_isa_for_guest(const char *host, const struct axvm_isa_policy *policy, char *out, size_t size);

/* Has it vectors, if only some instructions of them (Zve32x and so on)? */
bool axvm_isa_has_vector(const char *isa);

/* The extensions of an ISA string one by one, as "riscv,isa-extensions" lists them: the next one in *name, of up to @size bytes with
 * the NUL; returns where to go on, NULL at the end. */
const char *axvm_isa_next(const char *isa, char *name, size_t size);

/* Add extension @name at the end. False: it does not fit. */
bool axvm_isa_add(char *isa, size_t size, const char *name);

/* Is @name among the extensions of @isa? */
bool axvm_isa_has(const char *isa, const char *name);

#endif
