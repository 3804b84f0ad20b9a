/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/worker/convert/pictures.h"

#include "common/file.h"

#include <libavutil/log.h>
#include <sys/wait.h>
#include <unistd.h>

/* libx265 3.5 forgets its parameter sets; LeakSanitizer asks for this name. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libx265";
}

/* ThreadSanitizer does not see the atomics inside of libraries that were built without it: what
 * libav allocates, counts or copies on one thread and frees on another looks like a race. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:libavutil.so\nrace:libavcodec.so\nrace:libx264.so\n";
}

/* The encoders' statistics are not what a failed test should be looked for in. */
static __attribute__((constructor)) void quiet(void)
{
    av_log_set_level(AV_LOG_QUIET);
}

static int level(const struct pictures *p, int plane, int x, int y, int n)
{
    int square = (x - 2 * n) / 16 == 3 && y / 16 == 1 ? 90 : 0;
    unsigned noise = (unsigned)(x * 7919 + y * 104729 + n * 1299709) * 2654435761u;
    int value = plane ? 128 + (x + y + n) % 32 - 16
                      : 40 + (x * 2 + y + n * 3) % 96 + square + (int)(noise >> 30);

    return p->bit_depth > 8 ? value << 2 : value;
}

struct media_frame *pictures_frame(const struct pictures *p, int n, int64_t pts)
{
    struct media_frame *frame;
    struct image image;
    struct err err;

    CHECK_OK(media_frame_new(&frame, p->width, p->height, p->bit_depth, &err), err);
    image = media_frame_image(frame);
    for (int plane = 0; plane < 3; plane++) {
        int w = plane ? (p->width + 1) / 2 : p->width, h = plane ? (p->height + 1) / 2 : p->height;

        for (int y = 0; y < h; y++) {
            uint8_t *row = image.plane[plane] + y * image.stride[plane];

            for (int x = 0; x < w; x++) {
                if (p->bit_depth > 8)
                    ((uint16_t *)(void *)row)[x] = (uint16_t)level(p, plane, x, y, n);
                else
                    row[x] = (uint8_t)level(p, plane, x, y, n);
            }
        }
    }
    media_frame_set_pts(frame, pts);
    return frame;
}

struct media_encoder *pictures_encoder(const struct pictures *p)
{
    struct plan_video video = {
        .time_base = p->time_base,
        .frame_rate = { 25, 1 },
        .color_primaries = 1,
        .color_trc = 1,
        .color_space = 1,
        .color_range = 1,
    };
    struct media_encoder_opts opts = {
        .codec = p->codec,
        .preset = p->preset,
        .crf = p->crf,
        .bit_depth = p->bit_depth,
        .width = p->width,
        .height = p->height,
        .sar = { 1, 1 },
        .video = &video,
        .layout = p->layout,
    };
    struct media_encoder *encoder;
    struct err err;

    CHECK_OK(media_encoder_open(&encoder, &opts, &err), err);
    return encoder;
}

int shell(const char *command)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

struct store *pictures_store(char folder[64])
{
    struct store *store;
    struct err err;

    (void)snprintf(folder, 64, "/tmp/stereo-test-XXXXXX");
    if (!mkdtemp(folder))
        fail_msg("mkdtemp %s", folder);
    CHECK_OK(store_open(&store, folder, &err), err);
    return store;
}

void pictures_store_remove(struct store *store, const char *folder)
{
    struct err err;

    store_free(store);
    CHECK_OK(file_remove_tree(folder, &err), err);
}
