/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/assemble/hls.h"

#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/assemble/playlist.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ENDING       ".m3u8"
#define TAME         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define MAIN_MAX     (256 << 10)
#define FOLDER_SIZE  80
#define NAME_SIZE    24
#define UID_LEN      36
#define WHOLE        "/video" ENDING /* written when all tracks' bytes are there */
#define REPORT_EVERY 64              /* packets */

struct hls {
    struct job *job;                           /* borrowed */
    struct store *store;                       /* owned: FILM_hls */
    struct media_package *package;             /* owned */
    const struct media_package_track **tracks; /* owned; each the package's */
    struct store_writer **files;               /* owned, and each of them; a track's each */
    char (*names)[NAME_SIZE];                  /* owned */
    size_t count;
    char folder[FOLDER_SIZE]; /* of this attempt, below the store's root */
    char *place;              /* owned; that folder as FILM.m3u8 names it */
};

static void hls_free(struct hls *hls)
{
    if (!hls)
        return;
    media_package_free(hls->package);
    for (size_t i = 0; hls->files && i < hls->count; i++)
        store_writer_free(hls->files[i]);
    free(hls->tracks);
    free(hls->files);
    free(hls->names);
    free(hls->place);
    store_free(hls->store);
    free(hls);
}
AUTO_DEFINE(hls, struct hls *, hls_free)

/* FILM_hls. Some players do not unescape what a playlist names on a disk, so it has no character
 * that wants it; a number then tells one film from another. */
static char *base_of(const char *uri)
{
    const char *slash = strrchr(uri, '/'), *name = slash ? slash + 1 : uri;
    size_t len = strlen(name) - strlen(ENDING), tame = strspn(name, TAME);
    AUTO_FREE char *stem = xstrndup(name, len);

    if (tame >= len && strcmp(name + len, ENDING) == 0)
        return xasprintf("%s_hls", stem);
    for (char *c = stem; *c; c++)
        *c = strchr(TAME, *c) ? *c : '_';
    return xasprintf("%s-%08" PRIx32 "_hls", stem, hash_crc32(0, name, len));
}

/* The same as a URI like the output's own. */
static char *root_of(const char *uri)
{
    AUTO_FREE char *base = base_of(uri);
    const char *slash = strrchr(uri, '/');

    return xasprintf("%.*s%s", slash ? (int)(slash + 1 - uri) : 0, uri, base);
}

static void folder_of(char out[FOLDER_SIZE], const struct job *job)
{
    (void)snprintf(out, FOLDER_SIZE, "%s/e%" PRIu32 "-a%" PRIu32, job->uid, job->id.epoch,
                   job->id.attempt);
}

/* A folder in it, as FILM.m3u8 names it. */
static char *place_of(const char *uri, const char *folder)
{
    AUTO_FREE char *base = base_of(uri);

    return xasprintf("%s/%s", base, folder);
}

int hls_scratch_open(struct store **out, const struct job *job, struct err *err)
{
    if (store_open(out, *job->scratch ? job->scratch : "/tmp", err) < 0)
        return err_wrap(err, "the scratch folder");
    return 0;
}

/* Sounds and texts are numbered from 1 each. */
static void name_tracks(struct hls *hls)
{
    unsigned sounds = 0, texts = 0;

    for (size_t i = 0; i < hls->count; i++) {
        enum media_package_kind kind = media_package_track(hls->package, i)->kind;

        if (kind == PACKAGE_VIDEO)
            (void)snprintf(hls->names[i], NAME_SIZE, "video");
        else
            (void)snprintf(hls->names[i], NAME_SIZE, "%s-%u",
                           kind == PACKAGE_SOUND ? "sound" : "text",
                           kind == PACKAGE_SOUND ? ++sounds : ++texts);
    }
}

static const char *ending_of(const struct hls *hls, size_t track)
{
    return media_package_track(hls->package, track)->kind == PACKAGE_TEXT ? "vtt" : "mp4";
}

static int hls_open(struct hls **out, struct job *job, struct store_writer *film, struct err *err)
{
    AUTO(hls) struct hls *hls = xcalloc(1, sizeof(*hls));
    AUTO_FREE char *root = root_of(job->spec->output_uri);

    hls->job = job;
    folder_of(hls->folder, job);
    hls->place = place_of(job->spec->output_uri, hls->folder);
    if (store_open_output(&hls->store, root, err) < 0 ||
        media_package_open(&hls->package, film, err) < 0)
        return -1;
    hls->count = media_package_count(hls->package);
    hls->tracks = xcalloc(hls->count, sizeof(*hls->tracks));
    for (size_t i = 0; i < hls->count; i++)
        hls->tracks[i] = media_package_track(hls->package, i);
    hls->files = xcalloc(hls->count, sizeof(struct store_writer *));
    hls->names = xcalloc(hls->count, sizeof(*hls->names));
    name_tracks(hls);
    for (size_t i = 0; i < hls->count; i++) {
        AUTO_FREE char *key = xasprintf("%s/%s.%s", hls->folder, hls->names[i], ending_of(hls, i));

        if (store_writer_open(&hls->files[i], hls->store, key, err) < 0 ||
            media_package_write_to(hls->package, i, hls->files[i], err) < 0)
            return err_wrap(err, "%s", hls->names[i]);
    }
    *out = TAKE(hls);
    return 0;
}

static int check_stop(const struct job *job, struct err *err)
{
    if (job->should_stop && *job->should_stop)
        return err_set(err, ERR_INTERRUPTED, "told to stop while packaging");
    return 0;
}

static int write_tracks(struct hls *hls, struct err *err)
{
    int64_t bytes = 0, sum = 0;

    for (int64_t packets = 1;; packets++) {
        if (check_stop(hls->job, err) < 0 || media_package_step(hls->package, &bytes, err) < 0)
            return -1;
        if (bytes < 0)
            break;
        sum += bytes;
        if (hls->job->report && packets % REPORT_EVERY == 0) {
            report_progress(hls->job->report, sum);
            sum = 0;
        }
    }
    for (size_t i = 0; i < hls->count; i++)
        if (check_stop(hls->job, err) < 0 || media_package_check(hls->package, i, err) < 0)
            return err_wrap(err, "%s", hls->names[i]);
    return 0;
}

static int publish_track(struct hls *hls, size_t track, int64_t target, uint64_t *bytes,
                         struct err *err)
{
    AUTO_FREE char *key = xasprintf("%s/%s" ENDING, hls->folder, hls->names[track]);
    AUTO_FREE char *file = xasprintf("%s.%s", hls->names[track], ending_of(hls, track));
    AUTO_BUF struct buf text;

    buf_init(&text, PLAYLIST_MAX_BYTES);
    if (playlist_media(&text, media_package_track(hls->package, track), target, file, err) < 0 ||
        store_writer_commit(hls->files[track], NULL, err) < 0 ||
        store_create(hls->store, key, text.data, text.len, err) < 0)
        return err_wrap(err, "%s", hls->names[track]);
    *bytes += text.len + store_writer_size(hls->files[track]);
    return 0;
}

static int publish_tracks(struct hls *hls, uint64_t *bytes, struct err *err)
{
    int64_t target = playlist_target(hls->tracks, hls->count);

    for (size_t i = hls->count; i-- > 0;) /* the picture's last: see WHOLE */
        if (publish_track(hls, i, target, bytes, err) < 0)
            return -1;
    return 0;
}

static int write_main(struct hls *hls, struct store_writer *out, struct err *err)
{
    const char **names = xcalloc(hls->count, sizeof(*names));
    AUTO_BUF struct buf text;
    int rc;

    buf_init(&text, MAIN_MAX);
    for (size_t i = 0; i < hls->count; i++)
        names[i] = hls->names[i];
    rc = playlist_main(&text, hls->tracks, names, hls->count, hls->place, err);
    free(names);
    return rc < 0 ? -1 : store_writer_write(out, text.data, text.len, err);
}

/* What FILM.m3u8 leads to: "UID/eN-aN"; "" where there is none, or none of ours. */
static int read_named(char named[FOLDER_SIZE], const char *uri, struct err *err)
{
    AUTO(store_reader) struct store_reader *reader = NULL;
    AUTO_FREE char *text = xcalloc(1, MAIN_MAX + 1);
    AUTO_FREE char *start = place_of(uri, "");
    size_t got = 0, len = strlen(start);

    *named = '\0';
    if (store_reader_open_uri(&reader, STORE_OUTPUT, uri, "output", err) < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    if (store_reader_read(reader, 0, text, MAIN_MAX, &got, err) < 0)
        return -1;
    for (char *line = text, *end; *line; line = end + (*end == '\n')) {
        size_t folder;

        end = line + strcspn(line, "\n");
        if (strncmp(line, start, len) != 0)
            continue;
        folder = strspn(line + len, "0123456789abcdefghijklmnopqrstuvwxyz-");
        folder += line[len + folder] == '/' ? 1 + strcspn(line + len + folder + 1, "/\n") : 0;
        if (folder < FOLDER_SIZE)
            (void)snprintf(named, FOLDER_SIZE, "%.*s", (int)folder, line + len);
        return 0;
    }
    return 0;
}

static bool is_of(const char *folder, const char *uid)
{
    size_t len = strlen(uid);

    return strncmp(folder, uid, len) == 0 && folder[len] == '/';
}

/* Whose files will be nobody's when the output is published. */
static int note_replaced(struct done *done, const struct job *job, struct err *err)
{
    char named[FOLDER_SIZE];

    *done->replaces = '\0';
    if (read_named(named, job->spec->output_uri, err) < 0)
        return -1;
    if (strcspn(named, "/") == UID_LEN && !is_of(named, job->uid))
        (void)snprintf(done->replaces, sizeof(done->replaces), "%.*s", UID_LEN, named);
    return 0;
}

int hls_run(struct store_writer **out, struct done *done, struct job *job,
            struct store_writer *film, struct err *err)
{
    AUTO(store_writer) struct store_writer *writer = NULL;
    AUTO(hls) struct hls *hls = NULL;
    uint64_t bytes = 0;

    if (job->report)
        report_step(job->report, "package");
    if (store_writer_open_uri(&writer, job->spec->output_uri, job->spec->overwrite, err) < 0 ||
        note_replaced(done, job, err) < 0 || hls_open(&hls, job, film, err) < 0 ||
        write_tracks(hls, err) < 0)
        return err_wrap(err, "packaging");
    if (publish_tracks(hls, &bytes, err) < 0)
        return err_wrap(err, "packaging");
    if (FP("assemble.packaged"))
        return err_set(err, ERR_INTERNAL, "failpoint assemble.packaged");
    if (write_main(hls, writer, err) < 0 || done_note_file(done, writer, err) < 0)
        return -1;
    done->total_bytes = bytes + done->bytes;
    *out = TAKE(writer);
    return 0;
}

int hls_is_ours(const struct job *job, struct err *err)
{
    char named[FOLDER_SIZE];

    if (read_named(named, job->spec->output_uri, err) < 0)
        return -1;
    return is_of(named, job->uid);
}

/* The last attempt that came to its last playlist but one: FILM.m3u8 may have named it, and lie
 * under another name by now. */
static int see_key(void *ctx, const char *key, uint64_t size, struct err *err)
{
    char *whole = ctx;
    const char *end = strrchr(key, '/');

    (void)size, (void)err;
    if (end && strcmp(end, WHOLE) == 0 && end - key < FOLDER_SIZE)
        (void)snprintf(whole, FOLDER_SIZE, "%.*s", (int)(end - key), key);
    return 0;
}

int hls_sweep(const struct job *job, const char *replaced, struct err *err)
{
    AUTO_FREE char *root = root_of(job->spec->output_uri);
    AUTO(store) struct store *store = NULL;
    char keep[FOLDER_SIZE];

    if (read_named(keep, job->spec->output_uri, err) < 0 ||
        store_open_output(&store, root, err) < 0)
        return -1;
    if (!is_of(keep, job->uid)) {
        *keep = '\0';
        replaced = NULL;
        if (store_list(store, job->uid, see_key, keep, err) < 0)
            return -1;
    }
    if (store_remove_tree(store, job->uid, *keep ? keep : NULL, err) < 0 ||
        (replaced && *replaced && strcmp(replaced, job->uid) != 0 &&
         store_remove_tree(store, replaced, NULL, err) < 0))
        return -1;
    return store_drop(store, err);
}
