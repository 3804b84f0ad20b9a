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
    return 0;
}
