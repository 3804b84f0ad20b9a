/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/fetch.h"
#include "cli/cluster/jobs.h"
#include "cli/cluster/verbs.h"
#include "common/auto.h"
#include "common/contract/spec.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* FILE, FOLDER/<the film's name>, or the film's name here. Caller frees. */
static char *file_name(const char *uri, const char *wanted)
{
    const char *base = strrchr(uri, '/') + 1;
    struct stat seen;

    if (!wanted)
        return xstrdup(base);
    if (wanted[0] &&
        (wanted[strlen(wanted) - 1] == '/' || (stat(wanted, &seen) == 0 && S_ISDIR(seen.st_mode))))
        return xasprintf("%s/%s", wanted, base);
    return xstrdup(wanted);
}

/* A claim is seen by pods only; one that mounts it is quickly made. */
static int volume_refuse(const char *uri, const char *space, struct err *err)
{
    const char *claim = uri + strlen("pvc://");
    int len = (int)strcspn(claim, "/");

    return err_set(err, ERR_CONFIG,
                   "%s is on a volume, which only pods can read. Mount the claim %.*s at /pvc in a "
                   "pod of an image with tar (see docs/runbooks/volume-copy.md), then: kubectl cp "
                   "%s/POD:/pvc%s FILE",
                   uri, len, claim, space, claim + len);
}

static int output_find(const char **uri, uint64_t *bytes, const cJSON *job, const char *space,
                       struct err *err)
{
    const char *name = json_text(job, "metadata.name");
    const cJSON *size = json_path(job, "status.output.bytes");

    *uri = json_text(job, "spec.output.uri");
    *bytes = cJSON_IsNumber(size) ? (uint64_t)size->valuedouble : 0;
    if (jobs_verdict(job) <= 0)
        return err_set(
            err, ERR_CONFIG, "%s is %s: there is no film yet; stereo wait %s", name,
            json_text(job, "status.phase")[0] ? json_text(job, "status.phase") : "Pending", name);
    if (strncmp(*uri, "pvc://", strlen("pvc://")) == 0)
        return volume_refuse(*uri, space, err);
    if (strncmp(*uri, "s3://", strlen("s3://")) != 0)
        return err_set(err, ERR_CONFIG, "%s: only s3:// can be downloaded", *uri);
    if (container_is_hls(output_container(*uri)))
        return err_set(err, ERR_CONFIG,
                       "%s is HLS: a playlist, and beside it a folder, which it names, with its "
                       "files. Play it from where it is, or copy both with an S3 client",
                       *uri);
    return 0;
}

int verb_download(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    const char *wanted = flags->arg_count > 1 ? flags->args[1] : NULL;
    struct fetch_opts opts = { .overwrite = flags->overwrite };
    AUTO(cJSON) cJSON *job = NULL;
    AUTO_FREE char *text = NULL; /* the file's name, or the URL */

    (void)code;
    if (flags->url && wanted)
        return err_set(err, ERR_CONFIG, "--url prints a URL and writes no file");
    if (jobs_get(&job, api, flags->args[0], err) < 0 ||
        output_find(&opts.uri, &opts.bytes, job, api_space(api), err) < 0)
        return -1;
    if (flags->url) {
        if (fetch_url(&text, opts.uri, err) < 0)
            return -1;
    } else {
        text = file_name(opts.uri, wanted);
        if (fetch_file(text, &opts, err) < 0)
            return -1;
    }
    (void)printf("%s\n", text);
    return 0;
}
