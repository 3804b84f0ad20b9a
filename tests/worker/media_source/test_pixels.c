/* SPDX-License-Identifier: Apache-2.0
 *
 * Our frames hold the pixels that the ffmpeg tool gives: turned, cropped to even sides, made
 * progressive, in full range, in other depths and chroma formats.
 */
#include "common/mem.h"
#include "tests/common/check.h"
#include "tests/worker/media_source/films.h"

#include <libavutil/mem.h>
#include <limits.h>

#define PICTURE_BYTES 8000 /* less than any of these films' pictures take, more than a packet */
#define FIELDS        "bwdif=mode=send_frame:deint=interlaced"

static const struct pixel_row {
    const char *name, *film;
    bool turned;
    int bit_depth;
    const char *filter; /* of the tool, after its own rotation */
} rows[] = {
    { "as it is", "h264.mp4", false, 8, "null" },
    { "turned by 90", "turned_90.mp4", true, 8, "null" },
    { "turned by 180", "turned_180.mp4", true, 8, "null" },
    { "turned by 270", "turned_270.mp4", true, 8, "null" },
    { "10 bit stay", "h264_10.mp4", false, 10, "null" },
    { "8 bit as 10", "h264.mp4", false, 10, "null" },
    { "full range stays full", "h264_full.mp4", false, 8, "null" },
    { "4:2:2 in full range", "mjpeg.avi", false, 8, "null" },
    { "4:4:4 with odd sides", "odd.mp4", false, 8, "crop=160:90:0:0:exact=1" },
    { "ProRes", "prores.mov", false, 10, "null" },
    { "top field first", "woven.mp4", false, 8, FIELDS },
    { "4:2:2, interlaced", "woven_422.mov", false, 10, FIELDS },
    { "bottom field first", "woven_bottom.ts", false, 8, FIELDS },
    { "marked only where it is", "h264.mp4", false, 8, FIELDS },
    { "ten bit as 8", "h264_10.mp4", false, 8, "null" },
};

static bool is_woven(const struct pixel_row *row)
{
    return strcmp(row->filter, FIELDS) == 0;
}

/* The tool has a way of its own with a first picture, and takes other lines at the edges of
 * pictures of more than 8 bit. */
static bool is_edge(const struct image *image, int y, int height)
{
    return image->bit_depth > 8 && (y < 4 || y >= height - 4);
}

static size_t plane_bytes(const struct image *image, int p)
{
    int width = p ? image->width / 2 : image->width;

    return (size_t)width * (image->bit_depth > 8 ? 2 : 1);
}

static void compare_frame(const struct pixel_row *row, const struct media_frame *frame, int n,
                          FILE *tool)
{
    struct image image = media_frame_image(frame);
    char want[2048];

    for (int p = 0; p < 3; p++) {
        int height = p ? image.height / 2 : image.height;

        for (int y = 0; y < height; y++) {
            size_t len = plane_bytes(&image, p);

            assert_true(len <= sizeof(want));
            assert_int_equal(fread(want, 1, len, tool), len);
            if (is_woven(row) && (n == 0 || is_edge(&image, y, height)))
                continue;
            if (memcmp(want, image.plane[p] + y * image.stride[p], len) != 0)
                fail_msg("[%s] frame %d, plane %d, row %d differs", row->name, n, p, y);
        }
    }
}

static FILE *open_tool(const struct pixel_row *row, const char *path)
{
    AUTO_FREE char *command = xasprintf(
        "ffmpeg -v error -nostdin -i '%s' -map 0:v:0 -vf '%s,scale=in_range=%s:out_range=%s:"
        "flags=bicubic+accurate_rnd+bitexact+full_chroma_inp' -vsync 0 -f rawvideo "
        "-pix_fmt %s -",
        path, row->filter,
        strstr(row->film, "full") || strstr(row->film, "mjpeg") ? "full" : "limited",
        strstr(row->film, "full") || strstr(row->film, "mjpeg") ? "full" : "limited",
        row->bit_depth > 8 ? "yuv420p10le" : "yuv420p");

    return popen(command, "r");
}

static void check_pixels(void **state)
{
    const struct pixel_row *row = *state;
    AUTO(store_reader) struct store_reader *reader = NULL;
    AUTO(media_source) struct media_source *source = NULL;
    AUTO(media_decoder) struct media_decoder *decoder = NULL;
    struct media_source_opts opts = { .what = row->name };
    struct media_decoder_opts to = { .bit_depth = row->bit_depth, .deinterlace = is_woven(row) };
    char path[FILM_PATH_SIZE];
    FILE *tool;
    struct err err;
    int n = 0;

    film_path(path, row->film);
    CHECK_OK(store_reader_open_uri(&reader, STORE_SOURCE, path, row->name, &err), err);
    CHECK_OK(media_source_open(&source, reader, &opts, &err), err);
    to.rotation = media_source_stream(source, 0)->rotation;
    CHECK_INT(row->name, to.rotation != 0, row->turned);
    CHECK_OK(media_decoder_open(&decoder, source, &to, &err), err);
    tool = open_tool(row, path);
    assert_non_null(tool);
    for (;; n++) {
        AUTO(media_frame) struct media_frame *frame = NULL;

        CHECK_OK(media_decoder_next(decoder, &frame, &err), err);
        if (!frame)
            break;
        compare_frame(row, frame, n, tool);
    }
    assert_int_equal(fgetc(tool), EOF);
    assert_int_equal(pclose(tool), 0);
    assert_true(n >= 25);
    CHECK_INT(row->name, media_decoder_damaged(decoder), 0);
}

/* The last frames come out of the pool that the first went back to. */
static void frames_are_counted(void **state)
{
    struct media_frame *frame, *again, *other;
    struct image image;
    struct err err;

    (void)state;
    CHECK_OK(media_frame_new(&frame, 33, 17, 10, &err), err);
    image = media_frame_image(frame);
    CHECK_INT("width", image.width, 33);
    CHECK_INT("depth", image.bit_depth, 10);
    for (int p = 0; p < 3; p++)
        for (int y = 0; y < (p ? 9 : 17); y++)
            memset(image.plane[p] + y * image.stride[p], p, p ? 34 : 66);
    again = media_frame_ref(frame);
    media_frame_unref(&frame);
    assert_null(frame);
    CHECK_INT("still there", media_frame_image(again).plane[2][0], 2);
    CHECK_OK(media_frame_new(&other, 33, 17, 10, &err), err);
    assert_ptr_not_equal(media_frame_image(other).plane[0], image.plane[0]);
    media_frame_unref(&again);
    media_frame_unref(&other);
    media_frame_unref(&other);
    assert_int_equal(media_frame_new(&frame, 0, 17, 8, &err), -1);
    assert_int_equal(media_frame_new(&frame, 100000, 17, 8, &err), -1);
}

/* A picture that there is no memory for is no damaged one: the attempt has failed. */
static void memory_that_ends_is_no_damage(void **state)
{
    static const char *const names[] = { "h264.mp4", "h264_10.mp4", "mjpeg.avi", "hevc_open.mp4" };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        AUTO(store_reader) struct store_reader *reader = NULL;
        AUTO(media_source) struct media_source *source = NULL;
        AUTO(media_decoder) struct media_decoder *decoder = NULL;
        AUTO(media_frame) struct media_frame *frame = NULL;
        struct media_decoder_opts opts = { .bit_depth = 8, .threads = 2 };
        struct media_source_opts from = { .what = names[i] };
        char path[FILM_PATH_SIZE];
        struct err err = { .code = ERR_NONE };
        int rc;

        film_path(path, names[i]);
        CHECK_OK(store_reader_open_uri(&reader, STORE_SOURCE, path, path, &err), err);
        CHECK_OK(media_source_open(&source, reader, &from, &err), err);
        opts.stream = media_source_video(source);
        CHECK_OK(media_decoder_open(&decoder, source, &opts, &err), err);
        av_max_alloc(PICTURE_BYTES);
        rc = media_decoder_next(decoder, &frame, &err);
        av_max_alloc(INT_MAX);
        CHECK_INT(names[i], rc, -1);
        CHECK_INT(names[i], err.code, ERR_NOMEM);
        CHECK_INT(names[i], media_decoder_damaged(decoder), 0);
    }
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 2] = {
        cmocka_unit_test(frames_are_counted),
        cmocka_unit_test(memory_that_ends_is_no_damage),
    };

    media_quiet();
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i + 2] = (struct CMUnitTest){ .name = rows[i].name,
                                            .test_func = check_pixels,
                                            .initial_state = (void *)&rows[i] };
    return _cmocka_run_group_tests("pixels", tests, COUNT(tests), NULL, NULL);
}
