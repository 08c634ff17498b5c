/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target over files, for compilers without libFuzzer: driver FILE|DIRECTORY... Each file is tried as it is, cut
 * short, and with some thousand changes, always the same.
 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz.h"

#define ROUNDS 3000
#define INPUT_SIZE (64u << 10)

static uint64_t random_state;

static uint32_t next_random(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33);
}

/* In memory of exactly this size, so that ASan sees a read past it. */
static void run_exact(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);

    FUZZ_CHECK(copy != NULL);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_changed(uint8_t *data, size_t size)
{
    static const uint8_t nasty[] = { 0, 1, 2, 3, 4, 9, 0x7f, 0x80, 0xff };

    for (unsigned int changes = next_random() % 5; size != 0 && changes != 0; changes--)
        data[next_random() % size] = next_random() % 3 != 0 ? nasty[next_random() % sizeof(nasty)] : (uint8_t)next_random();
    run_exact(data, size);
}

static int run_file(const char *path)
{
    static uint8_t input[INPUT_SIZE], changed[INPUT_SIZE];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL) {
        perror(path);
        return 1;
    }
    size = fread(input, 1, sizeof(input), file);
    fclose(file);
    random_state = size;
    run_exact(input, size);
    for (size_t cut = 0; cut < size; cut += 1 + size / 500)
        run_exact(input, cut);
    for (unsigned int round = 0; round < ROUNDS; round++) {
        memcpy(changed, input, size);
        run_changed(changed, size);
    }
    printf("%s: ok\n", path);
    return 0;
}

static int run_directory(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int failed = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char name[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        failed |= run_file(name);
    }
    if (dir == NULL)
        perror(path);
    else
        closedir(dir);
    return failed | (dir == NULL);
}

int main(int argc, char **argv)
{
    int failed = argc < 2;

    for (int i = 1; i < argc; i++) {
        struct stat st;

        failed |= stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? run_directory(argv[i]) : run_file(argv[i]);
    }
    return failed;
}
