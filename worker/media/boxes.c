/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/av.h"

#include <string.h>

#define MAX_BOXES 4096
#define MAX_HOLES 1024
#define HEAD      16 /* size, type, 64-bit size */

struct box {
    char type[5];
    uint64_t start, body, end;
};

static uint64_t load_be(const uint8_t *p, int bytes)
{
    uint64_t v = 0;

    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

/* 1 and the box at `at`, 0 when there is none (the end, or no box), -1 on a failing store. */
static int box_at(struct box *out, struct store_reader *reader, uint64_t at, struct err *err)
{
    uint64_t file = store_reader_stat(reader)->size, size;
    uint8_t head[HEAD];
    size_t got;

    if (at >= file)
        return 0;
    if (store_reader_read(reader, at, head, sizeof(head), &got, err) < 0)
        return -1;
    if (got < 8)
        return 0;
    size = load_be(head, 4);
    *out = (struct box){ .start = at, .body = at + 8 };
    memcpy(out->type, head + 4, 4);
    if (size == 1 && got == HEAD) {
        size = load_be(head + 8, 8);
        out->body = at + HEAD;
    } else if (size == 0) { /* up to the end of the file */
        size = file - at;
    }
    if (size < out->body - at)
        return 0;
    out->end = size > file - at ? file : at + size;
    return 1;
}

static bool is_type(const struct box *box, const char *const *types)
{
    for (; *types; types++)
        if (strcmp(box->type, *types) == 0)
            return true;
    return false;
}

static const char *const first_types[] = { "ftyp", "moov", "mdat", "free", "skip",
                                           "wide", "pnot", "uuid", NULL };
static const char *const fragment_types[] = { "moof", "styp", "sidx", "mfra", NULL };

int media_boxes_holes(struct media_span **holes, size_t *count, struct store_reader *reader,
                      struct err *err)
{
    AUTO_FREE struct media_span *spans = NULL;
    bool has_moov = false;
    struct box box = { .end = 0 };
    size_t n = 0;

    *holes = NULL;
    *count = 0;
    store_reader_limit(reader, 0); /* heads of boxes, and nothing between them */
    for (int i = 0; i < MAX_BOXES; i++) {
        int found = box_at(&box, reader, box.end, err);

        if (found < 0)
            return -1;
        if (!found)
            break;
        if ((i == 0 && !is_type(&box, first_types)) || is_type(&box, fragment_types) ||
            n == MAX_HOLES)
            return 0;
        has_moov |= strcmp(box.type, "moov") == 0;
        if (strcmp(box.type, "mdat") != 0 || box.body == box.end)
            continue;
        if (!spans && !(spans = calloc(MAX_HOLES, sizeof(*spans))))
            return err_set(err, ERR_NOMEM, "no memory for %d spans", MAX_HOLES);
        spans[n++] = (struct media_span){ box.body, box.end };
    }
    if (n > 0 && !has_moov)
        return err_set(err, ERR_INPUT,
                       "an MP4 or MOV without its index (moov): it was cut off or is still being "
                       "written; the whole file is needed");
    if (!has_moov)
        return 0;
    *holes = TAKE(spans);
    *count = n;
    return 0;
}
