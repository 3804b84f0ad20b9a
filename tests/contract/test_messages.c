/* SPDX-License-Identifier: Apache-2.0
 *
 * Failures, heartbeats and encoder facts.
 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "common/contract/record.h"
#include "common/mem.h"

#define TOKEN "00112233445566778899aabbccddeeff"
#define SHA_A "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_B "f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void failures_come_back(void **state)
{
    (void)state;
    for (int i = CLASS_CONFIG; i < CLASS_COUNT; i++) {
        AUTO_FREE char *text = failure_format((enum attempt_class)i, "film.mp4: \"no\" video");
        enum attempt_class cls = CLASS_DONE;
        char message[240];

        assert_int_equal(failure_parse(&cls, message, text, strlen(text)), 0);
        CHECK_INT(text, cls, i);
        CHECK_STR(text, message, "film.mp4: \"no\" video");
    }
}

static void a_failure_is_as_the_header_says(void **state)
{
    AUTO_FREE char *text = failure_format(CLASS_INPUT, "no video");

    (void)state;
    CHECK_STR("text", text, "{\"class\":\"Input\",\"message\":\"no video\"}");
}

static void a_long_failure_is_cut_at_a_character(void **state)
{
    static const char *const units[] = { "x", "\xc3\xa4", "\xe2\x82\xac", "\x01", "\"" };

    (void)state;
    for (size_t i = 0; i < COUNT(units); i++) {
        AUTO_FREE char *words = xmalloc(10000);
        AUTO_FREE char *text = NULL;
        enum attempt_class cls;
        char message[240];
        size_t unit = strlen(units[i]);

        for (size_t at = 0; at < 9999; at++)
            words[at] = units[i][at % unit];
        words[9999] = '\0';
        text = failure_format(CLASS_SPACE, words);
        assert_true(strlen(text) <= RECORD_MAX_BYTES);
        assert_true(strlen(text) > RECORD_MAX_BYTES / 3);
        assert_int_equal(failure_parse(&cls, message, text, strlen(text)), 0);
        CHECK_INT(units[i], strlen(message) % unit, 0);
        assert_true(strlen(message) >= 237);
    }
}

static void control_characters_do_not_reach_a_terminal(void **state)
{
    AUTO_FREE char *text = failure_format(CLASS_INPUT, "a\x1b[31m\nb\x7f");
    enum attempt_class cls;
    char message[240];

    (void)state;
    assert_int_equal(failure_parse(&cls, message, text, strlen(text)), 0);
    CHECK_STR("message", message, "a [31m b ");
}

static void what_is_no_failure_changes_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "Killed",
        "{}",
        "[]",
        "{\"class\":\"Input\"}",
        "{\"message\":\"x\"}",
        "{\"class\":1,\"message\":\"x\"}",
        "{\"class\":\"Input\",\"message\":null}",
        "{\"class\":\"Done\",\"message\":\"x\"}",
        "{\"class\":\"Input\",\"message\":\"x\"} x",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        enum attempt_class cls = CLASS_GPU;
        char message[240] = "before";

        CHECK_INT(texts[i], failure_parse(&cls, message, texts[i], strlen(texts[i])), -1);
        CHECK_INT(texts[i], cls, CLASS_GPU);
        CHECK_STR(texts[i], message, "before");
    }
}

static void an_unknown_class_is_internal(void **state)
{
    static const char text[] = "{\"class\":\"Cosmic\",\"message\":\"rays\"}";
    enum attempt_class cls = CLASS_GPU;
    char message[240];

    (void)state;
    assert_int_equal(failure_parse(&cls, message, text, strlen(text)), 0);
    CHECK_INT("class", cls, CLASS_INTERNAL);
}

static const struct beat beat = {
    .id = { STAGE_CONVERT, 7, 1, 2 },
    .pod = "film-0f8fad5b-c00007-e1-a2",
    .step = "encode",
    .progress = INT64_C(9007199254740993),
    .frames_done = 12,
    .frames_total = 1500,
    .at_unix_ms = INT64_C(1795341600000),
};

static void beats_come_back(void **state)
{
    AUTO_FREE char *text = beat_format(&beat, TOKEN);
    struct beat got;
    struct err err;

    (void)state;
    CHECK_OK(beat_parse(&got, text, strlen(text), TOKEN, &err), err);
    CHECK_INT("stage", got.id.stage, STAGE_CONVERT);
    CHECK_INT("index", got.id.index, 7);
    CHECK_INT("epoch", got.id.epoch, 1);
    CHECK_INT("attempt", got.id.attempt, 2);
    CHECK_STR("pod", got.pod, beat.pod);
    CHECK_STR("step", got.step, "encode");
    CHECK_INT("progress", got.progress, beat.progress);
    CHECK_INT("done", got.frames_done, 12);
    CHECK_INT("total", got.frames_total, 1500);
    CHECK_INT("at", got.at_unix_ms, beat.at_unix_ms);
}

static void a_beat_of_somebody_else_is_not_believed(void **state)
{
    AUTO_FREE char *text = beat_format(&beat, TOKEN);
    size_t len = strlen(text);
    struct beat got;
    struct err err;

    (void)state;
    for (size_t i = 0; i < len; i++) {
        text[i] ^= 1;
        assert_int_equal(beat_parse(&got, text, len, TOKEN, &err), -1);
        text[i] ^= 1;
    }
    CHECK_ERR(beat_parse(&got, text, len, "01", &err), err, ERR_CONFLICT);
    CHECK_OK(beat_parse(&got, text, len, NULL, &err), err);
    CHECK_ERR(beat_parse(&got, "{}", 2, NULL, &err), err, ERR_INTERNAL);
    CHECK_STR("empty", err.msg, "beat: stage: is missing, must be a string");
}

static const struct encoder_facts facts = {
    .codec = "libx264",
    .options = "preset=medium:crf=20:threads=4:bf=3",
    .threads = 4,
    .extradata_sha256 = SHA_A,
    .pix_fmt = "yuv420p",
    .width = 3840,
    .height = 1080,
    .build = "libavcodec 59.37.100, x264 164",
};

static void facts_come_back(void **state)
{
    AUTO_FREE char *text = encoder_facts_format(&facts);
    struct encoder_facts got;
    struct err err;

    (void)state;
    CHECK_OK(encoder_facts_parse(&got, text, strlen(text), &err), err);
    CHECK_STR("codec", got.codec, facts.codec);
    CHECK_STR("options", got.options, facts.options);
    CHECK_INT("threads", got.threads, facts.threads);
    CHECK_STR("extradata", got.extradata_sha256, facts.extradata_sha256);
    CHECK_STR("pixFmt", got.pix_fmt, facts.pix_fmt);
    CHECK_INT("width", got.width, facts.width);
    CHECK_INT("height", got.height, facts.height);
    CHECK_STR("build", got.build, facts.build);
    CHECK_OK(encoder_facts_compare(&facts, &got, &err), err);
}

static void no_facts_are_named(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "", "encoder.json: is not JSON" },
        { "{}", "encoder.json: codec: is missing" },
        { "{\"codec\":3}", "encoder.json: codec: must be a string" },
        { "{\"codec\":\"a\",\"pixFmt\":\"yuv420p10le-and-more\"}",
          "encoder.json: pixFmt: must have at most 15 bytes" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct encoder_facts got;
        struct err err;

        CHECK_ERR(encoder_facts_parse(&got, rows[i].text, strlen(rows[i].text), &err), err,
                  ERR_INTERNAL);
        CHECK_HAS(rows[i].text, err.msg, rows[i].want);
    }
}

static void put(char *out, size_t size, const char *text)
{
    assert_true(strlen(text) < size);
    memcpy(out, text, strlen(text) + 1);
}

enum change { CODEC, OPTIONS, THREADS, EXTRADATA, PIX_FMT, WIDTH, HEIGHT, BUILD, TWO };

static void change(struct encoder_facts *here, enum change what)
{
    switch (what) {
    case CODEC:
        put(here->codec, sizeof(here->codec), "libx265");
        break;
    case OPTIONS:
        put(here->options, sizeof(here->options), "preset=medium:crf=22:threads=4:bf=3");
        break;
    case THREADS:
        here->threads = 8;
        break;
    case EXTRADATA:
        put(here->extradata_sha256, sizeof(here->extradata_sha256), SHA_B);
        break;
    case PIX_FMT:
        put(here->pix_fmt, sizeof(here->pix_fmt), "yuv420p10le");
        break;
    case WIDTH:
        here->width = 1920;
        break;
    case HEIGHT:
        here->height = 2160;
        break;
    case BUILD:
        put(here->build, sizeof(here->build), "x264 163");
        break;
    case TWO:
        change(here, EXTRADATA);
        change(here, BUILD);
    }
}

static void a_difference_names_both_values(void **state)
{
    static const struct {
        enum change what;
        const char *want;
    } rows[] = {
        { CODEC, "encoder: codec of this job is 'libx264', here it is 'libx265'" },
        { OPTIONS, "encoder: options of this job is 'crf=20:threads=4:bf=3', here it is "
                   "'crf=22:threads=4:bf=3'" },
        { THREADS, "encoder: threads of this job is 4, here it is 8" },
        { EXTRADATA,
          "encoder: extradataSha256 of this job is '" SHA_A "', here it is '" SHA_B "'" },
        { PIX_FMT, "encoder: pixFmt of this job is 'yuv420p', here it is 'yuv420p10le'" },
        { WIDTH, "encoder: width of this job is 3840, here it is 1920" },
        { HEIGHT, "encoder: height of this job is 1080, here it is 2160" },
        { BUILD, "encoder: build of this job is 'libavcodec 59.37.100, x264 164', here it is "
                 "'x264 163'" },
        { TWO, "encoder: build of this job is 'libavcodec 59.37.100, x264 164', here it is "
               "'x264 163'" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct encoder_facts here = facts;
        struct err err;

        change(&here, rows[i].what);
        CHECK_ERR(encoder_facts_compare(&facts, &here, &err), err, ERR_GPU);
        CHECK_STR("difference", err.msg, rows[i].want);
    }
}

/* A thousand characters of options: what differs is what is shown. */
static void long_options_show_where_they_differ(void **state)
{
    struct encoder_facts job = facts, here;
    struct err err;

    (void)state;
    memset(job.options, 'x', 1000);
    put(job.options + 1000, sizeof(job.options) - 1000, ":qp=1:z=2");
    here = job;
    here.options[1004] = '9';
    CHECK_ERR(encoder_facts_compare(&job, &here, &err), err, ERR_GPU);
    CHECK_STR("end", err.msg, "encoder: options of this job is 'qp=1:z=2', here it is 'qp=9:z=2'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_come_back),
        cmocka_unit_test(a_failure_is_as_the_header_says),
        cmocka_unit_test(a_long_failure_is_cut_at_a_character),
        cmocka_unit_test(control_characters_do_not_reach_a_terminal),
        cmocka_unit_test(what_is_no_failure_changes_nothing),
        cmocka_unit_test(an_unknown_class_is_internal),
        cmocka_unit_test(beats_come_back),
        cmocka_unit_test(a_beat_of_somebody_else_is_not_believed),
        cmocka_unit_test(facts_come_back),
        cmocka_unit_test(no_facts_are_named),
        cmocka_unit_test(a_difference_names_both_values),
        cmocka_unit_test(long_options_show_where_they_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
