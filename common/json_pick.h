/* SPDX-License-Identifier: Apache-2.0
 *
 * json_pick.h - the few members that somebody wants of a large text: the rest is passed over by its
 * brackets and strings, at the speed of reading it, and never becomes a tree. Pure.
 */
#ifndef COMMON_JSON_PICK_H
#define COMMON_JSON_PICK_H

#include "common/json.h"

/* A list of these ends with a NULL name. Of a list of objects, what is wanted of each. */
struct json_pick {
    const char *name;           /* as it is written in the text: without escapes */
    const struct json_pick *in; /* what is wanted of it; NULL: all */
};

/* As json_parse, with the members of `wanted` alone, in the text's order. What is no object or list
 * is taken whole. What is left out need not be right, only end. Caller owns *out. */
int json_parse_picked(cJSON **out, const char *text, size_t len, const struct json_pick *wanted,
                      struct err *err);
#endif
