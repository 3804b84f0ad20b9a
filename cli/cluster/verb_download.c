/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/fetch.h"
#include "cli/cluster/jobs.h"
#include "cli/cluster/verbs.h"
#include "common/auto.h"
#include "common/contract/spec.h"
#include "common/file.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
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
static int volume_refuse(const char *uri, bool two, const char *space, struct err *err)
{
    const char *claim = uri + strlen("pvc://");
    int len = (int)strcspn(claim, "/");

    return err_set(err, ERR_CONFIG,
                   "%s is on a volume, which only pods can read. Mount the claim %.*s at /pvc in a "
                   "pod of an image with tar (see docs/runbooks/volume-copy.md), then: kubectl cp "
                   "%s/POD:/pvc%s FILE%s",
                   uri, len, claim, space, claim + len,
                   two ? "; the right eye's film beside it in the same way" : "");
}

static uint64_t bytes_at(const cJSON *job, const char *path)
{
    const cJSON *size = json_path(job, path);

    return cJSON_IsNumber(size) ? (uint64_t)size->valuedouble : 0;
}

static bool makes_two(const cJSON *job)
{
    return strcmp(json_text(job, "spec.stereo.layout"), "LeftRight") == 0;
}

static int output_find(const char **uri, const cJSON *job, const char *space, struct err *err)
{
    const char *name = json_text(job, "metadata.name");

    *uri = json_text(job, "spec.output.uri");
    if (jobs_verdict(job) <= 0)
        return err_set(
            err, ERR_CONFIG, "%s is %s: there is no film yet; stereo wait %s", name,
            json_text(job, "status.phase")[0] ? json_text(job, "status.phase") : "Pending", name);
    if (strncmp(*uri, "pvc://", strlen("pvc://")) == 0)
        return volume_refuse(*uri, makes_two(job), space, err);
    if (strncmp(*uri, "s3://", strlen("s3://")) != 0)
        return err_set(err, ERR_CONFIG, "%s: only s3:// can be downloaded", *uri);
    if (container_is_hls(output_container(*uri)))
        return err_set(err, ERR_CONFIG,
                       "%s is HLS: a playlist, and beside it a folder, which it names, with its "
                       "files. Play it from where it is, or copy both with an S3 client",
                       *uri);
    return 0;
}

/* One of the job's films; a line says where it is. */
struct film {
    char *uri, *file; /* owned; file: here, unused with --url */
    uint64_t bytes;
};

static void film_clear(struct film *film)
{
    free(film->uri);
    free(film->file);
}
#define AUTO_FILM __attribute__((cleanup(film_clear)))

static int film_download(const struct film *film, const struct flags *flags, struct err *err)
{
    struct fetch_opts opts = { film->uri, film->bytes, flags->overwrite };
    AUTO_FREE char *url = NULL;

    if (flags->url ? fetch_url(&url, film->uri, err) < 0 : fetch_file(film->file, &opts, err) < 0)
        return -1;
    (void)printf("%s\n", flags->url ? url : film->file);
    return 0;
}

static bool is_here(const struct film *film)
{
    struct stat seen;

    return stat(film->file, &seen) == 0 && (uint64_t)seen.st_size == film->bytes;
}

/* Of two films the first may be here from a try that was stopped: the second is fetched alone. */
static int films_download(const struct film *left, const struct film *right,
                          const struct flags *flags, struct err *err)
{
    bool stopped = !flags->url && !flags->overwrite && is_here(left) && !file_exists(right->file);

    if (!flags->url && !flags->overwrite && file_exists(right->file))
        return err_set(err, ERR_CONFLICT, "%s exists; --overwrite replaces it", right->file);
    if (stopped)
        (void)printf("%s\n", left->file);
    else if (film_download(left, flags, err) < 0)
        return -1;
    return film_download(right, flags, err);
}

int verb_download(struct api *api, const struct flags *flags, int *code, struct err *err)
{
    const char *wanted = flags->arg_count > 1 ? flags->args[1] : NULL, *uri;
    AUTO(cJSON) cJSON *job = NULL;
    AUTO_FILM struct film left = { .uri = NULL }, right = { .uri = NULL };

    (void)code;
    if (flags->url && wanted)
        return err_set(err, ERR_CONFIG, "--url prints a URL and writes no file");
    if (jobs_get(&job, api, flags->args[0], err) < 0 ||
        output_find(&uri, job, api_space(api), err) < 0)
        return -1;
    right.bytes = bytes_at(job, "status.output.rightBytes");
    left.bytes = bytes_at(job, "status.output.bytes") - right.bytes;
    left.uri = xstrdup(uri);
    left.file = file_name(uri, wanted);
    if (!makes_two(job))
        return film_download(&left, flags, err);
    right.uri = output_right(left.uri);
    right.file = output_right(left.file); /* beside it, whatever its name here */
    return films_download(&left, &right, flags, err);
}
