/* SPDX-License-Identifier: Apache-2.0
 *
 * s3_write.h - inside of common/s3: knowing a write of ours again. Each write has a random id that
 * goes into the object's metadata; when an answer is lost, or says that somebody was first, the
 * object is looked at: with our id in it, that somebody was us.
 */
#ifndef COMMON_S3_WRITE_H
#define COMMON_S3_WRITE_H

#include "common/s3_call.h"

#define S3_WRITE_ID_SIZE 33

struct s3_write {
    char id[S3_WRITE_ID_SIZE];
    const void *data; /* borrowed; NULL: not at hand (an upload in parts) */
    size_t len;
    char etag[S3_ETAG_SIZE]; /* filled by s3_write_look */
};
void s3_write_id(char out[S3_WRITE_ID_SIZE]);
/* call->ctx is a struct s3_write: is the object at call->key this write? 1 yes, 0 no or absent, -1
 * it cannot be told. */
int s3_write_look(struct s3 *s3, struct s3_call *call, struct err *err);
bool s3_write_done(struct s3 *s3, struct s3_call *call); /* the same, for s3_call.done */
/* Headers of a condition (may be NULL). */
void s3_write_condition(struct s3_call *call, const struct s3_condition *condition);
#endif
