/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/spec.h"

#include "common/mem.h"

#include <string.h>
#include <strings.h>

/* Indexed by enum layout. The suffixes are what 3D players look for in file names. */
static const struct row {
    const char *flag, *suffix;
    int across, down; /* views side by side and on top of each other, at full size */
    int films;
} rows[] = {
    [LAYOUT_FULL_SBS] = { "full-sbs", "_LRF_Full_SBS", 2, 1, 1 },
    [LAYOUT_HALF_SBS] = { "half-sbs", "_LRF_Half_SBS", 1, 1, 1 },
    [LAYOUT_FULL_TB] = { "full-tb", "_Full_TB", 1, 2, 1 },
    [LAYOUT_HALF_TB] = { "half-tb", "_Half_TB", 1, 1, 1 },
    [LAYOUT_LEFT] = { "left", "_L", 1, 1, 1 },
    [LAYOUT_RIGHT] = { "right", "_R", 1, 1, 1 },
    [LAYOUT_DEPTH] = { "depth", "_depth", 1, 1, 1 },
    [LAYOUT_CROSS_SBS] = { "cross-sbs", "_cross_Full_SBS", 2, 1, 1 },
    [LAYOUT_ANAGLYPH_DUBOIS] = { "anaglyph-dubois", "_anaglyph_dubois", 1, 1, 1 },
    [LAYOUT_ANAGLYPH_COLOR] = { "anaglyph-color", "_anaglyph_color", 1, 1, 1 },
    [LAYOUT_ANAGLYPH_HALF_COLOR] = { "anaglyph-half-color", "_anaglyph_half_color", 1, 1, 1 },
    [LAYOUT_ANAGLYPH_GRAY] = { "anaglyph-gray", "_anaglyph_gray", 1, 1, 1 },
    [LAYOUT_RGBD] = { "rgbd", "_RGBD", 2, 1, 1 },
    [LAYOUT_LEFT_RIGHT] = { "left-right", "_L", 1, 2, 2 },
};

const char *layout_flag(enum layout layout)
{
    return rows[layout].flag;
}

const char *layout_suffix(enum layout layout)
{
    return rows[layout].suffix;
}

bool layout_is_anaglyph(enum layout layout)
{
    return layout >= LAYOUT_ANAGLYPH_DUBOIS && layout <= LAYOUT_ANAGLYPH_GRAY;
}

void layout_packed_size(enum layout layout, int w, int h, int *packed_w, int *packed_h)
{
    *packed_w = w * rows[layout].across;
    *packed_h = h * rows[layout].down;
}

int layout_films(enum layout layout)
{
    return rows[layout].films;
}

const char *output_container(const char *uri)
{
    static const struct {
        const char *ending, *container;
    } known[] = {
        { ".mp4", "mp4" },
        { ".mov", "mov" },
        { ".mkv", "matroska" },
        { ".m3u8", CONTAINER_HLS },
    };
    size_t len = strlen(uri);

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t ending = strlen(known[i].ending);

        if (len > ending && strcasecmp(uri + len - ending, known[i].ending) == 0)
            return known[i].container;
    }
    return NULL;
}

bool container_is_hls(const char *container)
{
    return container && strcmp(container, CONTAINER_HLS) == 0;
}

char *output_right(const char *uri)
{
    const char *slash = strrchr(uri, '/'), *base = slash ? slash + 1 : uri;
    const char *dot = strrchr(base, '.');
    size_t stem = dot ? (size_t)(dot - uri) : strlen(uri);
    bool is_left = stem >= 2 && memcmp(uri + stem - 2, "_L", 2) == 0;

    return xasprintf("%.*s_R%s", (int)(is_left ? stem - 2 : stem), uri, uri + stem);
}

const char *output_fault(enum layout layout, const char *out, const char *const *others,
                         size_t count)
{
    AUTO_FREE char *right = output_right(out);

    if (layout_films(layout) == 1)
        return NULL;
    if (container_is_hls(output_container(out)))
        return "layout left-right makes two films, which HLS is not made of: end it in .mp4, .mov "
               "or .mkv";
    for (size_t i = 0; i < count; i++)
        if (others[i] && strcmp(others[i], right) == 0)
            return "layout left-right writes the right eye beside it, with _R, where another file "
                   "of this job is; choose another name";
    return NULL;
}
