/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/assemble/playlist.h"

#include "common/mem.h"
#include "common/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { US = 1000000, TRC_PQ = 16, TRC_HLG = 18 }; /* H.273 */

/* RFC 5646 wants the shortest code there is. */
static const char *language_of(const char *code)
{
    static const char *const shorter[][2] = {
        { "ara", "ar" }, { "bul", "bg" }, { "ces", "cs" }, { "cze", "cs" }, { "chi", "zh" },
        { "zho", "zh" }, { "dan", "da" }, { "deu", "de" }, { "ger", "de" }, { "dut", "nl" },
        { "nld", "nl" }, { "ell", "el" }, { "gre", "el" }, { "eng", "en" }, { "fin", "fi" },
        { "fra", "fr" }, { "fre", "fr" }, { "heb", "he" }, { "hin", "hi" }, { "hun", "hu" },
        { "ind", "id" }, { "ita", "it" }, { "jpn", "ja" }, { "kor", "ko" }, { "nor", "no" },
        { "pol", "pl" }, { "por", "pt" }, { "ron", "ro" }, { "rum", "ro" }, { "rus", "ru" },
        { "spa", "es" }, { "swe", "sv" }, { "tha", "th" }, { "tur", "tr" }, { "ukr", "uk" },
        { "vie", "vi" },
    };

    for (size_t i = 0; i < sizeof(shorter) / sizeof(shorter[0]); i++)
        if (strcmp(code, shorter[i][0]) == 0)
            return shorter[i][1];
    return code;
}

static int64_t seconds_up(int64_t us)
{
    return (us + US - 1) / US;
}

static int64_t longest_of(const struct media_package_track *track)
{
    int64_t longest = 0;

    for (size_t i = 0; i < track->count; i++)
        if (longest < track->pieces[i].duration_us)
            longest = track->pieces[i].duration_us;
    return longest;
}

int64_t playlist_target(const struct media_package_track *const *tracks, size_t count)
{
    int64_t longest = 0;

    for (size_t i = 0; i < count; i++)
        if (tracks[i]->kind != PACKAGE_TEXT && longest < longest_of(tracks[i]))
            longest = longest_of(tracks[i]);
    return seconds_up(longest);
}

int playlist_media(struct buf *out, const struct media_package_track *track, int64_t target,
                   const char *file, struct err *err)
{
    if (buf_printf(out, err,
                   "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%" PRId64
                   "\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n",
                   track->kind == PACKAGE_TEXT ? seconds_up(longest_of(track)) : target) < 0)
        return -1;
    if (track->kind != PACKAGE_TEXT &&
        buf_printf(out, err,
                   "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"%s\",BYTERANGE=\"%" PRIu64
                   "@0\"\n",
                   file, track->init_bytes) < 0)
        return -1;
    for (size_t i = 0; i < track->count; i++) {
        const struct media_package_piece *piece = &track->pieces[i];

        if (buf_printf(out, err, "#EXTINF:%" PRId64 ".%06" PRId64 ",\n", piece->duration_us / US,
                       piece->duration_us % US) < 0)
            return -1;
        if (track->kind != PACKAGE_TEXT &&
            buf_printf(out, err, "#EXT-X-BYTERANGE:%" PRIu64 "@%" PRIu64 "\n", piece->bytes,
                       piece->offset) < 0)
            return -1;
        if (buf_printf(out, err, "%s\n", file) < 0)
            return -1;
    }
    return buf_printf(out, err, "#EXT-X-ENDLIST\n");
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Bits a second of pieces from..to-1. */
static int64_t rate_of(const struct media_package_track *track, size_t from, size_t to)
{
    double bytes = 0, us = 0;

    for (size_t i = from; i < to; i++) {
        bytes += (double)track->pieces[i].bytes;
        us += (double)track->pieces[i].duration_us;
    }
    return us > 0 ? (int64_t)(bytes * 8 * US / us) + 1 : 1;
}

static int64_t mean_rate(const struct media_package_track *track)
{
    return rate_of(track, 0, track->count);
}

/* Of the busiest run of pieces that lasts .5 to 1.5 times the target (RFC 8216, 4.3.4.2): what is
 * left at the end may be so short that its headers count more than what it holds. */
static int64_t peak_rate(const struct media_package_track *track)
{
    int64_t target = seconds_up(longest_of(track)) * US, most = 0;

    for (size_t from = 0; from < track->count; from++) {
        int64_t us = 0;

        for (size_t to = from; to < track->count; to++) {
            us += track->pieces[to].duration_us;
            if (2 * us > 3 * target)
                break;
            if (2 * us >= target)
                most = larger(most, rate_of(track, from, to + 1));
        }
    }
    return most > 0 ? most : mean_rate(track);
}

/* The tracks of one call, and what is asked of them again and again. */
struct tracks {
    const struct media_package_track *const *all;
    const char *const *names;
    size_t count;
    const char *folder;
};

/* Sounds of one codec are one group, named by the first of them: its number, or 0. */
static size_t group_of(const struct tracks *tracks, size_t track)
{
    for (size_t i = 1; i < track; i++)
        if (tracks->all[i]->kind == PACKAGE_SOUND &&
            strcmp(tracks->all[i]->codecs, tracks->all[track]->codecs) == 0)
            return i;
    return track;
}

/* Of its group, or of the texts. The first sound is the default where none is marked. */
static bool is_default(const struct tracks *tracks, size_t track)
{
    enum media_package_kind kind = tracks->all[track]->kind;
    size_t group = group_of(tracks, track), found = 0;

    for (size_t i = 1; i < tracks->count && !found; i++)
        if (tracks->all[i]->kind == kind && tracks->all[i]->is_default &&
            (kind == PACKAGE_TEXT || group_of(tracks, i) == group))
            found = i;
    return found ? found == track : kind == PACKAGE_SOUND && group == track;
}

static int put_quoted(struct buf *out, const char *key, const char *value, struct err *err)
{
    if (buf_printf(out, err, ",%s=\"", key) < 0)
        return -1;
    for (; *value; value++) {
        size_t len = utf8_bytes(value);
        char c = len == 0                         ? '?'
                 : *value == '"'                  ? '\''
                 : iscntrl((unsigned char)*value) ? ' '
                                                  : *value;

        if (buf_append(out, len > 1 ? value : &c, len > 1 ? len : 1, err) < 0)
            return -1;
        value += len > 1 ? len - 1 : 0;
    }
    return buf_append(out, "\"", 1, err);
}

static const char *name_of(const struct tracks *tracks, size_t track)
{
    const struct media_package_track *facts = tracks->all[track];

    return *facts->title ? facts->title : *facts->language ? facts->language : tracks->names[track];
}

/* A name is the user's choice among its kind: no two the same. */
static int put_name(struct buf *out, const struct tracks *tracks, size_t track, struct err *err)
{
    const char *name = name_of(tracks, track);
    AUTO_FREE char *own = NULL;

    for (size_t i = 1; i < track && !own; i++)
        if (tracks->all[i]->kind == tracks->all[track]->kind &&
            strcmp(name_of(tracks, i), name) == 0)
            own = xasprintf("%s (%s)", name, tracks->names[track]);
    return put_quoted(out, "NAME", own ? own : name, err);
}

static int put_rendition(struct buf *out, const struct tracks *tracks, size_t track,
                         struct err *err)
{
    const struct media_package_track *facts = tracks->all[track];
    bool sound = facts->kind == PACKAGE_SOUND;
    const char *traits = !sound && facts->hearing_impaired
                             ? "public.accessibility.transcribes-spoken-dialog,"
                               "public.accessibility.describes-music-and-sound"
                         : sound && facts->visual_impaired ? "public.accessibility.describes-video"
                                                           : NULL;

    if (buf_printf(out, err, "#EXT-X-MEDIA:TYPE=%s,GROUP-ID=\"%s%zu\"",
                   sound ? "AUDIO" : "SUBTITLES", sound ? "sound" : "text",
                   sound ? group_of(tracks, track) : 0) < 0 ||
        put_name(out, tracks, track, err) < 0)
        return -1;
    if (*facts->language && put_quoted(out, "LANGUAGE", language_of(facts->language), err) < 0)
        return -1;
    if (buf_printf(out, err, ",DEFAULT=%s,AUTOSELECT=YES",
                   is_default(tracks, track) ? "YES" : "NO") < 0)
        return -1;
    if (!sound && facts->forced && buf_printf(out, err, ",FORCED=YES") < 0)
        return -1;
    if (traits && put_quoted(out, "CHARACTERISTICS", traits, err) < 0)
        return -1;
    if (sound && buf_printf(out, err, ",CHANNELS=\"%d\"", facts->channels) < 0)
        return -1;
    return buf_printf(out, err, ",URI=\"%s/%s.m3u8\"\n", tracks->folder, tracks->names[track]);
}

static int put_variant(struct buf *out, const struct tracks *tracks, size_t group, bool texts,
                       struct err *err)
{
    const struct media_package_track *video = tracks->all[0];
    int64_t peak = 0, mean = 0;
    const char *range = video->color_trc == TRC_PQ    ? "PQ"
                        : video->color_trc == TRC_HLG ? "HLG"
                                                      : "SDR";

    for (size_t i = 1; group && i < tracks->count; i++) {
        if (tracks->all[i]->kind != PACKAGE_SOUND || group_of(tracks, i) != group)
            continue;
        peak = larger(peak, peak_rate(tracks->all[i]));
        mean = larger(mean, mean_rate(tracks->all[i]));
    }
    if (buf_printf(out, err,
                   "#EXT-X-STREAM-INF:BANDWIDTH=%" PRId64 ",AVERAGE-BANDWIDTH=%" PRId64
                   ",CODECS=\"%s%s%s\",RESOLUTION=%dx%d,VIDEO-RANGE=%s",
                   peak + peak_rate(video), mean + mean_rate(video), video->codecs,
                   group ? "," : "", group ? tracks->all[group]->codecs : "", video->width,
                   video->height, range) < 0)
        return -1;
    if (video->frame_rate.num > 0 &&
        buf_printf(out, err, ",FRAME-RATE=%.3f",
                   (double)video->frame_rate.num / (double)video->frame_rate.den) < 0)
        return -1;
    if (group && buf_printf(out, err, ",AUDIO=\"sound%zu\"", group) < 0)
        return -1;
    if (texts && buf_printf(out, err, ",SUBTITLES=\"text0\"") < 0)
        return -1;
    return buf_printf(out, err, "\n%s/%s.m3u8\n", tracks->folder, tracks->names[0]);
}

int playlist_main(struct buf *out, const struct media_package_track *const *all,
                  const char *const *names, size_t count, const char *folder, struct err *err)
{
    struct tracks tracks = { all, names, count, folder };
    bool texts = false, sounds = false;

    if (buf_printf(out, err, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n") < 0)
        return -1;
    for (size_t i = 1; i < count; i++) {
        texts = texts || all[i]->kind == PACKAGE_TEXT;
        sounds = sounds || all[i]->kind == PACKAGE_SOUND;
        if (put_rendition(out, &tracks, i, err) < 0)
            return -1;
    }
    if (!sounds)
        return put_variant(out, &tracks, 0, texts, err);
    for (size_t i = 1; i < count; i++)
        if (all[i]->kind == PACKAGE_SOUND && group_of(&tracks, i) == i &&
            put_variant(out, &tracks, i, texts, err) < 0)
            return -1;
    return 0;
}
