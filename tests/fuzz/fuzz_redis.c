/* SPDX-License-Identifier: Apache-2.0
 *
 * What a Redis answers, byte by byte: through common/redis and hiredis, and what comes of it into
 * the operator's board, as HGETALL's pairs do.
 */
#include "tests/fuzz/fuzz.h"

#include "common/mem.h"
#include "common/redis.h"
#include "operator/track/board.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX 65536 /* goes into a socket's buffer whole: one thread is enough */
#define CALLS      4
#define UID        "0f8fad5b-d9cb-469f-a165-70867728950e"
#define TOKEN      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static char url[sizeof("unix://") + sizeof(((struct sockaddr_un *)0)->sun_path)];
static int listener = -1;

/* An abstract name would do, but redis:// URLs have none; the file is gone when its folder is. */
static void listen_once(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char folder[] = "/tmp/fuzz-redis-XXXXXX";

    if (listener >= 0)
        return;
    FUZZ_CHECK(mkdtemp(folder));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
    (void)snprintf(url, sizeof(url), "unix://%s", address.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(listener >= 0 &&
               bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
               listen(listener, 8) == 0);
}

static void walk(const struct redis_value *value, size_t *elements)
{
    ++*elements;
    if (value->type == REDIS_TEXT)
        FUZZ_CHECK(value->text && value->text[value->len] == '\0');
    else
        FUZZ_CHECK(!value->text);
    for (size_t i = 0; value->type == REDIS_LIST && i < value->len; i++)
        walk(&value->list[i], elements);
}

/* Nothing has the right mac, so nothing may stay. */
static void offer(struct board *board, const struct redis_value *pairs)
{
    for (size_t i = 0; pairs->type == REDIS_LIST && i + 1 < pairs->len; i += 2) {
        const struct redis_value *field = &pairs->list[i], *text = &pairs->list[i + 1];

        if (field->type != REDIS_TEXT || text->type != REDIS_TEXT)
            continue;
        (void)board_wants_done(board, field->text);
        FUZZ_CHECK(!board_add_done(board, field->text, text->text, text->len));
        FUZZ_CHECK(!board_add_beat(board, field->text, text->text, text->len, 1));
    }
    FUZZ_CHECK(board->done_count == 0 && board->beat_count == 0);
}

static void ask(struct redis *redis)
{
    static const char *const words[] = { "HGETALL", "sj:" UID ":done" };
    struct board board = { .done_count = 0 };
    struct err err;

    board_init(&board, UID, TOKEN);
    for (int i = 0; i < CALLS; i++) {
        struct redis_value value = { .type = REDIS_NIL };
        size_t elements = 0;
        int rc = i < CALLS - 1 ? redis_call(redis, &value, 2, words, &err)
                               : redis_wait(redis, &value, 1, &err);

        if (rc < 0) {
            FUZZ_CHECK(err.code == ERR_DEPENDENCY && err.msg[0]);
            break;
        }
        walk(&value, &elements);
        FUZZ_CHECK(elements <= (1u << 20) + 1);
        offer(&board, &value);
        redis_value_clear(&value);
    }
    board_clear(&board);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(redis) struct redis *redis = NULL;
    struct err err;
    int peer;

    listen_once();
    if (size > ANSWER_MAX || redis_open(&redis, url, NULL, 1000, &err) < 0)
        return 0;
    peer = accept(listener, NULL, NULL);
    FUZZ_CHECK(peer >= 0);
    FUZZ_CHECK(size == 0 || send(peer, data, size, MSG_NOSIGNAL) == (ssize_t)size);
    (void)shutdown(peer, SHUT_WR);
    ask(redis);
    (void)close(peer);
    return 0;
}
