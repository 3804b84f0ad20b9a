/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/members.h"

#include "common/contract/plan.h"
#include "common/hash.h"
#include "common/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool is_wanted(const struct member *member, unsigned when)
{
    return !member->when || !when || (member->when & when);
}

static int64_t number_of(const struct member *member, const void *at)
{
    switch (member->type) {
    case MEMBER_I64:
        return *(const int64_t *)at;
    case MEMBER_U64:
        return *(const uint64_t *)at > INT64_MAX ? INT64_MAX : (int64_t) * (const uint64_t *)at;
    case MEMBER_U32:
        return *(const uint32_t *)at;
    default:
        return *(const int *)at;
    }
}

static void add_ratio(cJSON *obj, const char *key, const struct ratio *ratio)
{
    cJSON *pair = cJSON_AddArrayToObject(obj, key);
    AUTO(cJSON) cJSON *numbers = cJSON_CreateObject();

    json_add_i64(numbers, "num", ratio->num);
    json_add_i64(numbers, "den", ratio->den);
    while (numbers->child)
        cJSON_AddItemToArray(pair, cJSON_DetachItemViaPointer(numbers, numbers->child));
}

static void add(cJSON *obj, const struct member *member, const void *at)
{
    switch (member->type) {
    case MEMBER_TEXT:
    case MEMBER_HEX:
        json_add_str(obj, member->key, at);
        break;
    case MEMBER_BOOL:
        json_add_bool(obj, member->key, *(const bool *)at);
        break;
    case MEMBER_RATIO:
        add_ratio(obj, member->key, at);
        break;
    default:
        json_add_i64(obj, member->key, number_of(member, at));
    }
}

static int read_ratio(struct ratio *out, const cJSON *obj, const struct member *member,
                      struct err *err)
{
    const cJSON *pair; /* borrowed from obj */
    AUTO(cJSON) cJSON *numbers = cJSON_CreateObject();
    struct ratio ratio;

    if (json_array(&pair, obj, member->key, 2, 2, err) < 0)
        return -1;
    cJSON_AddItemToObject(numbers, "num", cJSON_Duplicate(cJSON_GetArrayItem(pair, 0), true));
    cJSON_AddItemToObject(numbers, "den", cJSON_Duplicate(cJSON_GetArrayItem(pair, 1), true));
    if (json_i64(&ratio.num, numbers, "num", member->min, member->max, err) < 0 ||
        json_i64(&ratio.den, numbers, "den", 1, member->max, err) < 0)
        return err_wrap(err, "%s", member->key);
    *out = ratio;
    return 0;
}

static int read_hex(char out[HASH_HEX_SIZE], const cJSON *obj, const char *key, struct err *err)
{
    char text[HASH_HEX_SIZE];

    if (json_str(text, sizeof(text), obj, key, err) < 0)
        return -1;
    if (text[0] && strspn(text, "0123456789abcdef") != HASH_HEX_SIZE - 1)
        return err_set(err, ERR_INTERNAL, "%s: must be 64 lower-case hex digits", key);
    memcpy(out, text, sizeof(text));
    return 0;
}

static int read_number(void *at, const cJSON *obj, const struct member *member, struct err *err)
{
    int64_t value;

    if (json_i64(&value, obj, member->key, member->min, member->max, err) < 0)
        return -1;
    if (member->type == MEMBER_U64)
        *(uint64_t *)at = (uint64_t)value;
    else if (member->type == MEMBER_U32)
        *(uint32_t *)at = (uint32_t)value;
    else if (member->type == MEMBER_INT)
        *(int *)at = (int)value;
    else
        *(int64_t *)at = value;
    return 0;
}

static int read_one(void *at, const cJSON *obj, const struct member *member, struct err *err)
{
    switch (member->type) {
    case MEMBER_TEXT:
        return json_str(at, member->size, obj, member->key, err);
    case MEMBER_HEX:
        return read_hex(at, obj, member->key, err);
    case MEMBER_BOOL:
        return json_bool(at, obj, member->key, err);
    case MEMBER_RATIO:
        return read_ratio(at, obj, member, err);
    default:
        return read_number(at, obj, member, err);
    }
}

void members_add(cJSON *obj, const struct member *members, size_t count, unsigned when,
                 const void *base)
{
    for (size_t i = 0; i < count; i++) {
        const void *at = (const char *)base + members[i].offset;

        if (is_wanted(&members[i], when) &&
            !(members[i].may_lack && number_of(&members[i], at) == 0))
            add(obj, &members[i], at);
    }
}

int members_read(void *base, const cJSON *obj, const struct member *members, size_t count,
                 unsigned when, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(&members[i], when) ||
            (members[i].may_lack && !json_has(obj, members[i].key)))
            continue;
        if (read_one((char *)base + members[i].offset, obj, &members[i], err) < 0) {
            err->code = ERR_INTERNAL; /* ours wrote it: the user has nothing to correct */
            return -1;
        }
    }
    return 0;
}

void text_copy(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size);

    if (len == size)
        len = utf8_whole(text, size - 1);
    memcpy(out, text, len);
    out[len] = '\0';
}
