/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/track/board.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT_PLAN, SLOT_ASSEMBLE, SLOT_CONVERT };

/* -1 when nobody of ours writes such a field. */
static int slot_of(const char *field)
{
    size_t len = strlen(field);

    if (strcmp(field, "plan") == 0)
        return SLOT_PLAN;
    if (strcmp(field, "assemble") == 0)
        return SLOT_ASSEMBLE;
    if (len < 1 || len > 5 || strspn(field, "0123456789") != len || (field[0] == '0' && len > 1))
        return -1;
    len = strtoul(field, NULL, 10);
    return len < PLAN_MAX_SEGMENTS ? SLOT_CONVERT + (int)len : -1;
}

static bool is_field(const char *field, const struct attempt_id *id)
{
    char name[16];

    name_field(name, id);
    return strcmp(name, field) == 0;
}

void board_init(struct board *board, const char *uid, const char *token_hex)
{
    *board = (struct board){ .token_hex = xstrdup(token_hex) };
    (void)snprintf(board->uid, sizeof(board->uid), "%s", uid);
}

void board_clear(struct board *board)
{
    if (board->token_hex)
        explicit_bzero(board->token_hex, strlen(board->token_hex));
    free(board->token_hex);
    free(board->done);
    free(board->beats);
    free(board->done_at);
    free(board->beat_at);
    *board = (struct board){ 0 };
}

/* Most films are short, and a thousand jobs are watched at a time. */
static void slots_grow(struct board *board, int slot)
{
    size_t cap = board->slot_cap ? board->slot_cap : 16;

    if ((size_t)slot < board->slot_cap)
        return;
    while (cap <= (size_t)slot)
        cap *= 2;
    board->done_at = xrealloc(board->done_at, cap * sizeof(board->done_at[0]));
    board->beat_at = xrealloc(board->beat_at, cap * sizeof(board->beat_at[0]));
    for (size_t i = board->slot_cap; i < cap; i++)
        board->done_at[i] = board->beat_at[i] = 0;
    board->slot_cap = cap;
}

bool board_wants_done(const struct board *board, const char *field)
{
    int slot = slot_of(field);

    return slot >= 0 && ((size_t)slot >= board->slot_cap || !board->done_at[slot]);
}

bool board_add_done(struct board *board, const char *field, const char *text, size_t len)
{
    struct record record;
    struct err dropped;

    if (!board_wants_done(board, field) ||
        record_parse(&record, text, len, board->token_hex, &dropped) < 0 ||
        strcmp(record.uid, board->uid) != 0 || !is_field(field, &record.id))
        return false;
    if (board->done_count == board->done_cap) {
        board->done_cap = board->done_cap ? 2 * board->done_cap : 16;
        board->done = xrealloc(board->done, board->done_cap * sizeof(board->done[0]));
    }
    slots_grow(board, slot_of(field));
    board->done[board->done_count++] = record;
    board->done_at[slot_of(field)] = (uint32_t)board->done_count;
    return true;
}

static struct track_beat *beat_at(struct board *board, int slot)
{
    slots_grow(board, slot);
    if (board->beat_at[slot])
        return &board->beats[board->beat_at[slot] - 1];
    if (board->beat_count == board->beat_cap) {
        board->beat_cap = board->beat_cap ? 2 * board->beat_cap : 16;
        board->beats = xrealloc(board->beats, board->beat_cap * sizeof(board->beats[0]));
    }
    board->beats[board->beat_count++] = (struct track_beat){ .progress_ms = 0 };
    board->beat_at[slot] = (uint32_t)board->beat_count;
    return &board->beats[board->beat_count - 1];
}

static bool is_newer(const struct attempt_id *a, const struct attempt_id *b)
{
    return a->epoch != b->epoch ? a->epoch > b->epoch : a->attempt > b->attempt;
}

static bool is_settled(const struct board *board, int slot)
{
    return (size_t)slot < board->slot_cap && board->done_at[slot] == BOARD_SETTLED;
}

/* A beat of an older attempt (it is being deleted, and still beats) does not take the newer's
 * place; progress moves when it grows, or when another attempt begins. */
bool board_add_beat(struct board *board, const char *field, const char *text, size_t len,
                    int64_t now_unix_ms)
{
    int slot = slot_of(field);
    struct track_beat *held;
    struct beat beat;
    struct err dropped;
    bool moved;

    if (slot < 0 || is_settled(board, slot) ||
        beat_parse(&beat, text, len, board->token_hex, &dropped) < 0 || !is_field(field, &beat.id))
        return false;
    held = beat_at(board, slot);
    if (held->progress_ms && is_newer(&held->beat.id, &beat.id))
        return false;
    moved = !held->progress_ms || is_newer(&beat.id, &held->beat.id) ||
            beat.progress > held->beat.progress;
    if (moved)
        held->progress_ms = now_unix_ms;
    held->beat = beat;
    return moved;
}

static int slot_of_id(const struct attempt_id *id)
{
    if (id->stage == STAGE_CONVERT)
        return SLOT_CONVERT + (int)id->index;
    return id->stage == STAGE_PLAN ? SLOT_PLAN : SLOT_ASSEMBLE;
}

/* The last one takes the place of the one that goes. */
static void done_forget(struct board *board, int slot)
{
    uint32_t place = board->done_at[slot];

    board->done_at[slot] = BOARD_SETTLED;
    if (place == 0)
        return;
    board->done[place - 1] = board->done[--board->done_count];
    if (place - 1 < board->done_count)
        board->done_at[slot_of_id(&board->done[place - 1].id)] = place;
}

static void beat_forget(struct board *board, int slot)
{
    uint32_t place = board->beat_at[slot];

    board->beat_at[slot] = 0;
    if (place == 0)
        return;
    board->beats[place - 1] = board->beats[--board->beat_count];
    if (place - 1 < board->beat_count)
        board->beat_at[slot_of_id(&board->beats[place - 1].beat.id)] = place;
}

void board_settle(struct board *board, uint32_t index)
{
    int slot = SLOT_CONVERT + (int)index;

    if (index >= PLAN_MAX_SEGMENTS || is_settled(board, slot))
        return;
    slots_grow(board, slot);
    done_forget(board, slot);
    beat_forget(board, slot);
}
