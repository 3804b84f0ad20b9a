/* SPDX-License-Identifier: Apache-2.0
 *
 * board.h - what tracking has come to know of one job: done records and heartbeats whose HMAC is
 * right. Nothing is forgotten when Redis is: a record stays true, and a heartbeat that vanished
 * must not look like one that never was. No thread, no I/O.
 */
#ifndef OPERATOR_TRACK_BOARD_H
#define OPERATOR_TRACK_BOARD_H

#include "operator/track/track.h"

struct board {
    char uid[NAME_UID_SIZE];
    char *token_hex;     /* owned */
    struct record *done; /* owned */
    size_t done_count, done_cap;
    struct track_beat *beats; /* owned */
    size_t beat_count, beat_cap;
    /* Owned; by slot of the field: place + 1, 0 = none, BOARD_SETTLED. Grown as slots come. */
    uint32_t *done_at, *beat_at;
    size_t slot_cap;
};
#define BOARD_SETTLED UINT32_MAX /* in done_at: counted, not wanted again */

void board_init(struct board *board, const char *uid, const char *token_hex);
void board_clear(struct board *board);
/* False too for a field that is none of ours: it is not worth reading. */
bool board_wants_done(const struct board *board, const char *field);
/* Whether something new came of it. A wrong mac, uid or field is dropped. */
bool board_add_done(struct board *board, const char *field, const char *text, size_t len);
bool board_add_beat(struct board *board, const char *field, const char *text, size_t len,
                    int64_t now_unix_ms);
/* The segment is counted for good: its record and beat are forgotten, and not wanted again. */
void board_settle(struct board *board, uint32_t index);
#endif
