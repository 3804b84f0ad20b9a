/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"

#include <stdbool.h>

size_t utf8_bytes(const char *text)
{
    /* What the second byte may be depends on the first: table 3-7 of the Unicode standard. */
    static const struct {
        unsigned char first, last, low, high;
        size_t bytes;
    } rows[] = {
        { 0x00, 0x7f, 0x00, 0xff, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    const unsigned char *s = (const unsigned char *)text;
    size_t i = 0, n = sizeof(rows) / sizeof(rows[0]);

    while (i < n && (s[0] < rows[i].first || s[0] > rows[i].last))
        i++;
    if (i == n)
        return 0;
    if (rows[i].bytes > 1 && (s[1] < rows[i].low || s[1] > rows[i].high))
        return 0;
    for (size_t at = 2; at < rows[i].bytes; at++)
        if ((s[at] & 0xc0) != 0x80)
            return 0;
    return rows[i].bytes;
}

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t utf8_whole(const char *text, size_t len)
{
    size_t lead = len, want;

    while (lead > 0 && len - lead < 3 && is_tail(text[lead - 1]))
        lead--;
    if (lead == 0 || (unsigned char)text[lead - 1] < 0xc0)
        return len;
    want = (unsigned char)text[lead - 1] >= 0xf0   ? 4
           : (unsigned char)text[lead - 1] >= 0xe0 ? 3
                                                   : 2;
    return len - (lead - 1) < want ? lead - 1 : len;
}
