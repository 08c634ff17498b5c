/* SPDX-License-Identifier: BSD-2-Clause */
/* "ISA Extension Naming Conventions": rv64, single letters, then names of several letters, underscores between them. */
#include "isa.h"

#include "bits.h"
#include "str.h"

/* Beside these: i m a f d c v, zv*, and sstc and svadu when they are the guest's to use. Not h; nothing of the AIA. */
static const char *const allowed[] = {
    "zicsr",    "zifencei", "zicntr",  "zihintpause", "zihintntl", "zicond", "zawrs", "zacas",  "zabha",   "zaamo",
    "zalrsc",   "zba",      "zbb",     "zbc",         "zbs",       "zbkb",   "zbkc",  "zbkx",   "zknd",    "zkne",
    "zknh",     "zksed",    "zksh",    "zkt",         "zca",       "zcb",    "zcd",   "zfa",    "zfh",     "zfhmin",
    "zfbfmin",  "ztso",     "zmmul",   "svinval",     "svnapot",   "zimop",  "zcmop", "zicbop", "zama16b", "zic64b",
    "ziccamoa", "ziccif",   "zicclsm", "ziccrse",     "za64rs",    "svade",
};

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

const char *axvm_isa_next(const char *isa, char *name, size_t size)
{
    size_t n = 0;

    if (axvm_str_starts(isa, "rv64"))
        isa += 4;
    while (*isa == '_')
        isa++;
    if (*isa == '\0' || size < 2)
        return NULL;
    /* A single letter stands alone, unless it begins a longer name. */
    if (*isa != 'z' && *isa != 's' && *isa != 'x') {
        name[0] = *isa;
        name[1] = '\0';
        return isa + 1;
    }
    while (*isa != '\0' && *isa != '_') {
        if (n < size - 1)
            name[n++] = *isa;
        isa++;
    }
    name[n] = '\0';
    return isa;
}

bool axvm_isa_has_vector(const char *isa)
{
    char ext[32];

    while ((isa = axvm_isa_next(isa, ext, sizeof(ext))) != NULL) {
        if (axvm_streq(ext, "v") || axvm_str_starts(ext, "zve"))
            return true;
    }
    return false;
}

bool axvm_isa_has(const char *isa, const char *name)
{
    char ext[32];

    while ((isa = axvm_isa_next(isa, ext, sizeof(ext))) != NULL) {
        if (axvm_streq(ext, name))
            return true;
    }
    return false;
}

bool axvm_isa_add(char *isa, size_t size, const char *name)
{
    size_t len = axvm_strlen(isa);

    if (len + 1 + axvm_strlen(name) >= size)
        return false;
    axvm_put_str(axvm_put_str(isa + len, "_"), name);
    return true;
}

static bool is_letter_allowed(char letter, const struct axvm_isa_policy *policy)
{
    switch (letter) {
    case 'i':
    case 'm':
    case 'a':
    case 'c':
        return true;
    case 'f':
    case 'd':
        return policy->fp;
    case 'v':
        return policy->vector && policy->fp;
    }
    return false;
}

static bool is_allowed(const char *ext, const struct axvm_isa_policy *policy)
{
    if (ext[1] == '\0')
        return is_letter_allowed(*ext, policy);
    if (axvm_streq(ext, "sstc"))
        return policy->sstc;
    if (axvm_streq(ext, "svadu"))
        return policy->svadu;
    /* Zve*, Zvl*b, Zvfh, vector cryptography: all their state is that of V. */
    if (axvm_str_starts(ext, "zv"))
        return policy->vector && policy->fp;
    if (!policy->fp && axvm_str_starts(ext, "zf") && !axvm_streq(ext, "zifencei"))
        return false;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(allowed); i++) {
        if (axvm_streq(ext, allowed[i]))
            return true;
    }
    return false;
}

static bool ensure(char *isa, size_t size, const char *name)
{
    return axvm_isa_has(isa, name) || axvm_isa_add(isa, size, name);
}

/* "henvcfg": a CPU with Svadu behaves as one with Svade while the guest has not asked for the other, and if it cannot. */
static bool add_page_table_bits(const char *host, const struct axvm_isa_policy *policy, char *out, size_t size)
{
    if ((policy->svadu || axvm_isa_has(host, "svadu")) && !ensure(out, size, "svade"))
        return false;
    return !policy->svadu || ensure(out, size, "svadu");
}

bool axvm_isa_for_guest(const char *host, const struct axvm_isa_policy *policy, char *out, size_t size)
{
    char ext[32], *p = out;
    const char *left = host;
    bool after_long = false;

    if (!axvm_str_starts(host, "rv64") || size < 8 || !is_letter(host[4]))
        return false;
    p = axvm_put_str(p, "rv64");
    while ((left = axvm_isa_next(left, ext, sizeof(ext))) != NULL) {
        bool is_long = ext[1] != '\0';

        if (!is_allowed(ext, policy))
            continue;
        if ((size_t)(p - out) + axvm_strlen(ext) + 2 > size)
            return false;
        if (is_long || after_long)
            p = axvm_put_str(p, "_");
        p = axvm_put_str(p, ext);
        after_long = is_long;
    }
    return axvm_isa_has(out, "i") && axvm_isa_has(out, "m") && axvm_isa_has(out, "a") &&
           add_page_table_bits(host, policy, out, size);
}
