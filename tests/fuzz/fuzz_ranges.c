/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "common/auto.h"
#include "common/mem.h"
#include "common/ranges.h"

#include <string.h>

#define N 300

/* The first byte says how large the set is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t set[N] = { 0 }, back[N] = { 0 };
    uint32_t n = size ? data[0] : 0;
    AUTO_FREE char *text = size ? xstrndup((const char *)data + 1, size - 1) : xstrdup("");
    AUTO_FREE char *again = NULL;
    struct err err = { 0 };

    if (ranges_parse(set, n, text, &err) < 0) {
        FUZZ_CHECK(err.code == ERR_CONFIG && ranges_count(set, N) == 0);
        return 0;
    }
    FUZZ_CHECK(ranges_count(set, n) == ranges_count(set, N));
    again = ranges_format(set, n);
    FUZZ_CHECK(ranges_parse(back, n, again, &err) == 0);
    FUZZ_CHECK(memcmp(set, back, N) == 0);
    return 0;
}
