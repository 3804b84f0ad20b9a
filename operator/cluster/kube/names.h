/* SPDX-License-Identifier: Apache-2.0
 *
 * names.h - a sorted set of names.
 */
#ifndef OPERATOR_CLUSTER_KUBE_NAMES_H
#define OPERATOR_CLUSTER_KUBE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct names {
    char **list; /* owned, sorted */
    size_t count, cap;
};
void names_add(struct names *names, const char *name); /* again is fine */
void names_remove(struct names *names, const char *name);
bool names_has(const struct names *names, const char *name);
void names_clear(struct names *names);
#endif
