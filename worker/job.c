/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job.h"

#include "version.h"
#include "worker/media/source.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static char build[64];
static pthread_once_t build_once = PTHREAD_ONCE_INIT;

static void fill_build(void)
{
    (void)snprintf(build, sizeof(build), "%s %s %s", STEREO_VERSION, STEREO_COMMIT, media_build());
}

const char *job_build(void)
{
    (void)pthread_once(&build_once, fill_build);
    return build;
}

int job_load_plan(const struct job *job, struct plan **out, struct err *err)
{
    AUTO_BUF struct buf text;

    buf_init(&text, PLAN_MAX_BYTES);
    if (store_get(job->store, NAME_PLAN, PLAN_MAX_BYTES, &text, err) < 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_DEPENDENCY; /* it was there, or will be */
        return -1;
    }
    if (plan_parse(out, text.data, text.len, err) < 0)
        return err_wrap(err, "%s", NAME_PLAN);
    store_set_abilities(job->store,
                        &(struct store_abilities){ .creates_once = !(*out)->store_races });
    return 0;
}

struct lowest {
    struct attempt_id id;
    bool found;
};

static int see_record(void *ctx, const char *key, uint64_t size, struct err *err)
{
    struct lowest *lowest = ctx;
    struct attempt_id id = { .stage = STAGE_CONVERT };
    char again[NAME_KEY_SIZE];

    (void)size, (void)err;
    if (sscanf(key, "segments/%u.e%u-a%u.json", &id.index, &id.epoch, &id.attempt) != 3)
        return 0;
    name_record_of(again, &id);
    if (strcmp(again, key) != 0)
        return 0;
    if (!lowest->found || id.epoch < lowest->id.epoch ||
        (id.epoch == lowest->id.epoch && id.attempt < lowest->id.attempt))
        lowest->id = id;
    lowest->found = true;
    return 0;
}

static int find_key(char key[NAME_KEY_SIZE], struct store *store, const struct plan *plan,
                    uint32_t index, struct err *err)
{
    struct lowest lowest = { .found = false };
    char prefix[NAME_KEY_SIZE];

    name_record(key, index);
    if (!plan->store_races)
        return 0;
    name_records(prefix, index);
    if (store_list(store, prefix, see_record, &lowest, err) < 0)
        return -1;
    if (!lowest.found)
        return err_set(err, ERR_NOT_FOUND, "no record %s*", prefix);
    name_record_of(key, &lowest.id);
    return 0;
}

int job_find_record(struct record *out, struct store *store, const struct plan *plan,
                    uint32_t index, struct err *err)
{
    char key[NAME_KEY_SIZE];
    AUTO_BUF struct buf text;

    buf_init(&text, RECORD_MAX_BYTES + 1);
    if (find_key(key, store, plan, index, err) < 0 ||
        store_get(store, key, RECORD_MAX_BYTES, &text, err) < 0)
        return -1;
    if (record_parse(out, text.data ? text.data : "", text.len, NULL, err) < 0)
        return err_wrap(err, "%s", key);
    return 0;
}
