/* SPDX-License-Identifier: Apache-2.0
 *
 * s3_credentials.h - where S3 keys come from, in this order: given keys; AWS_ROLE_ARN with
 * AWS_WEB_IDENTITY_TOKEN_FILE (STS, the file read anew each time);
 * AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI (with its token or token file); the
 * instance's metadata service (IMDSv2), unless AWS_EC2_METADATA_DISABLED. Temporary keys are
 * fetched again five minutes before they end. Any thread (locked inside).
 */
#ifndef COMMON_S3_CREDENTIALS_H
#define COMMON_S3_CREDENTIALS_H

#include "common/auto.h"
#include "common/err.h"

#include <stdint.h>

struct s3_credentials;

struct s3_keys { /* owned strings; token may be NULL */
    char *id, *secret, *token;
    int64_t end_ms; /* Unix ms; 0 = never */
};
void s3_keys_clear(struct s3_keys *keys); /* wipes the secret */

/* id and secret given (copied): static keys. Both NULL: by the environment, as above. ERR_CONFIG
 * when nothing is configured: says what was looked for. No request is made yet. */
int s3_credentials_open(struct s3_credentials **out, const char *id, const char *secret,
                        const char *token, struct err *err);
void s3_credentials_free(struct s3_credentials *credentials);
AUTO_DEFINE(s3_credentials, struct s3_credentials *, s3_credentials_free)
/* Keys good for at least a minute; caller clears. ERR_DEPENDENCY, ERR_CONFIG (denied). */
int s3_credentials_get(struct s3_credentials *credentials, struct s3_keys *out, struct err *err);
/* The server said they are over (ExpiredToken): fetch at the next get. */
void s3_credentials_drop(struct s3_credentials *credentials);
#endif
