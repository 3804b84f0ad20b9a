/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.h - SHA-256 and HMAC-SHA256 (OpenSSL) as lower-case hex; CRC-32 (zlib's polynomial), CRC-32C
 * (Castagnoli's, for large files: fast where the CPU has it).
 */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_HEX_SIZE 65

struct hash; /* a running SHA-256 */

struct hash *hash_new(void); /* aborts without memory */
void hash_free(struct hash *hash);
void hash_update(struct hash *hash, const void *data, size_t len);
void hash_final(struct hash *hash, char hex[HASH_HEX_SIZE]);

void hash_hex(char hex[HASH_HEX_SIZE], const void *data, size_t len);
void hash_hmac(char hex[HASH_HEX_SIZE], const void *key, size_t key_len, const void *data,
               size_t len);
bool hash_equal(const char *a, const char *b); /* constant time for equal lengths */
uint32_t hash_crc32(uint32_t crc, const void *data, size_t len);  /* start with 0 */
uint32_t hash_crc32c(uint32_t crc, const void *data, size_t len); /* the same */
/* Cryptographically random bytes; aborts when the kernel has none. */
void hash_random(void *out, size_t len);
#endif
