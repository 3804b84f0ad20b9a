/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch.h - a finished film from S3 to a file here, with the user's own keys: AWS_ACCESS_KEY_ID and
 * AWS_SECRET_ACCESS_KEY (or the other sources of common/s3_credentials.h), AWS_REGION,
 * AWS_ENDPOINT_URL, AWS_CA_BUNDLE, AWS_S3_ADDRESSING_STYLE.
 */
#ifndef CLI_CLUSTER_FETCH_H
#define CLI_CLUSTER_FETCH_H

#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

struct fetch_opts {
    const char *uri; /* s3://bucket/key */
    uint64_t bytes;  /* as the job's status says; 0: not said */
    bool overwrite;
};

/* What is there of an earlier try of the same version is kept: FILE.<version>.part. file is made
 * when it is whole. ERR_CONFLICT: file exists, another process fetches it, or the object is not
 * what the job wrote. Progress goes to stderr, if it is a terminal. */
int fetch_file(const char *file, const struct fetch_opts *opts, struct err *err);
/* A URL that anybody may GET for an hour; caller frees. */
int fetch_url(char **url, const char *uri, struct err *err);
#endif
