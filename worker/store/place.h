/* SPDX-License-Identifier: Apache-2.0
 *
 * place.h - inside of store: what a URI names. A path, file:// and pvc:// are files here; s3:// is
 * a bucket and a key; https:// stays as it is.
 */
#ifndef WORKER_STORE_PLACE_H
#define WORKER_STORE_PLACE_H

#include "common/err.h"

/* Where tests keep their claims instead of NAME_CLAIM_MOUNT. */
#define ENV_CLAIM_ROOT "STEREO_CLAIM_ROOT"

enum place_kind { PLACE_FILE, PLACE_S3, PLACE_HTTPS };

struct place {
    enum place_kind kind;
    char *path;   /* owned; FILE: on the file system; HTTPS: the URL */
    char *bucket; /* owned; S3 */
    char *key;    /* owned; S3: without a leading slash; "" is the whole bucket */
    char *name;   /* owned; for messages: nothing secret (no query, no user) */
};

/* ERR_CONFIG: names `what` and says why. On success *out is the caller's to clear. */
int place_parse(struct place *out, const char *uri, const char *what, struct err *err);
void place_clear(struct place *place);
#define AUTO_PLACE __attribute__((cleanup(place_clear)))
#endif
