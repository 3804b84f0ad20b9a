/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/preview/preview.h"

#include <math.h>
#include <string.h>

#define SECONDS_MAX    1e7
#define DIVERGENCE_MAX 10

/* word: stands for NAN, once; or NULL. */
static int read_list(double *out, int *count, const cJSON *doc, const char *key, int room,
                     double most, const char *word, struct err *err)
{
    bool said = false;

    const cJSON *list, *item;

    if (json_array(&list, doc, key, 1, room, err) < 0)
        return -1;
    *count = 0;
    cJSON_ArrayForEach(item, list)
    {
        if (word && !said && cJSON_IsString(item) && strcmp(item->valuestring, word) == 0) {
            out[(*count)++] = NAN;
            said = true;
            continue;
        }
        if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble) || item->valuedouble < 0 ||
            item->valuedouble > most)
            return err_set(err, ERR_CONFIG, "%s: must be numbers of 0 to %g%s%s", key, most,
                           word ? ", and once " : "", word ? word : "");
        out[(*count)++] = item->valuedouble;
    }
    return 0;
}

int preview_opts_read(struct preview_opts *out, const char *text, struct err *err)
{
    AUTO(cJSON) cJSON *doc = NULL;

    *out = (struct preview_opts){ .timed = false };
    if (json_parse(&doc, text, strlen(text), err) < 0)
        return -1;
    out->timed = json_has(doc, "times");
    if (out->timed) {
        if (read_list(out->times, &out->frames, doc, "times", PREVIEW_FRAMES_MAX, SECONDS_MAX, NULL,
                      err) < 0)
            return -1;
    } else if (json_int(&out->frames, doc, "frames", 1, PREVIEW_FRAMES_MAX, err) < 0) {
        return -1;
    }
    if (json_str(out->folder, sizeof(out->folder), doc, "folder", err) < 0 ||
        json_int(&out->tile, doc, "tile", PREVIEW_TILE_MIN, PREVIEW_TILE_MAX, err) < 0 ||
        json_bool(&out->overwrite, doc, "overwrite", err) < 0 ||
        read_list(out->divergences, &out->divergence_count, doc, "divergences", PREVIEW_VALUES_MAX,
                  DIVERGENCE_MAX, NULL, err) < 0)
        return -1;
    return read_list(out->convergences, &out->convergence_count, doc, "convergences",
                     PREVIEW_VALUES_MAX, 1, "auto", err);
}
