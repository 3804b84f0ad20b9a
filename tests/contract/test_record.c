/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/contract/record.h"
#include "common/json.h"
#include "common/mem.h"

#define UID   "0f8fad5b-d9cb-469f-a165-70867728950e"
#define TOKEN "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1e"
#define SHA   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct record plan_record = {
    .uid = UID,
    .id = { STAGE_PLAN, 0, 1, 2 },
    .segments = 20000,
    .memory_bytes = INT64_C(1) << 60,
    .build = "stereo-worker 0.1.0 (abc)",
    .codec = "libx265",
    .packed_width = 7680,
    .packed_height = 2160,
    .warning = "seeking costs 40 %: \"one\" keyframe\n",
    .frames = INT64_C(9007199254740993), /* no double */
    .duration_ms = 1234567,
    .wall_ms = 89,
};

static const struct record convert_record = {
    .uid = UID,
    .id = { STAGE_CONVERT, 7, 0, 3 },
    .frames = 1500,
    .object = "segments/00007/e0-a3.nut",
    .start_pts = -1001,
    .end_pts = INT64_C(1) << 60,
    .time_base = { 1001, 30000 },
    .pts_crc = UINT32_MAX,
    .reorder = 2,
    .extradata_sha256 = SHA,
    .bytes = 123456789,
    .crc32c = 0xfedcba98u,
    .sha256 = SHA,
    .duration_ms = 60000,
    .wall_ms = 45000,
};

static const struct record assemble_record = {
    .uid = UID,
    .id = { STAGE_ASSEMBLE, 0, 0, 0 },
    .frames = 100000,
    .damaged = 17,
    .scaled = 19,
    .right_bytes = INT64_C(1) << 39,
    .bytes = INT64_C(1) << 40,
    .duration_ms = 4000000,
    .wall_ms = 1000,
};

static const struct record clean_record = { .uid = UID,
                                            .id = { STAGE_CLEAN, 0, 0, 0 },
                                            .wall_ms = 12 };

static const struct record *const all[] = { &plan_record, &convert_record, &assemble_record,
                                            &clean_record };

static void check_same(const struct record *got, const struct record *want)
{
    CHECK_STR("uid", got->uid, want->uid);
    CHECK_INT("stage", got->id.stage, want->id.stage);
    CHECK_INT("index", got->id.index, want->id.index);
    CHECK_INT("epoch", got->id.epoch, want->id.epoch);
    CHECK_INT("attempt", got->id.attempt, want->id.attempt);
    CHECK_INT("segments", got->segments, want->segments);
    CHECK_INT("memory", got->memory_bytes, want->memory_bytes);
    CHECK_STR("build", got->build, want->build);
    CHECK_STR("codec", got->codec, want->codec);
    CHECK_INT("width", got->packed_width, want->packed_width);
    CHECK_INT("height", got->packed_height, want->packed_height);
    CHECK_STR("warning", got->warning, want->warning);
    CHECK_INT("frames", got->frames, want->frames);
    CHECK_STR("object", got->object, want->object);
    CHECK_INT("start", got->start_pts, want->start_pts);
    CHECK_INT("end", got->end_pts, want->end_pts);
    CHECK_INT("num", got->time_base.num, want->time_base.num);
    CHECK_INT("den", got->time_base.den, want->time_base.den);
    CHECK_INT("crc", got->pts_crc, want->pts_crc);
    CHECK_INT("reorder", got->reorder, want->reorder);
    CHECK_STR("extradata", got->extradata_sha256, want->extradata_sha256);
    CHECK_INT("bytes", got->bytes, want->bytes);
    CHECK_INT("right bytes", got->right_bytes, want->right_bytes);
    CHECK_INT("crc32c", got->crc32c, want->crc32c);
    CHECK_STR("sha256", got->sha256, want->sha256);
    CHECK_INT("damaged", got->damaged, want->damaged);
    CHECK_INT("scaled", got->scaled, want->scaled);
    CHECK_INT("duration", got->duration_ms, want->duration_ms);
    CHECK_INT("wall", got->wall_ms, want->wall_ms);
}

static void records_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        AUTO_FREE char *text = record_format(all[i], TOKEN);
        struct record got;
        struct err err;

        assert_true(strlen(text) <= RECORD_MAX_BYTES);
        CHECK_OK(record_parse(&got, text, strlen(text), TOKEN, &err), err);
        check_same(&got, all[i]);
        CHECK_OK(record_parse(&got, text, strlen(text), NULL, &err), err);
        check_same(&got, all[i]);
    }
}

/* So that any other program can check one. */
static void the_mac_is_of_the_compact_json_without_it(void **state)
{
    AUTO_FREE char *text = record_format(&clean_record, TOKEN);
    AUTO(cJSON) cJSON *obj = NULL;
    AUTO_FREE char *plain = NULL;
    char hex[HASH_HEX_SIZE];
    uint8_t key[32];
    struct err err;

    (void)state;
    for (uint8_t i = 0; i < sizeof(key); i++)
        key[i] = i;
    CHECK_OK(json_parse(&obj, text, strlen(text), &err), err);
    assert_non_null(obj);
    {
        AUTO(cJSON) cJSON *mac = cJSON_DetachItemFromObject(obj, "mac");

        plain = json_print(obj);
        hash_hmac(hex, key, sizeof(key), plain, strlen(plain));
        CHECK_STR("mac", mac->valuestring, hex);
    }
    CHECK_STR("text", plain,
              "{\"uid\":\"" UID "\",\"stage\":\"clean\",\"index\":0,\"epoch\":0,\"attempt\":0,"
              "\"wallMs\":12}");
}

/* Whatever byte is changed, however: it is no longer believed. */
static void a_changed_byte_is_noticed(void **state)
{
    (void)state;
    for (size_t r = 0; r < COUNT(all); r++) {
        AUTO_FREE char *text = record_format(all[r], TOKEN);
        size_t len = strlen(text);

        for (size_t i = 0; i < len; i++) {
            char was = text[i];

            for (int bit = 0; bit < 8; bit++) {
                struct record got;
                struct err err;

                text[i] = (char)(was ^ (1 << bit));
                if (record_parse(&got, text, len, TOKEN, &err) == 0)
                    fail_msg("byte %zu, bit %d: taken: %s", i, bit, text);
                assert_true(err.code == ERR_CONFLICT || err.code == ERR_INTERNAL);
            }
            text[i] = was;
        }
    }
}

static void cut_and_longer_records_are_noticed(void **state)
{
    AUTO_FREE char *text = record_format(&convert_record, TOKEN);
    AUTO_FREE char *longer = xasprintf("%s ", text);
    size_t len = strlen(text);
    struct record got;
    struct err err;

    (void)state;
    for (size_t i = 0; i < len; i++)
        CHECK_ERR(record_parse(&got, text, i, TOKEN, &err), err, ERR_INTERNAL);
    CHECK_ERR(record_parse(&got, longer, len + 1, TOKEN, &err), err, ERR_CONFLICT);
}

static void only_the_jobs_token_is_believed(void **state)
{
    static const char *const tokens[] = { OTHER, "", "00", "xyz", "0", TOKEN "01" };
    AUTO_FREE char *text = record_format(&convert_record, TOKEN);
    AUTO_FREE char *plain = record_format(&convert_record, NULL);
    AUTO_FREE char *empty = record_format(&convert_record, "");
    struct record got = { .frames = 77 };
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(tokens); i++)
        CHECK_ERR(record_parse(&got, text, strlen(text), tokens[i], &err), err, ERR_CONFLICT);
    assert_null(strstr(plain, "mac"));
    CHECK_STR("no token, no mac", empty, plain);
    CHECK_ERR(record_parse(&got, plain, strlen(plain), TOKEN, &err), err, ERR_CONFLICT);
    CHECK_ERR(record_parse(&got, empty, strlen(empty), "", &err), err, ERR_CONFLICT);
    CHECK_INT("untouched", got.frames, 77);
}

/* Without a token there is nothing to believe, also not what was made with an empty key. */
static void an_empty_key_proves_nothing(void **state)
{
    AUTO_FREE char *plain = record_format(&clean_record, NULL);
    AUTO_FREE char *forged = NULL;
    char hex[HASH_HEX_SIZE];
    struct record got;
    struct err err;

    (void)state;
    hash_hmac(hex, "", 0, plain, strlen(plain));
    forged = xasprintf("%.*s,\"mac\":\"%s\"}", (int)strlen(plain) - 1, plain, hex);
    CHECK_ERR(record_parse(&got, forged, strlen(forged), "", &err), err, ERR_CONFLICT);
    CHECK_ERR(record_parse(&got, forged, strlen(forged), "no hex", &err), err, ERR_CONFLICT);
}

static void a_size_beyond_all_measure_stays_readable(void **state)
{
    struct record big = assemble_record, got;
    AUTO_FREE char *text = NULL;
    struct err err;

    (void)state;
    big.bytes = UINT64_MAX;
    text = record_format(&big, NULL);
    CHECK_OK(record_parse(&got, text, strlen(text), NULL, &err), err);
    CHECK_INT("bytes", got.bytes, INT64_MAX);
}

static void upper_case_tokens_are_the_same_key(void **state)
{
    AUTO_FREE char *text = record_format(&clean_record, "abcdef01");
    struct record got;
    struct err err;

    (void)state;
    CHECK_OK(record_parse(&got, text, strlen(text), "ABCDEF01", &err), err);
}

/* Every character of the warning costs six bytes: it is cut rather than the limit passed. */
static void a_record_is_never_too_long(void **state)
{
    struct record big = plan_record, got;
    AUTO_FREE char *text = NULL;
    struct err err;

    (void)state;
    memset(big.warning, 1, sizeof(big.warning) - 1);
    memset(big.build, 1, sizeof(big.build) - 1);
    memset(big.codec, 1, sizeof(big.codec) - 1);
    memset(big.uid, 1, sizeof(big.uid) - 1);
    text = record_format(&big, TOKEN);
    assert_true(strlen(text) <= RECORD_MAX_BYTES);
    CHECK_OK(record_parse(&got, text, strlen(text), TOKEN, &err), err);
    assert_true(strlen(got.warning) > 100);
    CHECK_INT("frames", got.frames, big.frames);
}

static void what_is_no_record_is_named(void **state)
{
    static const struct {
        const char *from, *to; /* in the convert record */
        const char *want;
    } rows[] = {
        { "\"convert\"", "\"convrt\"", "record: stage: 'convrt' is none" },
        { "\"index\":7", "\"index\":20000", "record: index: must be 0..19999" },
        { "\"index\":7", "\"index\":-1", "record: index: must be" },
        { "\"index\":7", "\"index\":\"7\"", "record: index: must be" },
        { "\"frames\":1500", "\"frames\":-1", "record: frames: must be" },
        { "\"frames\":1500,", "", "record: frames: is missing" },
        { "[1001,30000]", "[1001]", "record: timeBase: must be a list of 2..2 items" },
        { "[1001,30000]", "[1001,0]", "record: timeBase: den: must be" },
        { "[1001,30000]", "[null,1]", "record: timeBase: num: must be" },
        { "\"sha256\":\"" SHA, "\"sha256\":\"E", "record: sha256: must be 64 lower-case hex" },
        { "\"uid\":\"", "\"uid\":\"xxxxxxxxxxxx", "record: uid: must have at most 39 bytes" },
        { "\"reorder\":2", "\"reorder\":65", "record: reorder: must be 0..64" },
        { "\"convert\"", "\"plan\"", "record: segments: is missing" },
        { "{", "[", "record: is not JSON" },
    };
    AUTO_FREE char *text = record_format(&convert_record, NULL);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *at = strstr(text, rows[i].from);
        AUTO_FREE char *bad = NULL;
        struct record got;
        struct err err;

        assert_non_null(at);
        bad = xasprintf("%.*s%s%s", (int)(at - text), text, rows[i].to, at + strlen(rows[i].from));
        CHECK_ERR(record_parse(&got, bad, strlen(bad), NULL, &err), err, ERR_INTERNAL);
        CHECK_HAS(rows[i].to, err.msg, rows[i].want);
    }
}

static void an_oversize_text_is_refused(void **state)
{
    char text[RECORD_MAX_BYTES + 2];
    struct record record;
    struct beat beat;
    struct err err;
    enum attempt_class cls;
    char message[240];

    (void)state;
    memset(text, ' ', sizeof(text));
    CHECK_ERR(record_parse(&record, text, RECORD_MAX_BYTES + 1, NULL, &err), err, ERR_INTERNAL);
    CHECK_STR("record", err.msg, "record: has 3073 bytes, at most 3072");
    CHECK_ERR(beat_parse(&beat, text, RECORD_MAX_BYTES + 1, NULL, &err), err, ERR_INTERNAL);
    CHECK_STR("beat", err.msg, "beat: has 3073 bytes, at most 3072");
    assert_int_equal(failure_parse(&cls, message, text, RECORD_MAX_BYTES + 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(the_mac_is_of_the_compact_json_without_it),
        cmocka_unit_test(a_changed_byte_is_noticed),
        cmocka_unit_test(cut_and_longer_records_are_noticed),
        cmocka_unit_test(only_the_jobs_token_is_believed),
        cmocka_unit_test(an_empty_key_proves_nothing),
        cmocka_unit_test(a_size_beyond_all_measure_stays_readable),
        cmocka_unit_test(upper_case_tokens_are_the_same_key),
        cmocka_unit_test(a_record_is_never_too_long),
        cmocka_unit_test(what_is_no_record_is_named),
        cmocka_unit_test(an_oversize_text_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
