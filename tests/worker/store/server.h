/* SPDX-License-Identifier: Apache-2.0
 *
 * server.h - an S3 server for tests of the store: its keys stand in the environment of all roles.
 */
#ifndef TESTS_WORKER_STORE_SERVER_H
#define TESTS_WORKER_STORE_SERVER_H

#include "tests/s3/fixture.h"

#define SERVER_BUCKET "films"

/* 0, FIXTURE_SKIP or -1. Before the first use of S3 in this process. */
int server_start(struct fixture *fixture);
int server_start_as(struct fixture *fixture, const char *script);
/* Unfinished uploads below key; they are aborted by counting. */
int server_uploads(const struct fixture *fixture, const char *key);
/* The whole object, NUL-terminated; caller frees. NULL: there is none. */
char *server_object(const struct fixture *fixture, const char *key, size_t *len);
void server_put(const struct fixture *fixture, const char *key, const void *data, size_t len);
#endif
