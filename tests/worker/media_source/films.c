/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/worker/media_source/films.h"

#include "common/mem.h"
#include "tests/common/check.h"

#define FRAMES_MAX 4096

void film_path(char out[FILM_PATH_SIZE], const char *name)
{
    (void)snprintf(out, FILM_PATH_SIZE, "%s/%s", FILMS_DIR, name);
    if (access(out, R_OK) < 0)
        fail_msg("%s is not there: run make_films", out);
}

size_t film_probe(int64_t **out, const char *name, const char *options, int stream)
{
    AUTO_FREE char *command = NULL;
    char path[FILM_PATH_SIZE], line[256];
    size_t count = 0;
    FILE *pipe;

    film_path(path, name);
    command = xasprintf("ffprobe -v quiet %s -select_streams %d -show_entries "
                        "frame=best_effort_timestamp -of csv=p=0 '%s'",
                        options, stream, path);
    *out = xcalloc(FRAMES_MAX, sizeof(**out));
    pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof(line), pipe)) {
        char *end;
        long long pts = strtoll(line, &end, 10);

        if (count < FRAMES_MAX && (end != line || strncmp(line, "N/A", 3) == 0))
            (*out)[count++] = end != line ? pts : TOOL_KNOWS_NOT;
    }
    assert_int_equal(pclose(pipe), 0);
    return count;
}

uint32_t picture_crc(const struct media_frame *frame)
{
    struct image image = media_frame_image(frame);
    uint32_t crc = 0;

    for (int p = 0; p < 3; p++) {
        int width = p ? (image.width + 1) / 2 : image.width;
        int height = p ? (image.height + 1) / 2 : image.height;

        for (int y = 0; y < height; y++)
            crc = hash_crc32(crc, image.plane[p] + y * image.stride[p],
                             (size_t)width * (image.bit_depth > 8 ? 2 : 1));
    }
    return crc;
}

size_t film_decode(struct picture **out, struct media_decoder *decoder, int64_t end)
{
    size_t count = 0;
    struct err err;

    *out = xcalloc(FRAMES_MAX, sizeof(**out));
    for (;;) {
        AUTO(media_frame) struct media_frame *frame = NULL;

        CHECK_OK(media_decoder_next(decoder, &frame, &err), err);
        if (!frame || media_frame_pts(frame) >= end)
            return count;
        assert_true(count < FRAMES_MAX);
        (*out)[count++] = (struct picture){ media_frame_pts(frame), picture_crc(frame) };
    }
}

struct job_spec *film_spec(const char *uri, double segment_seconds, enum depth_kind depth)
{
    struct job_spec *spec = xcalloc(1, sizeof(*spec));

    spec->source_uri = xstrdup(uri);
    spec->output_uri = xstrdup("out.mkv");
    spec->depth = depth;
    spec->depth_uri = depth == DEPTH_VIDEO ? xstrdup("depth.mkv") : NULL;
    spec->crf = -1;
    spec->segment_seconds = segment_seconds;
    spec->parallelism = 2;
    return spec;
}
