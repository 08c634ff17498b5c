/* SPDX-License-Identifier: BSD-2-Clause */
/* The only code of this host that touches V registers. Instructions by number, as assemblers differ in whether they know V. */

/*
 * void canary_vector_load<n>(const void *from), canary_vector_store<n>(void *to): eight whole registers from v<n> on; vstart is 0.
 * "Vector Load/Store Whole Register Instructions".
 */
    .macro whole first
    .global canary_vector_load\first
canary_vector_load\first:
    .4byte 0xe2850007 | \first << 7
    ret
    .global canary_vector_store\first
canary_vector_store\first:
    .4byte 0xe2850027 | \first << 7
    ret
    .endm

    .text
    whole 0
    whole 8
    whole 16
    whole 24

/* void canary_vector_config(uint64_t vl, uint64_t vtype): vsetvl x0, a0, a1 */
    .global canary_vector_config
canary_vector_config:
    .4byte 0x80b57057
    ret
    .section .note.GNU-stack, "", @progbits
