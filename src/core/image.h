/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in a kernel image: which bytes go where in guest-physical memory. Nothing is copied here. */
#ifndef AXVM_CORE_IMAGE_H
#define AXVM_CORE_IMAGE_H

#include <axvm/config.h>

#define AXVM_IMAGE_MAX_SEGMENTS 32

/* [gpa, gpa + len) does not wrap, len is not 0, data_len <= len. */
struct axvm_segment {
    uint64_t gpa;
    uint64_t len; /* of guest memory it needs; past data_len either zeroed or the guest's own affair */
    const uint8_t *data;
    uint64_t data_len;
};

struct axvm_image {
    enum axvm_image_kind kind; /* never AUTO */
    bool zero_tail;            /* [data_len, len) of each segment has to be zero */
    uint32_t count;
    uint64_t entry;
    uint64_t below;    /* initrd, modules and boot data end at or below this; 0: no limit */
    uint64_t notes[6]; /* what the backend's parser wants to know again when it makes the boot data */
    struct axvm_segment segments[AXVM_IMAGE_MAX_SEGMENTS]; /* in file order; none overlap */
};

/*
 * Look at the kernel of @cfg. Its bytes are not trusted.
 * @param ram_base  where the VM's RAM begins
 * @param why       on failure a line for the log
 * @retval AXVM_ERR_FORMAT, AXVM_ERR_INVAL (cfg->load does not suit the image), AXVM_ERR_RANGE (an address wraps)
 */
int axvm_image_parse(const struct axvm_image_config *cfg, uint64_t ram_base, struct axvm_image *img, const char **why);

/* One kind each; called by axvm_image_parse(). */
bool axvm_image_is_linux(const struct axvm_blob *file);
int axvm_image_parse_linux(const struct axvm_image_config *cfg, uint64_t ram_base, struct axvm_image *img, const char **why);
bool axvm_image_is_elf(const struct axvm_blob *file);
int axvm_image_parse_elf(const struct axvm_image_config *cfg, struct axvm_image *img, const char **why);
/* For backends that look for notes: the next program header of @type from *@index on (0 at first), and what of the file it is about.
 * False: no more, or not an ELF file of this machine. */
bool axvm_image_elf_header(const struct axvm_blob *file, uint32_t type, uint16_t *index, struct axvm_blob *content);
/* Of an ELF file that has been parsed: are its addresses of 64 bits? */
bool axvm_image_elf_is_wide(const struct axvm_blob *file);

/* For the parsers: put @msg in *@why and return @err. */
static inline int axvm_image_bad(const char **why, int err, const char *msg)
{
    *why = msg;
    return err;
}

#endif
