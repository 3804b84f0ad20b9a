/* SPDX-License-Identifier: Apache-2.0 */
#include "common/s3_sum.h"

#include "common/hash.h"

#include <stdio.h>
#include <string.h>

#define HASH_BYTES 32

static void to_base64(char out[S3_SUM_SIZE], const unsigned char *data, size_t len)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;

    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)data[i] << 16;

        three |= i + 1 < len ? (uint32_t)data[i + 1] << 8 : 0;
        three |= i + 2 < len ? data[i + 2] : 0;
        out[n++] = letters[three >> 18];
        out[n++] = letters[three >> 12 & 63];
        out[n++] = (char)(i + 1 < len ? letters[three >> 6 & 63] : '=');
        out[n++] = (char)(i + 2 < len ? letters[three & 63] : '=');
    }
    out[n] = '\0';
}

void s3_sum_crc32(char out[S3_SUM_SIZE], const void *data, size_t len)
{
    uint32_t crc = hash_crc32(0, data, len);
    unsigned char bytes[4] = { (unsigned char)(crc >> 24), (unsigned char)(crc >> 16),
                               (unsigned char)(crc >> 8), (unsigned char)crc };

    to_base64(out, bytes, sizeof(bytes));
}

void s3_sum_sha256(char out[S3_SUM_SIZE], const void *data, size_t len)
{
    char hex[HASH_HEX_SIZE];
    unsigned char bytes[HASH_BYTES];

    hash_hex(hex, data, len);
    for (size_t i = 0; i < HASH_BYTES; i++) {
        unsigned byte;

        (void)sscanf(hex + 2 * i, "%2x", &byte);
        bytes[i] = (unsigned char)byte;
    }
    to_base64(out, bytes, sizeof(bytes));
}

bool s3_sum_holds(const struct http_response *response)
{
    static const struct {
        const char *header;
        void (*sum)(char out[S3_SUM_SIZE], const void *data, size_t len);
    } known[] = {
        { "x-amz-checksum-crc32", s3_sum_crc32 },
        { "x-amz-checksum-sha256", s3_sum_sha256 },
    };
    char told[128], ours[S3_SUM_SIZE];

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!http_header_find(response, known[i].header, told, sizeof(told)) || strchr(told, '-'))
            continue;
        known[i].sum(ours, response->body.data ? response->body.data : "", response->body.len);
        return strcmp(told, ours) == 0;
    }
    return true;
}
