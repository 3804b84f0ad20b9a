/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs every file of the given folders through a fuzzer once, for compilers without libFuzzer.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define MAX_BYTES (4u << 20)

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data, *exact;
    size_t size;

    if (!file) {
        perror(path);
        return -1;
    }
    data = malloc(MAX_BYTES);
    size = data ? fread(data, 1, MAX_BYTES, file) : 0;
    (void)fclose(file);
    exact = realloc(data, size ? size : 1); /* the sanitizer watches the byte behind */
    if (!exact)
        abort();
    (void)printf("%s\n", path); /* the last one names the culprit */
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

static int run_folder(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int count = 0;

    if (!dir) {
        perror(path);
        return -1;
    }
    while ((entry = readdir(dir))) {
        char file[4096];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (run_file(file) < 0)
            break;
        count++;
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int count = run_folder(argv[i]);

        if (count <= 0) {
            (void)fprintf(stderr, "%s: no corpus\n", argv[i]);
            return 1;
        }
        (void)printf("%s: %d inputs\n", argv[i], count);
    }
    return argc > 1 ? 0 : 1;
}
