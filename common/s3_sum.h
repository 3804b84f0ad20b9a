/* SPDX-License-Identifier: Apache-2.0
 *
 * s3_sum.h - inside of common/s3: checksums of objects as S3 writes them (base64).
 */
#ifndef COMMON_S3_SUM_H
#define COMMON_S3_SUM_H

#include "common/http.h"

#define S3_SUM_SIZE 45 /* of a SHA-256, with the NUL */

void s3_sum_crc32(char out[S3_SUM_SIZE], const void *data, size_t len);
void s3_sum_sha256(char out[S3_SUM_SIZE], const void *data, size_t len);
/* Does response->body match the checksum of a whole object that came with it? true when none that
 * we know came; one of parts ("...-3") says nothing here. */
bool s3_sum_holds(const struct http_response *response);
#endif
