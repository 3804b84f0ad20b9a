/* SPDX-License-Identifier: Apache-2.0 */
#include "common/ranges.h"

#include "common/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define INDEX_CHARS 11 /* ten digits and what stands behind them */

struct range {
    uint32_t first, last;
};

/* A decimal number below n; moves *text behind it. */
static bool parse_index(uint32_t *out, const char **text, uint32_t n)
{
    uint64_t value = 0;
    const char *p = *text;

    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (uint64_t)(*p - '0');
        if (value >= n)
            return false;
    }
    if (p == *text)
        return false;
    *out = (uint32_t)value;
    *text = p;
    return true;
}

/* One range and the comma behind it; ascending from `least`. */
static bool parse_range(struct range *out, const char **text, uint32_t least, uint32_t n)
{
    if (!parse_index(&out->first, text, n))
        return false;
    out->last = out->first;
    if (**text == '-') {
        (*text)++;
        if (!parse_index(&out->last, text, n))
            return false;
    }
    if (out->first < least || out->last < out->first)
        return false;
    if (**text == ',') {
        (*text)++;
        return **text != '\0';
    }
    return **text == '\0';
}

/* set may be NULL: only checks. */
static bool parse_all(uint8_t *set, uint32_t n, const char *text)
{
    uint32_t least = 0;

    while (*text) {
        struct range range;

        if (!parse_range(&range, &text, least, n))
            return false;
        if (set)
            memset(set + range.first, 1, range.last - range.first + 1);
        least = range.last + 1;
    }
    return true;
}

static uint32_t run_end(const uint8_t *set, uint32_t n, uint32_t first)
{
    uint32_t end = first + 1;

    while (end < n && set[end])
        end++;
    return end;
}

/* Two neighbours are "1,2", as Kubernetes writes them. */
static char *put_range(char *out, struct range range, bool comma)
{
    if (comma)
        *out++ = ',';
    out += snprintf(out, INDEX_CHARS, "%u", range.first);
    if (range.last == range.first)
        return out;
    *out++ = range.last == range.first + 1 ? ',' : '-';
    return out + snprintf(out, INDEX_CHARS, "%u", range.last);
}

char *ranges_format(const uint8_t *set, uint32_t n)
{
    size_t runs = 0;
    char *text, *end;

    for (uint32_t i = 0; i < n; i++) {
        if (set[i]) {
            runs++;
            i = run_end(set, n, i) - 1;
        }
    }
    text = end = xcalloc(runs * 2 + 1, INDEX_CHARS);
    for (uint32_t i = 0; i < n; i++) {
        if (set[i]) {
            struct range range = { i, run_end(set, n, i) - 1 };

            end = put_range(end, range, end != text);
            i = range.last;
        }
    }
    return text;
}

int ranges_parse(uint8_t *set, uint32_t n, const char *text, struct err *err)
{
    if (!parse_all(NULL, n, text))
        return err_set(err, ERR_CONFIG, "'%.80s' is not ascending ranges like 1,3-5,7 below %u",
                       text, n);
    (void)parse_all(set, n, text);
    return 0;
}

uint32_t ranges_count(const uint8_t *set, uint32_t n)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < n; i++)
        count += set[i] != 0;
    return count;
}
