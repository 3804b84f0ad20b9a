/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"
#include "worker/assemble/playlist.h"

#include <string.h>

#define SECOND 1000000

static struct media_package_piece pictures[] = { { 900, 1000000, 6 * SECOND },
                                                 { 1000900, 500000, 2 * SECOND + 40000 } };
static struct media_package_piece sounds[] = { { 600, 96000, 8 * SECOND + 21333 } };
static struct media_package_piece texts[] = { { 0, 400, 8 * SECOND + 40000 } };

static const struct media_package_track video = { .kind = PACKAGE_VIDEO,
                                                  .codecs = "avc1.640028",
                                                  .width = 3840,
                                                  .height = 1080,
                                                  .color_trc = 16,
                                                  .frame_rate = { 30000, 1001 },
                                                  .init_bytes = 900,
                                                  .pieces = pictures,
                                                  .count = 2 };

static struct media_package_track sound(const char *codecs, const char *language, bool marked)
{
    struct media_package_track track = { .kind = PACKAGE_SOUND,
                                         .channels = 6,
                                         .is_default = marked,
                                         .init_bytes = 600,
                                         .pieces = sounds,
                                         .count = 1 };

    (void)snprintf(track.codecs, sizeof(track.codecs), "%s", codecs);
    (void)snprintf(track.language, sizeof(track.language), "%s", language);
    return track;
}

static void ranges_of_a_file(void **state)
{
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, 4096);
    CHECK_OK(playlist_media(&out, &video, 7, "video.mp4", &err), err);
    assert_string_equal(out.data, "#EXTM3U\n"
                                  "#EXT-X-VERSION:7\n"
                                  "#EXT-X-TARGETDURATION:7\n"
                                  "#EXT-X-MEDIA-SEQUENCE:0\n"
                                  "#EXT-X-PLAYLIST-TYPE:VOD\n"
                                  "#EXT-X-INDEPENDENT-SEGMENTS\n"
                                  "#EXT-X-MAP:URI=\"video.mp4\",BYTERANGE=\"900@0\"\n"
                                  "#EXTINF:6.000000,\n"
                                  "#EXT-X-BYTERANGE:1000000@900\n"
                                  "video.mp4\n"
                                  "#EXTINF:2.040000,\n"
                                  "#EXT-X-BYTERANGE:500000@1000900\n"
                                  "video.mp4\n"
                                  "#EXT-X-ENDLIST\n");
}

static void text_is_whole(void **state)
{
    struct media_package_track text = { .kind = PACKAGE_TEXT, .pieces = texts, .count = 1 };
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, 4096);
    CHECK_OK(playlist_media(&out, &text, 7, "text-1.vtt", &err), err);
    assert_non_null(strstr(out.data, "#EXT-X-TARGETDURATION:9\n"));
    assert_non_null(strstr(out.data, "#EXTINF:8.040000,\ntext-1.vtt\n#EXT-X-ENDLIST\n"));
    assert_null(strstr(out.data, "BYTERANGE"));
    assert_null(strstr(out.data, "MAP"));
}

static void pictures_alone(void **state)
{
    const struct media_package_track *tracks[] = { &video };
    const char *names[] = { "video" };
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, 4096);
    CHECK_OK(playlist_main(&out, tracks, names, 1, "film_hls/x", &err), err);
    /* 500,000 bytes in 2.04 s are busier, but too short; 1,500,000 in 8.04 s are all */
    assert_string_equal(out.data, "#EXTM3U\n"
                                  "#EXT-X-VERSION:7\n"
                                  "#EXT-X-INDEPENDENT-SEGMENTS\n"
                                  "#EXT-X-STREAM-INF:BANDWIDTH=1492538,AVERAGE-BANDWIDTH=1492538,"
                                  "CODECS=\"avc1.640028\",RESOLUTION=3840x1080,VIDEO-RANGE=PQ,"
                                  "FRAME-RATE=29.970\n"
                                  "film_hls/x/video.m3u8\n");
}

/* A last piece of 20 ms that is mostly headers, beside one of 6 s. */
static void the_busiest_run(void **state)
{
    struct media_package_piece pieces[] = { { 0, 1000, 6 * SECOND },
                                            { 1000, 9000, 6 * SECOND },
                                            { 10000, 900, SECOND / 50 } };
    struct media_package_track track = video;
    const struct media_package_track *tracks[] = { &track };
    const char *names[] = { "video" };
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    track.pieces = pieces;
    track.count = COUNT(pieces);
    buf_init(&out, 4096);
    CHECK_OK(playlist_main(&out, tracks, names, 1, "f", &err), err);
    assert_non_null(strstr(out.data, ":BANDWIDTH=13157,AVERAGE-BANDWIDTH=7255,"));
}

static void one_target_for_all_but_texts(void **state)
{
    struct media_package_piece long_text[] = { { 0, 400, 100 * SECOND } };
    struct media_package_track one = sound("ac-3", "eng", false);
    struct media_package_track text = { .kind = PACKAGE_TEXT, .pieces = long_text, .count = 1 };
    const struct media_package_track *tracks[] = { &video, &one, &text };

    (void)state;
    CHECK_INT("of the picture", playlist_target(tracks, 1), 6);
    CHECK_INT("of the longest", playlist_target(tracks, 3), 9);
}

/* A title that is another's language. */
static void no_two_names_are_the_same(void **state)
{
    struct media_package_track one = sound("ac-3", "fra", false), two = sound("ac-3", "eng", false);
    const struct media_package_track *tracks[] = { &video, &one, &two };
    const char *names[] = { "video", "sound-1", "sound-2" };
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    (void)snprintf(two.title, sizeof(two.title), "fra");
    buf_init(&out, 4096);
    CHECK_OK(playlist_main(&out, tracks, names, 3, "f", &err), err);
    assert_non_null(strstr(out.data, "NAME=\"fra\",LANGUAGE=\"fr\""));
    assert_non_null(strstr(out.data, "NAME=\"fra (sound-2)\",LANGUAGE=\"en\""));
    /* Latin-1, whole UTF-8, and what a limit cut: a playlist is UTF-8 or nothing. */
    (void)snprintf(two.title, sizeof(two.title), "caf\xe9 \xc3\xa9\xe3\x81");
    buf_clear(&out);
    buf_init(&out, 4096);
    CHECK_OK(playlist_main(&out, tracks, names, 3, "f", &err), err);
    assert_non_null(strstr(out.data, "NAME=\"caf? \xc3\xa9??\",LANGUAGE=\"en\""));
}

/* Two codecs: two groups, each with a variant; the texts are the same for both. */
static void groups_of_sounds(void **state)
{
    struct media_package_track one = sound("mp4a.40.2", "eng", false);
    struct media_package_track two = sound("ac-3", "eng", true);
    struct media_package_track three = sound("mp4a.40.2", "deu", true);
    struct media_package_track text = { .kind = PACKAGE_TEXT,
                                        .language = "gsw",
                                        .title = "with \"quotes\"\n",
                                        .forced = true,
                                        .hearing_impaired = true,
                                        .pieces = texts,
                                        .count = 1 };
    const struct media_package_track *tracks[] = { &video, &one, &two, &three, &text };
    const char *names[] = { "video", "sound-1", "sound-2", "sound-3", "text-1" };
    AUTO_BUF struct buf out;
    struct err err;

    (void)state;
    buf_init(&out, 8192);
    CHECK_OK(playlist_main(&out, tracks, names, 5, "f/x", &err), err);
    assert_non_null(strstr(out.data, "TYPE=AUDIO,GROUP-ID=\"sound1\",NAME=\"eng\",LANGUAGE=\"en\","
                                     "DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"6\","
                                     "URI=\"f/x/sound-1.m3u8\"\n"));
    assert_non_null(strstr(out.data, "GROUP-ID=\"sound2\",NAME=\"eng (sound-2)\",LANGUAGE=\"en\","
                                     "DEFAULT=YES,"));
    assert_non_null(strstr(out.data, "GROUP-ID=\"sound1\",NAME=\"deu\",LANGUAGE=\"de\","
                                     "DEFAULT=YES,"));
    assert_non_null(strstr(out.data, "TYPE=SUBTITLES,GROUP-ID=\"text0\",NAME=\"with 'quotes' \","
                                     "LANGUAGE=\"gsw\",DEFAULT=NO,AUTOSELECT=YES,FORCED=YES,"
                                     "CHARACTERISTICS=\"public.accessibility.transcribes-spoken-"
                                     "dialog,public.accessibility.describes-music-and-sound\","
                                     "URI=\"f/x/text-1.m3u8\"\n"));
    assert_non_null(strstr(out.data, "CODECS=\"avc1.640028,mp4a.40.2\""));
    assert_non_null(strstr(out.data, "AUDIO=\"sound1\",SUBTITLES=\"text0\"\nf/x/video.m3u8\n"));
    assert_non_null(strstr(out.data, "CODECS=\"avc1.640028,ac-3\""));
    assert_non_null(strstr(out.data, "AUDIO=\"sound2\",SUBTITLES=\"text0\"\nf/x/video.m3u8\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_a_file),
        cmocka_unit_test(text_is_whole),
        cmocka_unit_test(pictures_alone),
        cmocka_unit_test(the_busiest_run),
        cmocka_unit_test(one_target_for_all_but_texts),
        cmocka_unit_test(no_two_names_are_the_same),
        cmocka_unit_test(groups_of_sounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
