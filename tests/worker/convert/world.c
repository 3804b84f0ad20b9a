/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/worker/convert/world.h"

#include "common/buf.h"
#include "common/file.h"
#include "common/mem.h"
#include "worker/media/av.h"
#include "worker/media/segment.h"

#include <ftw.h>

#define TOKEN "00112233445566778899aabbccddeeff"

char *world_make_film(struct world *world, const char *name, const char *ffmpeg_args)
{
    char *path = xasprintf("%s/%s", world->folder, name);
    AUTO_FREE char *command = xasprintf("ffmpeg -nostdin -v error -y %s %s", ffmpeg_args, path);

    if (shell(command) != 0)
        fail_msg("%s", command);
    return path;
}

static struct job_spec *make_spec(const struct world *world)
{
    struct job_spec *spec = xcalloc(1, sizeof(*spec));

    spec->source_uri = xstrdup(world->film);
    spec->output_uri = xasprintf("%s/out.mkv", world->folder);
    spec->layout = LAYOUT_FULL_SBS;
    spec->divergence = 2.5;
    spec->convergence = 0.5;
    (void)snprintf(spec->codec, sizeof(spec->codec), "libx264");
    (void)snprintf(spec->preset, sizeof(spec->preset), "ultrafast");
    spec->parallelism = 1;
    return spec;
}

void world_open(struct world *world, const char *name, const char *ffmpeg_args)
{
    struct job *job = &world->job;

    *world = (struct world){ .should_stop = 0 };
    (void)snprintf(world->folder, sizeof(world->folder), "/tmp/stereo-test-XXXXXX");
    if (!mkdtemp(world->folder))
        fail_msg("mkdtemp %s", world->folder);
    world->film = world_make_film(world, name, ffmpeg_args);
    (void)snprintf(job->uid, sizeof(job->uid), "6f1c9d3e-0000-4000-8000-000000000001");
    (void)snprintf(job->name, sizeof(job->name), "film");
    job->spec = make_spec(world);
    job->token_hex = xstrdup(TOKEN);
    job->build = xstrdup("");
    job->scratch = xstrdup("");
    job->work_uri = xasprintf("%s/work", world->folder);
    job->should_stop = &world->should_stop;
}

void world_clear(struct world *world)
{
    struct job *job = &world->job;
    struct err err;

    store_free(job->store);
    spec_free(job->spec);
    free(job->token_hex);
    free(job->build);
    free(job->scratch);
    free(job->work_uri);
    free(world->film);
    CHECK_OK(file_remove_tree(world->folder, &err), err);
}

void world_plan(struct world *world, double segment_seconds)
{
    struct job *job = &world->job;
    struct err err;

    store_free(TAKE(job->store));
    CHECK_OK(file_remove_tree(job->work_uri, &err), err);
    CHECK_OK(store_open(&job->store, job->work_uri, &err), err);
    job->spec->segment_seconds = segment_seconds;
    job->id = (struct attempt_id){ .stage = STAGE_PLAN };
    CHECK_OK(plan_run(job, &world->plan, &err), err);
}

int world_convert(struct world *world, uint32_t index, uint32_t attempt, struct record *record,
                  struct err *err)
{
    struct job job = world->job; /* borrows all */

    job.id = (struct attempt_id){ .stage = STAGE_CONVERT, .index = index, .attempt = attempt };
    return convert_run(&job, record, err);
}

struct frames {
    struct world_frame *list; /* owned */
    size_t count;
};

static void hash_picture(struct frames *frames, const AVFrame *picture)
{
    struct world_frame *frame;
    struct hash *hash = hash_new();
    int bytes = picture->format == AV_PIX_FMT_YUV420P10 ? 2 : 1;
    const uint8_t *middle;

    frames->list = xrealloc(frames->list, (frames->count + 1) * sizeof(*frames->list));
    frame = &frames->list[frames->count++];
    frame->pts = picture->pts;
    for (int plane = 0; plane < 3; plane++) {
        int w = plane ? (picture->width + 1) / 2 : picture->width;
        int h = plane ? (picture->height + 1) / 2 : picture->height;

        for (int y = 0; y < h; y++)
            hash_update(hash, picture->data[plane] + y * picture->linesize[plane],
                        (size_t)(w * bytes));
    }
    hash_final(hash, frame->hash);
    hash_free(hash);
    middle = picture->data[0] + picture->height / 2 * picture->linesize[0];
    frame->luma = bytes == 1 ? middle[picture->width / 2]
                             : ((const uint16_t *)(const void *)middle)[picture->width / 2] >> 2;
}

static void receive_pictures(struct frames *frames, AVCodecContext *ctx)
{
    AUTO(av_frame) AVFrame *picture = av_frame_alloc();

    while (avcodec_receive_frame(ctx, picture) == 0) {
        hash_picture(frames, picture);
        av_frame_unref(picture);
    }
}

static void decode_segment(struct world *world, const struct record *record, struct frames *frames)
{
    struct segment_opts opts = { record->time_base, record->start_pts, 1 };
    struct store_reader *file;
    struct segment_reader *reader;
    AUTO(av_codec) AVCodecContext *ctx = NULL;
    const AVCodecParameters *par;
    struct media_packet *packet;
    struct err err;

    CHECK_OK(store_reader_open(&file, world->job.store, record->object, &err), err);
    CHECK_OK(segment_reader_open(&reader, file, 0, &opts, &err), err);
    par = segment_reader_parameters(reader);
    ctx = avcodec_alloc_context3(avcodec_find_decoder(par->codec_id));
    assert_true(avcodec_parameters_to_context(ctx, par) >= 0);
    assert_int_equal(avcodec_open2(ctx, ctx->codec, NULL), 0);
    do {
        CHECK_OK(segment_reader_read(reader, &packet, &err), err);
        assert_int_equal(avcodec_send_packet(ctx, packet ? media_packet_av(packet) : NULL), 0);
        receive_pictures(frames, ctx);
        media_packet_free(packet);
    } while (packet);
    segment_reader_free(reader);
    store_reader_free(file);
}

struct world_frame *world_frames(struct world *world, size_t *count)
{
    struct frames frames = { 0 };

    for (uint32_t i = 0; i < world->plan.segments; i++) {
        char key[NAME_KEY_SIZE];
        AUTO_BUF struct buf text;
        struct record record;
        struct err err;

        name_record(key, i);
        buf_init(&text, RECORD_MAX_BYTES);
        CHECK_OK(store_get(world->job.store, key, RECORD_MAX_BYTES, &text, &err), err);
        CHECK_OK(record_parse(&record, text.data, text.len, TOKEN, &err), err);
        decode_segment(world, &record, &frames);
    }
    *count = frames.count;
    return frames.list;
}

static int found; /* nftw knows no context */

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)path, (void)st, (void)ftw;
    found += type == FTW_F;
    return 0;
}

int world_files(const struct world *world)
{
    AUTO_FREE char *path = xasprintf("%s/segments", world->job.work_uri);

    found = 0;
    (void)nftw(path, count_file, 8, FTW_PHYS);
    return found;
}
