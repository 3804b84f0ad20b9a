/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/plan/probe_json.h"

#include "common/contract/record.h"
#include "worker/media/remote.h"

#include <stdio.h>

static const char *type_name(char type)
{
    switch (type) {
    case 'v':
        return "video";
    case 'a':
        return "audio";
    case 's':
        return "subtitle";
    case 't':
        return "attachment";
    case 'c':
        return "cover";
    default:
        return "data";
    }
}

static void add_ratio(cJSON *obj, const char *key, struct ratio ratio)
{
    char text[48];

    if (ratio.num <= 0)
        return;
    (void)snprintf(text, sizeof(text), "%lld/%lld", (long long)ratio.num, (long long)ratio.den);
    json_add_str(obj, key, text);
}

static cJSON *stream_object(const struct film *film, int i)
{
    const struct media_stream *stream = &film->streams[i];
    cJSON *obj = cJSON_CreateObject();

    json_add_i64(obj, "index", stream->index);
    json_add_str(obj, "type", type_name(stream->type));
    json_add_str(obj, "codec", stream->codec);
    if (*stream->language)
        json_add_str(obj, "language", stream->language);
    if (*stream->title)
        json_add_str(obj, "title", stream->title);
    json_add_bool(obj, "default", stream->is_default);
    json_add_i64(obj, "packets", film->counts[i].packets);
    json_add_i64(obj, "bytes", film->counts[i].bytes);
    if (stream->type == 'v' || stream->type == 'c') {
        json_add_i64(obj, "width", stream->width);
        json_add_i64(obj, "height", stream->height);
        json_add_str(obj, "pixFmt", stream->pix_fmt);
        json_add_i64(obj, "bitDepth", stream->bit_depth);
        json_add_i64(obj, "rotation", stream->rotation);
        json_add_bool(obj, "flipped", stream->flipped);
        json_add_bool(obj, "interlaced", stream->interlaced);
        add_ratio(obj, "sar", stream->sar);
        add_ratio(obj, "timeBase", stream->time_base);
    }
    if (stream->type == 'a') {
        json_add_i64(obj, "sampleRate", stream->sample_rate);
        json_add_i64(obj, "channels", stream->channels);
    }
    return obj;
}

static void add_gops(cJSON *obj, const struct film *film)
{
    int64_t keys = 0, longest = 0, length = 0;

    for (size_t i = 0; i < film->frame_count; i++) {
        length = film->frames[i].key ? 1 : length + 1;
        keys += film->frames[i].key;
        longest = length > longest ? length : longest;
    }
    json_add_i64(obj, "keyframes", keys);
    json_add_i64(obj, "longestGop", longest);
}

static cJSON *video_object(const struct film *film, double seconds)
{
    const struct media_stream *video = film_video(film);
    cJSON *obj = cJSON_CreateObject();

    json_add_i64(obj, "stream", film->video);
    json_add_i64(obj, "frames", (int64_t)film->frame_count);
    (void)cJSON_AddNumberToObject(obj, "seconds", seconds);
    json_add_bool(obj, "variableFrameRate", film_is_vfr(film));
    add_ratio(obj, "frameRate", video->frame_rate);
    json_add_i64(obj, "startPts", film->frames[0].pts);
    json_add_i64(obj, "endPts", film->end);
    add_ratio(obj, "timeBase", video->time_base);
    add_gops(obj, film);
    return obj;
}

static void add_texts(cJSON *obj, const char *key, char *const *texts, size_t count)
{
    cJSON *list = cJSON_AddArrayToObject(obj, key);

    for (size_t i = 0; i < count; i++)
        (void)cJSON_AddItemToArray(list, cJSON_CreateString(texts[i]));
}

static void add_container(cJSON *obj, const char *key, const struct plan *plan)
{
    cJSON *container = cJSON_AddObjectToObject(obj, key);
    cJSON *copied = cJSON_AddArrayToObject(container, "copied");
    cJSON *converted = cJSON_AddArrayToObject(container, "converted");

    for (size_t i = 0; i < plan->copy_count; i++)
        (void)cJSON_AddItemToArray(plan->copies[i].convert ? converted : copied,
                                   cJSON_CreateNumber(plan->copies[i].stream));
    add_texts(container, "dropped", plan->dropped, plan->dropped_count);
}

static cJSON *plan_object(const struct film *film, const struct plan *mp4,
                          const struct plan *matroska)
{
    cJSON *obj = cJSON_CreateObject();
    int64_t preroll = 0;

    for (uint32_t i = 0; i < mp4->segment_count; i++)
        for (size_t k = 0; k < film->frame_count; k++)
            preroll += film->frames[k].pts >= mp4->segments[i].seek_pts &&
                       film->frames[k].pts < mp4->segments[i].lead_pts;
    json_add_i64(obj, "segments", mp4->segment_count);
    json_add_i64(obj, "prerollFrames", preroll);
    json_add_i64(obj, "window", mp4->window);
    json_add_str(obj, "codec", mp4->codec);
    json_add_i64(obj, "packedWidth", mp4->packed_width);
    json_add_i64(obj, "packedHeight", mp4->packed_height);
    json_add_i64(obj, "bitDepth", mp4->video.bit_depth);
    json_add_bool(obj, "pieces", mp4->pieces);
    json_add_i64(obj, "memoryBytes", (int64_t)mp4->memory_bytes);
    add_container(obj, "mp4", mp4);
    add_container(obj, "matroska", matroska);
    return obj;
}

cJSON *probe_document(const struct film *film, const struct plan *mp4, const struct plan *matroska,
                      double seconds)
{
    cJSON *doc = cJSON_CreateObject(), *streams;
    char warning[RECORD_WARNING_SIZE];

    json_add_str(doc, "uri", film->uri);
    json_add_i64(doc, "size", (int64_t)store_reader_stat(film->reader)->size);
    json_add_str(doc, "digest", film->digest);
    json_add_str(doc, "container", film->format);
    json_add_str(doc, "read", film->decoded ? "decoded" : film->indexed ? "index" : "all packets");
    json_add_i64(doc, "bytesRead", (int64_t)store_reader_bytes(film->reader));
    json_add_str(doc, "sandbox", media_remote_words());
    json_add_i64(doc, "chapters", film->chapters);
    streams = cJSON_AddArrayToObject(doc, "streams");
    for (int i = 0; i < film->stream_count; i++)
        (void)cJSON_AddItemToArray(streams, stream_object(film, i));
    (void)cJSON_AddItemToObject(doc, "video", video_object(film, seconds));
    (void)cJSON_AddItemToObject(doc, "plan", plan_object(film, mp4, matroska));
    plan_warning(warning, sizeof(warning), film, mp4);
    json_add_str(doc, "warning", warning);
    return doc;
}
