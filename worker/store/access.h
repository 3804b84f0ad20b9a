/* SPDX-License-Identifier: Apache-2.0
 *
 * access.h - inside of store: with whose keys S3 is asked. What the environment says is read once
 * (store_setup, or at the first use) and its secrets are taken out of it. Handles are lent, and
 * keep their connections in between. Any thread.
 */
#ifndef WORKER_STORE_ACCESS_H
#define WORKER_STORE_ACCESS_H

#include "common/s3.h"
#include "worker/store/store.h"

#include <stdatomic.h>

struct access {
    struct s3 *s3; /* one borrower's at a time */
    enum store_role role;
    char *bucket;            /* owned */
    const atomic_bool *halt; /* the borrower's; ends a call as ERR_INTERRUPTED. NULL: none */
    bool deaf;               /* goes on although the program was told to stop: for tidying up */
    struct access *next;
};

int access_take(struct access **out, enum store_role role, const char *bucket, struct err *err);
void access_give(struct access *access); /* NULL is fine */
AUTO_DEFINE(access, struct access *, access_give)
const char *access_ca_file(void); /* NULL: the system's; for ever */
bool access_is_stopped(void);
#endif
