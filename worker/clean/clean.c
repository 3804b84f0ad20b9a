/* SPDX-License-Identifier: Apache-2.0
 *
 * What a job leaves in its work store once its film is there, or once it is gone. Only names that
 * the job's own stages write: whatever else somebody keeps there stays.
 */
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/assemble/done.h"
#include "worker/assemble/hls.h"
#include "worker/job.h"

#include <stdlib.h>
#include <string.h>

#define PROBES_MAX 1024

struct found {
    char *keys[PROBES_MAX]; /* owned */
    size_t count;
};

static int see_key(void *ctx, const char *key, uint64_t size, struct err *err)
{
    struct found *found = ctx;

    (void)size, (void)err;
    if (found->count < PROBES_MAX)
        found->keys[found->count++] = strdup(key);
    return 0;
}

/* Of plans that were killed while they tried the store. */
static int remove_probes(struct store *store, struct err *err)
{
    struct found found = { .count = 0 };
    int rc = store_list(store, "probe-", see_key, &found, err);

    for (size_t i = 0; i < found.count; i++) {
        if (rc == 0 && found.keys[i])
            rc = store_remove(store, found.keys[i], err);
        free(found.keys[i]);
    }
    return rc;
}

/* The pod that cleans may have no keys of the output any more: then its server's own rules for
 * unfinished uploads must do. */
static int abandon_output(const struct job *job, struct err *err)
{
    const char *uri = job->spec->output_uri;
    AUTO_FREE char *right = output_right(uri);
    bool two = layout_films(job->spec->layout) > 1;

    if ((!two || store_abandon_uri(right, err) == 0) && store_abandon_uri(uri, err) == 0 &&
        (!container_is_hls(output_container(uri)) || hls_sweep(job, NULL, err) == 0))
        return 0;
    if (err->code != ERR_CONFIG && err->code != ERR_NOT_FOUND)
        return -1;
    log_warn("what was unfinished of the output stays: %s", err->msg);
    return 0;
}

static int clean_store(struct store *store, struct err *err)
{
    static const char *const trees[] = { "segments", "pieces" };
    static const char *const keys[] = { NAME_ENCODER, NAME_PLAN, DONE_KEY, DONE_RIGHT_KEY };

    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
        if (store_remove_tree(store, trees[i], NULL, err) < 0)
            return -1;
    if (FP("clean.mid"))
        return err_set(err, ERR_INTERNAL, "failpoint clean.mid");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (store_remove(store, keys[i], err) < 0)
            return -1;
    if (remove_probes(store, err) < 0)
        return -1;
    return store_drop(store, err);
}

int clean_run(struct job *job, struct record *record, struct err *err)
{
    int64_t started_us = clock_mono_us();

    *record = (struct record){ .id = job->id };
    memcpy(record->uid, job->uid, sizeof(record->uid));
    if (FP("clean.start"))
        return err_set(err, ERR_INTERNAL, "failpoint clean.start");
    if (store_is_gone(job->store))
        log_info("there is no bucket any more, and so nothing to clean: %s", job->work_uri);
    else if (clean_store(job->store, err) < 0)
        return -1;
    if (abandon_output(job, err) < 0)
        return -1;
    if (FP("clean.end"))
        return err_set(err, ERR_INTERNAL, "failpoint clean.end");
    record->wall_ms = (clock_mono_us() - started_us) / 1000;
    return 0;
}
