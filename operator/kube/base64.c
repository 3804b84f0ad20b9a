/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/base64.h"

#include "common/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The bits that are left over must be zero, and '=' must fill the last four exactly. */
char *base64_decode(const char *text, size_t *len)
{
    char *out = xmalloc(strlen(text) / 4 * 3 + 4);
    size_t made = 0, chars = 0, fill = 0;
    uint32_t bits = 0;

    for (; *text; text++) {
        const char *letter = strchr(letters, *text);

        if (*text == '\n' || *text == '\r')
            continue;
        if (*text == '=' ? ++fill > 2 : !letter || fill)
            break;
        bits = bits << 6 | (uint32_t)(*text == '=' ? 0 : letter - letters);
        if (++chars % 4 == 0) {
            out[made++] = (char)(bits >> 16);
            out[made++] = (char)(bits >> 8);
            out[made++] = (char)bits;
        }
    }
    if (*text || chars % 4 || (fill && out[made - 1]) || (fill == 2 && out[made - 2])) {
        explicit_bzero(out, made);
        free(out);
        return NULL;
    }
    *len = made - fill;
    out[*len] = '\0';
    return out;
}

char *base64_encode(const void *data, size_t len)
{
    const unsigned char *in = data;
    char *out = xmalloc((len + 2) / 3 * 4 + 1), *at = out;

    for (size_t i = 0; i < len; i += 3) {
        uint32_t bits = (uint32_t)in[i] << 16;

        if (i + 1 < len)
            bits |= (uint32_t)in[i + 1] << 8;
        if (i + 2 < len)
            bits |= in[i + 2];
        *at++ = letters[bits >> 18];
        *at++ = letters[bits >> 12 & 63];
        *at++ = i + 1 < len ? letters[bits >> 6 & 63] : '=';
        *at++ = i + 2 < len ? letters[bits & 63] : '=';
    }
    *at = '\0';
    return out;
}
