/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h - a server for S3 tests: tests/s3/server (the real one) or tests/s3/faulty (one that
 * fails as it is told). It ends with this process.
 */
#ifndef TESTS_S3_FIXTURE_H
#define TESTS_S3_FIXTURE_H

#include "common/s3.h"
#include "common/s3_credentials.h"

#include <sys/types.h>

#define FIXTURE_SKIP 77 /* exit status of a program whose server is not on this machine */

struct fixture {
    pid_t pid;
    int hold; /* closing it ends the server */
    char dir[64];
    char endpoint[64], access[64], secret[64];
};
/* 0, or FIXTURE_SKIP (the script has said why), or -1. script: "server" or "faulty". */
int fixture_start(struct fixture *fixture, const char *script);
void fixture_stop(struct fixture *fixture);
int fixture_make_bucket(const struct fixture *fixture, const char *bucket, struct err *err);
/* Static keys and a handle on a bucket; quick to give up and to repeat. Aborts when it cannot. */
struct s3 *fixture_open(const struct fixture *fixture, const char *bucket,
                        struct s3_credentials **credentials);
#endif
