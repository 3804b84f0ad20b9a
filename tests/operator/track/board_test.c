/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/mem.h"
#include "operator/track/board.h"

#include <stdio.h>
#include <stdlib.h>

#define TOKEN    "aabbccddeeff00112233445566778899"
#define UID_TEXT "6f1c1f5e-0000-4000-8000-00000000abcd"

static struct record record_of(enum stage stage, uint32_t index)
{
    struct record record = { .id = { .stage = stage, .index = index },
                             .segments = 3,
                             .time_base = { 1, 1000 } };

    (void)snprintf(record.uid, sizeof(record.uid), UID_TEXT);
    (void)snprintf(record.object, sizeof(record.object), "x");
    memset(record.sha256, 'a', HASH_HEX_SIZE - 1);
    memset(record.extradata_sha256, 'b', HASH_HEX_SIZE - 1);
    return record;
}

static bool add(struct board *board, const char *field, const struct record *record,
                const char *token)
{
    AUTO_FREE char *text = record_format(record, token);

    return board_add_done(board, field, text, strlen(text));
}

static void only_what_is_signed_and_in_its_place_counts(void **state)
{
    struct record plan = record_of(STAGE_PLAN, 0), seven = record_of(STAGE_CONVERT, 7);
    struct record last = record_of(STAGE_CONVERT, PLAN_MAX_SEGMENTS - 1), foreign = seven;
    struct record assemble = record_of(STAGE_ASSEMBLE, 0);
    struct board board;

    (void)state;
    board_init(&board, UID_TEXT, TOKEN);
    foreign.uid[0] = 'x';
    assert_false(add(&board, "7", &seven, "00"));    /* signed by somebody else */
    assert_false(add(&board, "7", &seven, NULL));    /* not signed */
    assert_false(add(&board, "7", &foreign, TOKEN)); /* of another job */
    assert_false(add(&board, "8", &seven, TOKEN));   /* in another's place */
    assert_false(add(&board, "007", &seven, TOKEN));
    assert_false(add(&board, "seven", &seven, TOKEN));
    assert_false(add(&board, "", &seven, TOKEN));
    assert_false(add(&board, "20000", &seven, TOKEN));
    assert_false(add(&board, "99999999999999", &seven, TOKEN));
    assert_false(board_add_done(&board, "7", "junk", 4));
    assert_int_equal(board.done_count, 0);
    assert_true(add(&board, "7", &seven, TOKEN));  /* after all that */
    assert_false(add(&board, "7", &seven, TOKEN)); /* known */
    assert_true(add(&board, "plan", &plan, TOKEN));
    assert_true(add(&board, "assemble", &assemble, TOKEN));
    assert_true(add(&board, "19999", &last, TOKEN));
    assert_int_equal(board.done_count, 4);
    assert_false(board_wants_done(&board, "7"));
    assert_true(board_wants_done(&board, "8"));
    assert_false(board_wants_done(&board, "20000"));
    board_clear(&board);
}

static bool beat(struct board *board, uint32_t epoch, uint32_t attempt, int64_t progress,
                 int64_t now_ms)
{
    struct beat beat = { .id = { STAGE_CONVERT, 7, epoch, attempt },
                         .progress = progress,
                         .step = "encode" };
    AUTO_FREE char *text = beat_format(&beat, TOKEN);

    return board_add_beat(board, "7", text, strlen(text), now_ms);
}

static void progress_moves_when_it_grows(void **state)
{
    AUTO_FREE char *forged = NULL;
    struct beat other = { .id = { STAGE_CONVERT, 7, 9, 9 }, .progress = 999, .step = "x" };
    struct board board;

    (void)state;
    board_init(&board, UID_TEXT, TOKEN);
    assert_true(beat(&board, 0, 0, 10, 1000));
    assert_false(beat(&board, 0, 0, 10, 2000));
    assert_int_equal(board.beats[0].progress_ms, 1000);
    assert_true(beat(&board, 0, 0, 11, 3000));
    assert_int_equal(board.beats[0].progress_ms, 3000);
    assert_false(beat(&board, 0, 0, 5, 4000)); /* backwards is no progress */
    assert_int_equal(board.beats[0].progress_ms, 3000);
    assert_true(beat(&board, 0, 1, 0, 5000)); /* the next attempt begins anew */
    assert_int_equal(board.beats[0].progress_ms, 5000);
    assert_false(beat(&board, 0, 0, 100, 6000)); /* the old one still beats */
    assert_int_equal(board.beats[0].beat.id.attempt, 1);
    assert_true(beat(&board, 1, 0, 0, 7000)); /* a new epoch counts from 0 */
    assert_int_equal(board.beats[0].beat.id.epoch, 1);
    forged = beat_format(&other, "00");
    assert_false(board_add_beat(&board, "7", forged, strlen(forged), 8000));
    assert_int_equal(board.beat_count, 1);
    board_clear(&board);
}

static void a_whole_film_fits(void **state)
{
    struct board board;

    (void)state;
    board_init(&board, UID_TEXT, TOKEN);
    for (uint32_t i = 0; i < 2000; i++) {
        struct record record = record_of(STAGE_CONVERT, i * 10);
        char field[16];

        name_field(field, &record.id);
        assert_true(add(&board, field, &record, TOKEN));
    }
    assert_int_equal(board.done_count, 2000);
    assert_int_equal(board.done[1999].id.index, 19990);
    board_clear(&board);
}

static void a_settled_segment_is_forgotten_and_not_wanted(void **state)
{
    struct board board;

    (void)state;
    board_init(&board, UID_TEXT, TOKEN);
    for (uint32_t i = 0; i < 9; i++) {
        struct record record = record_of(STAGE_CONVERT, i);
        char field[16];

        name_field(field, &record.id);
        assert_true(add(&board, field, &record, TOKEN));
    }
    assert_true(beat(&board, 0, 0, 10, 1000)); /* of 7 */
    board_settle(&board, 7);
    board_settle(&board, 7);
    board_settle(&board, 2);
    board_settle(&board, 500); /* before it was ever heard of */
    assert_int_equal(board.done_count, 7);
    assert_int_equal(board.beat_count, 0);
    assert_false(board_wants_done(&board, "7"));
    assert_false(board_wants_done(&board, "500"));
    assert_false(beat(&board, 0, 0, 11, 2000));
    for (uint32_t i = 0; i < 9; i++) {
        bool held = false;

        for (size_t at = 0; at < board.done_count; at++)
            held |= board.done[at].id.index == i;
        CHECK_INT("held", held, i != 7 && i != 2);
    }
    board_settle(&board, 8);
    assert_int_equal(board.done_count, 6);
    board_clear(&board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_signed_and_in_its_place_counts),
        cmocka_unit_test(progress_moves_when_it_grows),
        cmocka_unit_test(a_whole_film_fits),
        cmocka_unit_test(a_settled_segment_is_forgotten_and_not_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
