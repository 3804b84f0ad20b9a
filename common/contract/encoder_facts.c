/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/members.h"
#include "common/contract/record.h"

#include <inttypes.h>
#include <string.h>

#define FACTS_MAX_BYTES 16384
#define SHOWN           120 /* characters of each value in a message */

#define ROW(type, key, field, min, max)                                                            \
    MEMBER(MEMBER_##type, key, struct encoder_facts, field, min, max)

/* In the order in which differences are told: causes before consequences. */
static const struct member members[] = {
    ROW(TEXT, "codec", codec, 0, 0),      ROW(TEXT, "pixFmt", pix_fmt, 0, 0),
    ROW(INT, "width", width, 0, 1 << 20), ROW(INT, "height", height, 0, 1 << 20),
    ROW(TEXT, "options", options, 0, 0),  ROW(INT, "threads", threads, 0, 1 << 16),
    ROW(TEXT, "build", build, 0, 0),      ROW(HEX, "extradataSha256", extradata_sha256, 0, 0),
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

/* Long option strings differ in one place: both texts from the option that holds it. */
static size_t difference(const char *a, const char *b)
{
    size_t at = 0, option = 0;

    for (; a[at] && a[at] == b[at]; at++) {
        if (a[at] == ':')
            option = at + 1;
    }
    return option;
}

static int texts_differ(const struct member *member, const char *job, const char *here,
                        struct err *err)
{
    size_t at;

    if (strcmp(job, here) == 0)
        return 0;
    at = difference(job, here);
    return err_set(err, ERR_GPU, "encoder: %s of this job is '%.*s', here it is '%.*s'",
                   member->key, SHOWN, job + at, SHOWN, here + at);
}

static int numbers_differ(const struct member *member, int job, int here, struct err *err)
{
    if (job == here)
        return 0;
    return err_set(err, ERR_GPU, "encoder: %s of this job is %d, here it is %d", member->key, job,
                   here);
}

char *encoder_facts_format(const struct encoder_facts *facts)
{
    AUTO(cJSON) cJSON *obj = cJSON_CreateObject();

    members_add(obj, members, MEMBERS, 0, facts);
    return json_print(obj);
}

int encoder_facts_parse(struct encoder_facts *out, const char *text, size_t len, struct err *err)
{
    AUTO(cJSON) cJSON *obj = NULL;
    struct encoder_facts facts = { 0 };

    if (len > FACTS_MAX_BYTES)
        return err_set(err, ERR_INTERNAL, NAME_ENCODER ": has %zu bytes, at most %d", len,
                       FACTS_MAX_BYTES);
    if (json_parse(&obj, text, len, err) < 0 ||
        members_read(&facts, obj, members, MEMBERS, 0, err) < 0) {
        err->code = ERR_INTERNAL;
        return err_wrap(err, NAME_ENCODER);
    }
    *out = facts;
    return 0;
}

int encoder_facts_compare(const struct encoder_facts *job, const struct encoder_facts *here,
                          struct err *err)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        const char *a = (const char *)job + members[i].offset;
        const char *b = (const char *)here + members[i].offset;
        int rc = members[i].type == MEMBER_INT
                     ? numbers_differ(&members[i], *(const int *)a, *(const int *)b, err)
                     : texts_differ(&members[i], a, b, err);

        if (rc < 0)
            return -1;
    }
    return 0;
}
