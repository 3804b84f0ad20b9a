/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/mac.h"

#include "common/hash.h"
#include "common/mem.h"

#include <stdint.h>
#include <string.h>

#define TOKEN_MAX_BYTES 128

static const char BEFORE[] = ",\"mac\":\"";
static const char BEHIND[] = "\"}";

/* What stands between the object's last member and the end of the text. */
#define TAIL_LEN (sizeof(BEFORE) - 1 + HASH_HEX_SIZE - 1 + sizeof(BEHIND) - 1)

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Bytes in the token, 0 when it is none. */
static size_t token_decode(uint8_t key[TOKEN_MAX_BYTES], const char *hex)
{
    size_t len = hex ? strlen(hex) : 0;

    if (len % 2 != 0 || len / 2 > TOKEN_MAX_BYTES)
        return 0;
    for (size_t i = 0; i < len / 2; i++) {
        int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return 0;
        key[i] = (uint8_t)(high << 4 | low);
    }
    return len / 2;
}

char *mac_print(const cJSON *obj, const char *token_hex)
{
    AUTO_FREE char *plain = json_print(obj);
    size_t len = strlen(plain);
    uint8_t key[TOKEN_MAX_BYTES];
    size_t key_len = token_decode(key, token_hex);
    char hex[HASH_HEX_SIZE];

    if (key_len == 0)
        return TAKE(plain);
    hash_hmac(hex, key, key_len, plain, len);
    return xasprintf("%.*s%s%s%s", (int)len - 1, plain, BEFORE, hex, BEHIND);
}

bool mac_is_right(const char *text, size_t len, const char *token_hex)
{
    uint8_t key[TOKEN_MAX_BYTES];
    size_t key_len = token_decode(key, token_hex);
    AUTO_FREE char *plain = NULL;
    char want[HASH_HEX_SIZE], got[HASH_HEX_SIZE];
    size_t head;

    if (key_len == 0 || len <= TAIL_LEN)
        return false;
    head = len - TAIL_LEN;
    if (memcmp(text + head, BEFORE, sizeof(BEFORE) - 1) != 0 ||
        memcmp(text + len - (sizeof(BEHIND) - 1), BEHIND, sizeof(BEHIND) - 1) != 0)
        return false;
    memcpy(got, text + head + sizeof(BEFORE) - 1, HASH_HEX_SIZE - 1);
    got[HASH_HEX_SIZE - 1] = '\0';
    plain = xstrndup(text, head + 1);
    plain[head] = '}';
    hash_hmac(want, key, key_len, plain, head + 1);
    return hash_equal(want, got);
}
