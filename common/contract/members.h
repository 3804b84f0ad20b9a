/* SPDX-License-Identifier: Apache-2.0
 *
 * members.h - inside contract: a struct's members as the keys of a JSON object, both ways from one
 * table. Pure.
 */
#ifndef CONTRACT_MEMBERS_H
#define CONTRACT_MEMBERS_H

#include "common/err.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum member_type {
    MEMBER_TEXT, /* char[size] */
    MEMBER_HEX,  /* char[HASH_HEX_SIZE]: "" or 64 lower-case hex digits */
    MEMBER_I64,
    MEMBER_U64, /* at most INT64_MAX */
    MEMBER_U32,
    MEMBER_INT,
    MEMBER_BOOL,
    MEMBER_RATIO, /* struct ratio as [num, den]; min and max are num's, den is 1..max */
};

struct member {
    const char *key;
    enum member_type type;
    unsigned when; /* a bit for each kind of object that has it; 0 = all */
    size_t offset, size;
    int64_t min, max;
    bool may_lack; /* not written when it is 0; not there: 0 */
};

#define MEMBER(type_, key_, struct_, field_, min_, max_)                                           \
    {                                                                                              \
        .key = (key_), .type = (type_), .offset = offsetof(struct_, field_),                       \
        .size = sizeof(((struct_ *)0)->field_), .min = (min_), .max = (max_)                       \
    }
#define MEMBER_WHEN(when_, type_, key_, struct_, field_, min_, max_)                               \
    {                                                                                              \
        .key = (key_), .type = (type_), .when = (when_), .offset = offsetof(struct_, field_),      \
        .size = sizeof(((struct_ *)0)->field_), .min = (min_), .max = (max_)                       \
    }

/* Presentation times and their differences stay in 64 bits within this range. */
#define PTS_MIN (-(INT64_C(1) << 61))
#define PTS_MAX (INT64_C(1) << 61)

/* when 0 = all members. */
void members_add(cJSON *obj, const struct member *members, size_t count, unsigned when,
                 const void *base);
/* Every member must be there, but those that may lack. ERR_INTERNAL naming the key. */
int members_read(void *base, const cJSON *obj, const struct member *members, size_t count,
                 unsigned when, struct err *err);
/* Copies at most size-1 bytes and never half a UTF-8 character. */
void text_copy(char *out, size_t size, const char *text);
#endif
