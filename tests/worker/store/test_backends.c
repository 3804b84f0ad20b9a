/* SPDX-License-Identifier: Apache-2.0
 *
 * What every kind of store promises, asked of each: a folder, a volume claim, S3.
 */
#include "common/file.h"
#include "common/mem.h"
#include "tests/common/check.h"
#include "tests/worker/store/server.h"
#include "worker/store/place.h"
#include "worker/store/store.h"

#include <pthread.h>
#include <sys/stat.h>

#define RACERS   8
#define LARGE    (30u << 20)
#define HEAD     1000
#define BOUNDARY (16u << 20) /* of two parts on S3 */

static struct fixture server;
static char root[32];

struct kind {
    const char *name, *uri; /* uri: where the kind keeps films; a format with the root */
} kinds[] = { { "folder", "%s/plain" }, { "pvc", "pvc://films" }, { "s3", "s3://" SERVER_BUCKET } };

struct world {
    const struct kind *kind;
    char *base; /* owned: a URI of its own for each test */
    struct store *store;
};

static unsigned world_count;

static void open_world(struct world *world, const struct kind *kind)
{
    AUTO_FREE char *top = xasprintf(kind->uri, root);
    AUTO_FREE char *work = NULL;
    struct err err;

    world->kind = kind;
    world->base = xasprintf("%s/%u", top, ++world_count);
    work = xasprintf("%s/work", world->base);
    CHECK_OK(store_open(&world->store, work, &err), err);
}

static char *get(const struct world *world, const char *key)
{
    AUTO_BUF struct buf buf;
    struct err err;

    buf_init(&buf, 1 << 20);
    CHECK_OK(store_get(world->store, key, 1 << 20, &buf, &err), err);
    return buf_take(&buf);
}

static int count_one(void *ctx, const char *key, uint64_t size, struct err *err)
{
    (void)key, (void)size, (void)err;
    ++*(int *)ctx;
    return 0;
}

static int objects(const struct world *world, const char *prefix)
{
    int count = 0;
    struct err err;

    CHECK_OK(store_list(world->store, prefix, count_one, &count, &err), err);
    return count;
}

static void an_object_is_written_once(struct world *world)
{
    AUTO_FREE char *text = NULL;
    AUTO_BUF struct buf small;
    struct err err;

    buf_init(&small, 3);
    CHECK_OK(store_create(world->store, "segments/00001.json", "first", 5, &err), err);
    assert_int_equal(store_create(world->store, "segments/00001.json", "second", 6, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    text = get(world, "segments/00001.json");
    assert_string_equal(text, "first");
    assert_int_equal(store_get(world->store, "segments/00001.json", 3, &small, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_int_equal(store_get(world->store, "missing", 3, &small, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    CHECK_OK(store_remove(world->store, "segments/00001.json", &err), err);
    CHECK_OK(store_remove(world->store, "segments/00001.json", &err), err);
    assert_int_equal(objects(world, "segments/"), 0);
}

struct racer {
    struct store *store;
    pthread_t thread;
    char letter;
    int code;
};

static void *race(void *ctx)
{
    struct racer *racer = ctx;
    AUTO_FREE char *text = xmalloc(100000);
    struct err err = { .code = ERR_NONE };

    memset(text, racer->letter, 100000);
    (void)store_create(racer->store, "race/plan.json", text, 100000, &err);
    racer->code = err.code;
    return NULL;
}

static void one_of_eight_wins(struct world *world)
{
    struct racer racers[RACERS];
    AUTO_FREE char *text = NULL;
    int winner = -1;

    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){ .store = world->store, .letter = (char)('a' + i) };
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
        assert_true(racers[i].code == ERR_NONE || racers[i].code == ERR_CONFLICT);
        if (racers[i].code == ERR_NONE) {
            assert_int_equal(winner, -1);
            winner = i;
        }
    }
    assert_true(winner >= 0);
    text = get(world, "race/plan.json");
    assert_int_equal(strspn(text, (char[]){ (char)('a' + winner), '\0' }), 100000);
}

static void a_writer_is_invisible_until_it_commits(struct world *world)
{
    static const char key[] = "segments/00002/e1-a0.nut";
    struct store_writer *writer;
    char sha[HASH_HEX_SIZE], want[HASH_HEX_SIZE], back[8];
    AUTO_FREE char *text = NULL;
    struct err err;
    size_t got;

    CHECK_OK(store_writer_open(&writer, world->store, key, &err), err);
    CHECK_OK(store_writer_write(writer, "hello ", 6, &err), err);
    CHECK_OK(store_writer_write(writer, "world", 5, &err), err);
    assert_int_equal(objects(world, "segments/"), 0);
    CHECK_OK(store_writer_read(writer, 6, back, sizeof(back), &got, &err), err);
    assert_int_equal(got, 5);
    assert_memory_equal(back, "world", 5);
    CHECK_OK(store_writer_commit(writer, sha, &err), err);
    store_writer_free(writer);
    hash_hex(want, "hello world", 11);
    assert_string_equal(sha, want);
    text = get(world, key);
    assert_string_equal(text, "hello world");
    assert_int_equal(store_writer_open(&writer, world->store, key, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
}

static uint8_t *make_bytes(size_t len, uint32_t seed)
{
    uint8_t *bytes = xmalloc(len);

    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(seed >> 24);
    }
    return bytes;
}

static void write_in_steps(struct store_writer *writer, const uint8_t *data, size_t len)
{
    struct err err;

    for (size_t at = 0; at < len; at += 1000003) {
        size_t part = len - at < 1000003 ? len - at : 1000003;

        CHECK_OK(store_writer_write(writer, data + at, part, &err), err);
    }
}

/* As an MP4 is made: its head is zeros first, and other bytes change where two parts meet. */
static void a_large_output_can_be_rewritten(struct world *world)
{
    AUTO_FREE uint8_t *want = make_bytes(LARGE, 1);
    AUTO_FREE uint8_t *wrote = xmalloc(LARGE), *back = xmalloc(LARGE);
    AUTO_FREE char *uri = xasprintf("%s/out/film.mp4", world->base);
    AUTO_FREE char *folder = xasprintf("%s/plain/%u/out", root, world_count);
    AUTO_FREE char *claimed = xasprintf("%s/films/%u/out", root, world_count);
    AUTO(store_writer) struct store_writer *writer = NULL;
    AUTO(store_reader) struct store_reader *reader = NULL;
    struct err err;
    size_t got;

    CHECK_OK(file_mkdirs(folder, &err), err);
    CHECK_OK(file_mkdirs(claimed, &err), err);
    memcpy(wrote, want, LARGE);
    memset(wrote, 0, HEAD);
    memset(wrote + BOUNDARY - 50, 0, 100);
    CHECK_OK(store_writer_open_uri(&writer, uri, false, &err), err);
    write_in_steps(writer, wrote, LARGE);
    (void)usleep(700000); /* S3: both parts are gone by now */
    CHECK_OK(store_writer_rewrite(writer, 0, want, HEAD, &err), err);
    CHECK_OK(store_writer_rewrite(writer, BOUNDARY - 50, want + BOUNDARY - 50, 100, &err), err);
    CHECK_OK(store_writer_read(writer, 0, back, LARGE, &got, &err), err);
    assert_int_equal(got, LARGE);
    assert_memory_equal(back, want, LARGE);
    CHECK_OK(store_writer_commit(writer, NULL, &err), err);
    memset(back, 0, LARGE);
    CHECK_OK(store_reader_open_uri(&reader, STORE_OUTPUT, uri, "output", &err), err);
    assert_int_equal(store_reader_stat(reader)->size, LARGE);
    CHECK_OK(store_reader_read(reader, 0, back, LARGE, &got, &err), err);
    assert_int_equal(got, LARGE);
    assert_memory_equal(back, want, LARGE);
}

static void an_abandoned_writer_leaves_nothing(struct world *world)
{
    AUTO_FREE uint8_t *data = make_bytes(LARGE, 2);
    struct store_writer *writer;
    struct err err;

    CHECK_OK(store_writer_open(&writer, world->store, "segments/00001/e0-a0.nut", &err), err);
    write_in_steps(writer, data, LARGE);
    store_writer_free(writer);
    assert_int_equal(objects(world, "segments/"), 0);
    if (strcmp(world->kind->name, "s3") == 0)
        assert_int_equal(server_uploads(&server, ""), 0);
}

static int write_out(const char *uri, bool overwrite, const char *text)
{
    AUTO(store_writer) struct store_writer *writer = NULL;
    struct err err = { .code = ERR_NONE };

    if (store_writer_open_uri(&writer, uri, overwrite, &err) == 0 &&
        store_writer_write(writer, text, strlen(text), &err) == 0)
        (void)store_writer_commit(writer, NULL, &err);
    return (int)err.code;
}

static void outputs_are_replaced_only_when_asked(struct world *world)
{
    AUTO_FREE char *uri = xasprintf("%s/work/film.mp4", world->base);
    AUTO_FREE char *text = NULL;
    AUTO(store_writer) struct store_writer *early = NULL;
    struct err err;

    CHECK_OK(store_writer_open_uri(&early, uri, false, &err), err);
    CHECK_OK(store_writer_write(early, "early", 5, &err), err);
    assert_int_equal(write_out(uri, false, "first"), ERR_NONE);
    assert_int_equal(store_writer_commit(early, NULL, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(write_out(uri, false, "again"), ERR_CONFLICT);
    assert_int_equal(write_out(uri, true, "second"), ERR_NONE);
    text = get(world, "film.mp4");
    assert_string_equal(text, "second");
}

static void trees_go_but_for_what_is_kept(struct world *world)
{
    static const char *const keys[] = { "segments/00001/e0-a0.nut", "segments/00001/e0-a1.nut",
                                        "segments/00001.json", "segments2/x", "plan.json" };
    AUTO_FREE char *text = NULL;
    struct err err;

    for (size_t i = 0; i < COUNT(keys); i++)
        CHECK_OK(store_create(world->store, keys[i], "x", 1, &err), err);
    assert_int_equal(objects(world, "segments/00001"), 3);
    assert_int_equal(objects(world, "segments/00001."), 1);
    assert_int_equal(objects(world, "segments/00001/e0-a"), 2);
    assert_int_equal(objects(world, "segments"), 4);
    assert_int_equal(objects(world, "nothing/"), 0);
    for (int i = 0; i < 40; i++) {
        AUTO_FREE char *key = xasprintf("segments/%05d/e0-a0.nut", 100 + i);

        CHECK_OK(store_create(world->store, key, "x", 1, &err), err);
    }
    CHECK_OK(store_remove_tree(world->store, "segments", "segments/00001/e0-a1.nut", &err), err);
    text = get(world, "segments/00001/e0-a1.nut");
    assert_int_equal(objects(world, "segments"), 2);
    CHECK_OK(store_remove_tree(world->store, "segments", NULL, &err), err);
    CHECK_OK(store_remove_tree(world->store, "segments", NULL, &err), err);
    assert_int_equal(objects(world, "segments"), 1);
    assert_int_equal(objects(world, "p"), 1);
}

static void readers_read_ranges(struct world *world)
{
    AUTO(store_reader) struct store_reader *reader = NULL;
    struct store_reader *none;
    char data[8];
    size_t got;
    struct err err;

    CHECK_OK(store_create(world->store, "film", "0123456789", 10, &err), err);
    CHECK_OK(store_reader_open(&reader, world->store, "film", &err), err);
    assert_int_equal(store_reader_stat(reader)->size, 10);
    assert_true(store_reader_stat(reader)->mtime_ns > 0);
    CHECK_OK(store_reader_read(reader, 4, data, 3, &got, &err), err);
    assert_int_equal(got, 3);
    assert_memory_equal(data, "456", 3);
    CHECK_OK(store_reader_read(reader, 8, data, 8, &got, &err), err);
    assert_int_equal(got, 2);
    assert_memory_equal(data, "89", 2);
    CHECK_OK(store_reader_read(reader, 10, data, 8, &got, &err), err);
    assert_int_equal(got, 0);
    CHECK_OK(store_reader_read(reader, UINT64_MAX - 2, data, 8, &got, &err), err);
    assert_int_equal(got, 0);
    assert_true(store_reader_bytes(reader) <= 10 && store_reader_bytes(reader) >= 5);
    assert_int_equal(store_reader_open(&none, world->store, "none", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void digests_tell_films_apart(struct world *world)
{
    char digest[3][HASH_HEX_SIZE];
    struct err err;

    CHECK_OK(store_create(world->store, "a", "film a", 6, &err), err);
    CHECK_OK(store_create(world->store, "b", "film b", 6, &err), err);
    for (int i = 0; i < 3; i++) {
        AUTO(store_reader) struct store_reader *reader = NULL;

        CHECK_OK(store_reader_open(&reader, world->store, i == 1 ? "b" : "a", &err), err);
        CHECK_OK(store_reader_digest(reader, digest[i], &err), err);
        if (strcmp(world->kind->name, "s3") == 0)
            assert_int_equal(store_reader_bytes(reader), 0);
    }
    assert_string_equal(digest[0], digest[2]);
    assert_string_not_equal(digest[0], digest[1]);
}

static void the_probe_finds_one_winner(struct world *world)
{
    struct store_abilities abilities = { .creates_once = false };
    struct err err;

    CHECK_OK(store_probe(world->store, &abilities, &err), err);
    assert_true(abilities.creates_once);
    assert_int_equal(objects(world, "probe"), 0);
    store_set_abilities(world->store, &(struct store_abilities){ .creates_once = false });
    CHECK_OK(store_create(world->store, "plan.json", "first", 5, &err), err);
    assert_int_equal(store_create(world->store, "plan.json", "second", 6, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
}

static void run_on_all(void (*test)(struct world *world))
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct world world = { .kind = &kinds[i] };

        if (strcmp(kinds[i].name, "s3") == 0 && !server.pid)
            continue;
        open_world(&world, &kinds[i]);
        test(&world);
        store_free(world.store);
        free(world.base);
    }
}

#define ROWS(X)                                                                                    \
    X(an_object_is_written_once)                                                                   \
    X(one_of_eight_wins)                                                                           \
    X(a_writer_is_invisible_until_it_commits)                                                      \
    X(a_large_output_can_be_rewritten)                                                             \
    X(an_abandoned_writer_leaves_nothing)                                                          \
    X(outputs_are_replaced_only_when_asked)                                                        \
    X(trees_go_but_for_what_is_kept)                                                               \
    X(readers_read_ranges)                                                                         \
    X(digests_tell_films_apart)                                                                    \
    X(the_probe_finds_one_winner)
#define DEFINE(name)                                                                               \
    static void all_##name(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        run_on_all(name);                                                                          \
    }
#define ROW(name) cmocka_unit_test(all_##name),
ROWS(DEFINE)

int main(void)
{
    const struct CMUnitTest tests[] = { ROWS(ROW) };
    char claim[64];
    struct err err;
    int rc;

    (void)snprintf(root, sizeof(root), "/tmp/backends-XXXXXX");
    if (!mkdtemp(root))
        return 1;
    (void)snprintf(claim, sizeof(claim), "%s/films", root);
    (void)mkdir(claim, 0700);
    (void)setenv(ENV_CLAIM_ROOT, root, 1);
    rc = server_start(&server);
    if (rc == 0 || rc == FIXTURE_SKIP)
        rc = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_stop(&server);
    (void)file_remove_tree(root, &err);
    return rc;
}
