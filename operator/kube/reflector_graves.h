/* SPDX-License-Identifier: Apache-2.0
 *
 * reflector_graves.h - inside of operator/kube/reflector: the uids of objects that were deleted a
 * short while ago, so that a late answer to a write does not bring one back. One thread.
 */
#ifndef OPERATOR_KUBE_REFLECTOR_GRAVES_H
#define OPERATOR_KUBE_REFLECTOR_GRAVES_H

#include "common/map.h"

#include <stdbool.h>
#include <stdint.h>

struct graves {
    struct map uids;     /* to the grave; values borrowed from the list */
    struct grave *first; /* the oldest; owned, each owns the next */
    struct grave *last;
};
void graves_clear(struct graves *graves);
void graves_add(struct graves *graves, const char *uid, int64_t now_us);
void graves_remove(struct graves *graves, const char *uid); /* it lives after all */
bool graves_has(struct graves *graves, const char *uid, int64_t now_us);
#endif
