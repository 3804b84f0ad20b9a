/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define POD_JOB_CHARS 30
#define POD_UID_CHARS 8

static const struct row {
    const char *name;
    char letter;
} rows[] = {
    [STAGE_PLAN] = { "plan", 'p' },
    [STAGE_CONVERT] = { "convert", 'c' },
    [STAGE_ASSEMBLE] = { "assemble", 'a' },
    [STAGE_CLEAN] = { "clean", 'x' },
};
enum { STAGES = sizeof(rows) / sizeof(rows[0]) };

__attribute__((format(printf, 3, 4))) static void put(char *out, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(out, size, fmt, ap);
    va_end(ap);
}

/* How much of a job's name stands in its pods' names: it may not end in '-' or '.'. */
static int job_chars(const char *job_name)
{
    size_t len = strnlen(job_name, POD_JOB_CHARS);

    while (len > 0 && (job_name[len - 1] == '-' || job_name[len - 1] == '.'))
        len--;
    return (int)len;
}

const char *stage_name(enum stage stage)
{
    return (unsigned)stage < STAGES ? rows[stage].name : "?";
}

int stage_of_name(enum stage *out, const char *name)
{
    for (int i = 0; i < STAGES; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *out = (enum stage)i;
            return 0;
        }
    }
    return -1;
}

void name_pod(char out[NAME_POD_SIZE], const char *job_name, const char *uid,
              const struct attempt_id *id)
{
    char letter = (unsigned)id->stage < STAGES ? rows[id->stage].letter : '?';

    put(out, NAME_POD_SIZE, "%.*s-%.*s-%c%05u-e%u-a%u", job_chars(job_name), job_name,
        POD_UID_CHARS, uid, letter, id->index, id->epoch, id->attempt);
}

void name_record(char out[NAME_KEY_SIZE], uint32_t index)
{
    put(out, NAME_KEY_SIZE, "segments/%05u.json", index);
}

void name_record_of(char out[NAME_KEY_SIZE], const struct attempt_id *id)
{
    put(out, NAME_KEY_SIZE, "segments/%05u.e%u-a%u.json", id->index, id->epoch, id->attempt);
}

void name_records(char out[NAME_KEY_SIZE], uint32_t index)
{
    put(out, NAME_KEY_SIZE, "segments/%05u.e", index);
}

void name_segment(char out[NAME_KEY_SIZE], const struct attempt_id *id)
{
    put(out, NAME_KEY_SIZE, "segments/%05u/e%u-a%u.nut", id->index, id->epoch, id->attempt);
}

void name_piece(char out[NAME_KEY_SIZE], const struct attempt_id *id, uint32_t index)
{
    put(out, NAME_KEY_SIZE, "pieces/%05u/e%u-a%u.nut", index, id->epoch, id->attempt);
}

void name_redis_done(char out[NAME_KEY_SIZE], const char *uid)
{
    put(out, NAME_KEY_SIZE, "sj:{%s}:done", uid);
}

void name_redis_beat(char out[NAME_KEY_SIZE], const char *uid)
{
    put(out, NAME_KEY_SIZE, "sj:{%s}:beat", uid);
}

void name_field(char out[16], const struct attempt_id *id)
{
    if (id->stage == STAGE_CONVERT)
        put(out, 16, "%u", id->index);
    else
        put(out, 16, "%s", stage_name(id->stage));
}
