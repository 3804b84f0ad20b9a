/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* What a fuzzer defines; libFuzzer or standalone.c calls it. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that input broke. */
#define FUZZ_CHECK(truth)                                                                          \
    do {                                                                                           \
        if (!(truth))                                                                              \
            abort();                                                                               \
    } while (0)
#endif
