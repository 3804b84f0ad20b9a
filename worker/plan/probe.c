/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/plan/probe.h"

#include "common/contract/record.h"
#include "common/mem.h"
#include "worker/media/remote.h"
#include "worker/plan/probe_json.h"

#include <stdio.h>
#include <string.h>

static int write_out(const char *text, struct err *err)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) < 0)
        return err_set(err, ERR_DEPENDENCY, "standard output cannot be written");
    return 0;
}

/* What a StereoJob has when nothing is asked for, with this machine's cores as its workers. */
static int default_spec(struct job_spec **out, const char *uri, const char *output, struct err *err)
{
    AUTO(cJSON) cJSON *job = cJSON_CreateObject();
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    json_path_set(job, "spec.source.uri", cJSON_CreateString(uri));
    json_path_set(job, "spec.output.uri", cJSON_CreateString(output));
    if (spec_parse(out, job, err) < 0)
        return -1;
    (*out)->parallelism = cores > 1 ? (uint32_t)cores : 1;
    return 0;
}

static int draft_for(struct plan **out, const struct film *film, const char *output,
                     struct err *err)
{
    AUTO(job_spec) struct job_spec *spec = NULL;

    if (default_spec(&spec, film->uri, output, err) < 0)
        return -1;
    return plan_draft(out, film, spec, err);
}

static double seconds_of(const struct film *film)
{
    struct ratio tb = film_video(film)->time_base;

    return (double)(film->end - film->frames[0].pts) * (double)tb.num / (double)tb.den;
}

static void print_streams(const struct film *film)
{
    for (int i = 0; i < film->stream_count; i++) {
        const struct media_stream *stream = &film->streams[i];

        (void)printf("  stream %d: %c %s", i, stream->type, stream->codec);
        if (stream->type == 'v' || stream->type == 'c')
            (void)printf(" %dx%d %s%s", stream->width, stream->height, stream->pix_fmt,
                         stream->interlaced ? " interlaced" : "");
        if (stream->type == 'v' && stream->rotation)
            (void)printf(" turned by %d", stream->rotation);
        if (stream->type == 'v' && stream->flipped)
            (void)printf(" mirrored");
        if (stream->type == 'v' && stream->dolby_profile)
            (void)printf(" Dolby Vision profile %d", stream->dolby_profile);
        if (stream->type == 'a')
            (void)printf(" %d Hz, %d channels", stream->sample_rate, stream->channels);
        (void)printf("%s%s\n", *stream->language ? " " : "", stream->language);
    }
}

static void print_notes(const char *text)
{
    while (*text) {
        int len = (int)strcspn(text, "\n");

        (void)printf("note: %.*s\n", len, text);
        text += len + (text[len] == '\n');
    }
}

static int print_text(const struct film *film, const struct plan *mp4, struct err *err)
{
    char warning[RECORD_WARNING_SIZE];

    (void)printf("%s: %s, %.3f s, %zu frames, %s rate, %s\n", film->uri, film->format,
                 seconds_of(film), film->frame_count, film_is_vfr(film) ? "variable" : "constant",
                 film->decoded   ? "learnt by decoding it"
                 : film->indexed ? "read from its index"
                                 : "read in full");
    print_streams(film);
    (void)printf("would become: %dx%d %s, %d bit, in %u segment%s%s, about %llu MiB a worker\n",
                 mp4->packed_width, mp4->packed_height, mp4->codec, mp4->video.bit_depth,
                 mp4->segment_count, mp4->segment_count == 1 ? "" : "s",
                 mp4->pieces ? " cut out first" : "",
                 (unsigned long long)(mp4->memory_bytes >> 20));
    (void)printf("sandbox: %s\n", media_remote_words());
    plan_warning(warning, sizeof(warning), film, mp4);
    print_notes(warning);
    return write_out("", err);
}

int probe_run(const char *uri, bool json, const volatile sig_atomic_t *should_stop, struct err *err)
{
    AUTO(film) struct film *film = NULL;
    AUTO(plan) struct plan *mp4 = NULL;
    AUTO(plan) struct plan *matroska = NULL;
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO_FREE char *text = NULL;
    struct film_opts opts = { .uri = uri, .what = "film", .should_stop = should_stop };

    if (film_open(&film, &opts, err) < 0 || draft_for(&mp4, film, "out.mp4", err) < 0 ||
        draft_for(&matroska, film, "out.mkv", err) < 0)
        return -1;
    if (!json)
        return print_text(film, mp4, err);
    doc = probe_document(film, mp4, matroska, seconds_of(film));
    text = json_print_pretty(doc);
    return write_out(text, err);
}
