/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hash.h"

#include "common/mem.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SHA256_BYTES 32
#define CRC_POLY     0xedb88320u /* reflected */
#define CRC32C_POLY  0x82f63b78u /* reflected */
#define CRC_STEP     8

struct hash {
    EVP_MD_CTX *ctx; /* owned */
};

/* [k][b]: what byte b does to the sum when k bytes follow it. Filled once, then only read. */
typedef uint32_t crc_tables[CRC_STEP][256];
static crc_tables crc_table, crc32c_table;
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

/* OpenSSL fails here only without memory or with a broken provider: nothing can go on. */
static void must(bool ok)
{
    if (!ok)
        mem_abort();
}

static void to_hex(char hex[HASH_HEX_SIZE], const unsigned char digest[SHA256_BYTES])
{
    static const char letters[] = "0123456789abcdef";

    for (size_t i = 0; i < SHA256_BYTES; i++) {
        hex[2 * i] = letters[digest[i] >> 4];
        hex[2 * i + 1] = letters[digest[i] & 15];
    }
    hex[HASH_HEX_SIZE - 1] = '\0';
}

static void fill(crc_tables table, uint32_t poly)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ poly : crc >> 1;
        table[0][byte] = crc;
    }
    for (int k = 1; k < CRC_STEP; k++) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = table[k - 1][byte];

            table[k][byte] = (before >> 8) ^ table[0][before & 255];
        }
    }
}

static void crc_fill(void)
{
    fill(crc_table, CRC_POLY);
    fill(crc32c_table, CRC32C_POLY);
}

static uint32_t load_le32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

struct hash *hash_new(void)
{
    struct hash *hash = xcalloc(1, sizeof(*hash));

    hash->ctx = EVP_MD_CTX_new();
    must(hash->ctx && EVP_DigestInit_ex(hash->ctx, EVP_sha256(), NULL) == 1);
    return hash;
}

void hash_free(struct hash *hash)
{
    if (!hash)
        return;
    EVP_MD_CTX_free(hash->ctx);
    free(hash);
}

void hash_update(struct hash *hash, const void *data, size_t len)
{
    must(EVP_DigestUpdate(hash->ctx, data, len) == 1);
}

void hash_final(struct hash *hash, char hex[HASH_HEX_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    must(EVP_DigestFinal_ex(hash->ctx, digest, NULL) == 1);
    to_hex(hex, digest);
}

void hash_hex(char hex[HASH_HEX_SIZE], const void *data, size_t len)
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    must(EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) == 1);
    to_hex(hex, digest);
}

void hash_hmac(char hex[HASH_HEX_SIZE], const void *key, size_t key_len, const void *data,
               size_t len)
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    must(key_len <= INT32_MAX);
    must(HMAC(EVP_sha256(), key, (int)key_len, data, len, digest, NULL) != NULL);
    to_hex(hex, digest);
}

bool hash_equal(const char *a, const char *b)
{
    size_t len = strlen(a);

    return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}

static uint32_t crc_by_table(const crc_tables table, uint32_t crc, const unsigned char *p,
                             size_t len)
{
    for (; len >= CRC_STEP; p += CRC_STEP, len -= CRC_STEP) {
        uint32_t low = load_le32(p) ^ crc, high = load_le32(p + 4);

        crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
              table[4][low >> 24] ^ table[3][high & 255] ^ table[2][high >> 8 & 255] ^
              table[1][high >> 16 & 255] ^ table[0][high >> 24];
    }
    for (; len; p++, len--)
        crc = (crc >> 8) ^ table[0][(crc ^ *p) & 255];
    return crc;
}

uint32_t hash_crc32(uint32_t crc, const void *data, size_t len)
{
    (void)pthread_once(&crc_once, crc_fill);
    return ~crc_by_table(crc_table, ~crc, data, len);
}

#if defined(__x86_64__)
#define LANE 4096 /* bytes; three sums at a time, as each waits for its own last step */

/* [k][b]: what the sum b << 8k becomes when LANE zeros follow. Filled once, then only read. */
static uint32_t lane_table[4][256];
static pthread_once_t lane_once = PTHREAD_ONCE_INIT;

static uint64_t load_u64(const unsigned char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_one(uint32_t crc, const unsigned char *p,
                                                             size_t len)
{
    uint64_t sum = crc;

    for (; len >= sizeof(uint64_t); p += sizeof(uint64_t), len -= sizeof(uint64_t))
        sum = __builtin_ia32_crc32di(sum, load_u64(p));
    crc = (uint32_t)sum;
    for (; len; p++, len--)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}

static void lane_fill(void)
{
    static const unsigned char zeros[LANE];

    for (uint32_t bit = 0; bit < 32; bit++) {
        uint32_t *table = lane_table[bit / 8], low = 1u << bit % 8;
        uint32_t after = crc32c_one(1u << bit, zeros, LANE);

        for (uint32_t byte = low; byte < 2 * low; byte++)
            table[byte] = table[byte - low] ^ after;
    }
}

static uint32_t skip_lane(uint32_t crc)
{
    return lane_table[0][crc & 255] ^ lane_table[1][crc >> 8 & 255] ^
           lane_table[2][crc >> 16 & 255] ^ lane_table[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_three(uint32_t crc, const unsigned char *p)
{
    uint64_t a = crc, b = 0, c = 0;

    for (const unsigned char *end = p + LANE; p < end; p += sizeof(uint64_t)) {
        a = __builtin_ia32_crc32di(a, load_u64(p));
        b = __builtin_ia32_crc32di(b, load_u64(p + LANE));
        c = __builtin_ia32_crc32di(c, load_u64(p + 2 * (size_t)LANE));
    }
    return skip_lane(skip_lane((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
}

static uint32_t crc32c_by_cpu(uint32_t crc, const unsigned char *p, size_t len)
{
    const size_t step = 3 * (size_t)LANE;

    if (len >= step)
        (void)pthread_once(&lane_once, lane_fill);
    for (; len >= step; p += step, len -= step)
        crc = crc32c_three(crc, p);
    return crc32c_one(crc, p, len);
}
#endif

uint32_t hash_crc32c(uint32_t crc, const void *data, size_t len)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_by_cpu(~crc, data, len);
#endif
    (void)pthread_once(&crc_once, crc_fill);
    return ~crc_by_table(crc32c_table, ~crc, data, len);
}

void hash_random(void *out, size_t len)
{
    unsigned char *p = out;

    while (len) {
        ssize_t n = getrandom(p, len, 0);

        must(n > 0 || (n < 0 && errno == EINTR));
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}
