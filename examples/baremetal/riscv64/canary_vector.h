/* SPDX-License-Identifier: BSD-2-Clause */
/* The canary's part for vectors; nothing happens on CPUs that have none. */
#ifndef CANARY_VECTOR_H
#define CANARY_VECTOR_H

void canary_vector_put(void);
/* What is not as it was put, or NULL. It is put there again. */
const char *canary_vector_changed(void);

#endif
