/* SPDX-License-Identifier: Apache-2.0
 *
 * The muxer marks an MP4 as 3D (st3d in the video's sample entry), but not a MOV: there the box is
 * put in afterwards. The index stands in front of the room that was kept free for it, so nothing
 * but that room moves. An index that looks otherwise is left as it is.
 */
#include "common/mem.h"
#include "worker/media/output_parts.h"

#include <string.h>

enum { HEAD = 8, STSD_HEAD = 16, ENTRY_HEAD = 86, ST3D = 13, DEPTH = 7, TOP_BOXES = 8 };
#define INDEX_MAX (1u << 30)

struct index {
    uint8_t *bytes; /* owned; moov, and the head of the free box behind it */
    size_t len;     /* of moov */
    uint64_t at;
};

static void index_auto_(struct index *index)
{
    free(index->bytes);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static int read_exactly(struct store_writer *writer, uint64_t at, uint8_t *out, size_t len,
                        struct err *err)
{
    for (size_t have = 0, got; have < len; have += got) {
        if (store_writer_read(writer, at + have, out + have, len - have, &got, err) < 0)
            return -1;
        if (got == 0)
            return err_set(err, ERR_INTERNAL, "the output ends in its index");
    }
    return 0;
}

/* index->bytes stays NULL where there is none with room behind it. */
static int load_index(struct index *index, struct store_writer *writer, struct err *err)
{
    uint64_t at = 0;

    for (int i = 0; i < TOP_BOXES && at + HEAD <= store_writer_size(writer); i++) {
        uint8_t head[HEAD];
        uint32_t size;

        if (read_exactly(writer, at, head, HEAD, err) < 0)
            return -1;
        size = get32(head);
        if (size < HEAD || size > INDEX_MAX)
            return 0;
        if (memcmp(head + 4, "moov", 4) != 0) {
            at += size;
            continue;
        }
        if (at + size + HEAD > store_writer_size(writer))
            return 0;
        index->bytes = malloc((size_t)size + HEAD + ST3D);
        if (!index->bytes)
            return err_set(err, ERR_NOMEM, "no memory for an index of %u bytes", size);
        index->len = size;
        index->at = at;
        return read_exactly(writer, at, index->bytes, (size_t)size + HEAD, err);
    }
    return 0;
}

/* The first box of this kind in [from, end); 0: none. */
static size_t find_box(const struct index *index, size_t from, size_t end, const char *kind)
{
    while (from + HEAD <= end) {
        uint32_t size = get32(index->bytes + from);

        if (size < HEAD || size > end - from)
            return 0;
        if (memcmp(index->bytes + from + 4, kind, 4) == 0)
            return from;
        from += size;
    }
    return 0;
}

/* The boxes around the first sample entry of the first track, outermost first; false: not there. */
static bool find_entry(const struct index *index, size_t path[DEPTH])
{
    static const char *const kinds[] = { "trak", "mdia", "minf", "stbl", "stsd" };
    size_t end = index->len;

    path[0] = 0;
    for (int i = 1; i < DEPTH - 1; i++) {
        path[i] = find_box(index, path[i - 1] + HEAD, end, kinds[i - 1]);
        if (!path[i])
            return false;
        end = path[i] + get32(index->bytes + path[i]);
    }
    path[DEPTH - 1] = path[DEPTH - 2] + STSD_HEAD;
    return path[DEPTH - 1] + ENTRY_HEAD <= end &&
           get32(index->bytes + path[DEPTH - 1]) >= ENTRY_HEAD &&
           get32(index->bytes + path[DEPTH - 1]) <= end - path[DEPTH - 1];
}

/* Behind the last of the entry's boxes; QuickTime lets a zero word follow. */
static size_t place_of(const struct index *index, size_t entry)
{
    size_t end = entry + get32(index->bytes + entry), at = entry + ENTRY_HEAD;

    while (at + HEAD <= end) {
        uint32_t size = get32(index->bytes + at);

        if (size < HEAD || size > end - at)
            break;
        at += size;
    }
    return at;
}

int output_st3d_add(struct store_writer *writer, bool top_bottom, struct err *err)
{
    __attribute__((cleanup(index_auto_))) struct index index = { .bytes = NULL };
    const uint8_t box[ST3D] = { 0, 0, 0, ST3D, 's', 't', '3', 'd', 0, 0, 0, 0, top_bottom ? 1 : 2 };
    size_t path[DEPTH], place;
    uint32_t room;

    if (load_index(&index, writer, err) < 0)
        return -1;
    if (!index.bytes || memcmp(index.bytes + index.len + 4, "free", 4) != 0)
        return 0;
    room = get32(index.bytes + index.len);
    if (room < HEAD + ST3D || !find_entry(&index, path))
        return 0;
    place = place_of(&index, path[DEPTH - 1]);
    put32(index.bytes + index.len, room - ST3D);
    memmove(index.bytes + place + ST3D, index.bytes + place, index.len + HEAD - place);
    memcpy(index.bytes + place, box, ST3D);
    for (int i = 0; i < DEPTH; i++)
        put32(index.bytes + path[i], get32(index.bytes + path[i]) + ST3D);
    return store_writer_rewrite(writer, index.at, index.bytes, index.len + HEAD + ST3D, err);
}
