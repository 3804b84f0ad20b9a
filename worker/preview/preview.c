/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/preview/preview.h"

#include "common/file.h"
#include "common/mem.h"
#include "worker/plan/draft.h"
#include "worker/preview/pictures.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_S 2.0 /* the plan's: what is decoded for a frame beyond its depth's windows */
#define DARK      24  /* mean luma of pictures that show nothing */
#define TRIES     4   /* places for one frame, a part of its share of the film apart */

struct written { /* a file that this run made */
    char *path;  /* owned */
    const char *kind;
    int frame; /* from 1; 0: all */
    bool made; /* it was not there before */
};

struct preview {
    const struct preview_opts *opts;
    struct job_spec *spec;
    struct film *film; /* owned, as is the plan */
    struct plan *plan;
    struct shot_screen screens[SHOT_MAX]; /* of all cells, each once */
    int screen_count;
    struct shot shots[PREVIEW_FRAMES_MAX];
    double seconds[PREVIEW_FRAMES_MAX];
    struct cell *cells[PREVIEW_FRAMES_MAX]; /* owned */
    struct written files[2 * PREVIEW_FRAMES_MAX + 1];
    int file_count;
    bool folder_made;
};

static void preview_clear(struct preview *p)
{
    for (int i = 0; i < p->opts->frames; i++) {
        shot_clear(&p->shots[i]);
        free(p->cells[i]);
    }
    for (int i = 0; i < p->file_count; i++)
        free(p->files[i].path);
    plan_free(p->plan);
    film_free(p->film);
}

static void name_files(struct preview *p)
{
    for (int i = 1; i <= p->opts->frames; i++) {
        p->files[p->file_count++] =
            (struct written){ xasprintf("%s/%02d-anaglyph.png", p->opts->folder, i), "anaglyph", i,
                              false };
        p->files[p->file_count++] =
            (struct written){ xasprintf("%s/%02d-sbs.png", p->opts->folder, i), "sbs", i, false };
    }
    p->files[p->file_count++] =
        (struct written){ xasprintf("%s/depth.png", p->opts->folder), "depth", 0, false };
}

static int check_folder(struct preview *p, struct err *err)
{
    struct stat st;

    p->folder_made = stat(p->opts->folder, &st) < 0;
    if (p->folder_made)
        return errno == ENOENT ? file_mkdirs(p->opts->folder, err)
                               : err_errno(err, ERR_CONFIG, errno, "%s", p->opts->folder);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFIG, "%s is a file; -o wants a folder", p->opts->folder);
    for (int i = 0; i < p->file_count && !p->opts->overwrite; i++)
        if (file_exists(p->files[i].path))
            return err_set(err, ERR_CONFIG, "%s exists; --overwrite replaces it", p->files[i].path);
    return 0;
}

static int open_film(struct preview *p, const volatile sig_atomic_t *should_stop, struct err *err)
{
    const struct film_opts opts = { .uri = p->spec->source_uri,
                                    .what = p->spec->source_uri,
                                    .should_stop = should_stop };

    if (film_open(&p->film, &opts, err) < 0)
        return -1;
    p->spec->segment_seconds = SEGMENT_S;
    if (plan_draft(&p->plan, p->film, p->spec, err) < 0)
        return -1;
    if (p->plan->pieces)
        return err_set(err, ERR_INPUT,
                       "this film cannot be sought, and a preview has to: `ffmpeg -i IN -c copy "
                       "OUT.mkv` may help");
    return 0;
}

static double seconds_of(const struct plan_video *video, int64_t units)
{
    return (double)units * (double)video->time_base.num / (double)video->time_base.den;
}

static int64_t pts_of(const struct plan_video *video, double seconds)
{
    return video->start_pts +
           llround(seconds * (double)video->time_base.den / (double)video->time_base.num);
}

/* Of the frame that is on the screen then. */
static int64_t shown_at(const struct film *film, int64_t pts)
{
    size_t low = 0, high = film->frame_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (film->frames[middle].pts <= pts)
            low = middle;
        else
            high = middle;
    }
    return film->frames[low].pts;
}

static int take_at(struct preview *p, int i, double seconds, struct err *err)
{
    const struct plan_video *video = &p->plan->video;
    const struct shot_opts opts = { .film = p->film,
                                    .plan = p->plan,
                                    .spec = p->spec,
                                    .screens = p->screens,
                                    .count = p->screen_count };
    int64_t pts = pts_of(video, seconds);

    if (pts >= video->end_pts)
        return err_set(err, ERR_CONFIG, "--at: the film has %.3f seconds",
                       seconds_of(video, video->end_pts - video->start_pts));
    shot_clear(&p->shots[i]);
    if (shot_take(&p->shots[i], &opts, shown_at(p->film, pts), err) < 0)
        return err_wrap(err, "at %.3f seconds", seconds);
    p->seconds[i] = seconds_of(video, media_frame_pts(p->shots[i].frame) - video->start_pts);
    return 0;
}

/* The middle of the frame's share of the film, or where it is dark there a place behind. */
static int take_somewhere(struct preview *p, int i, struct err *err)
{
    const struct plan_video *video = &p->plan->video;
    double share = seconds_of(video, video->end_pts - video->start_pts) / p->opts->frames;

    for (int try = 0; try < TRIES; try++) {
        double at = share * (i + fmod(.5 + (double)try / TRIES, 1));

        if (take_at(p, i, at, err) < 0)
            return -1;
        if (shot_light(&p->shots[i]) >= DARK)
            return 0;
    }
    return 0;
}

/* One for each number, and where the screen follows one for each divergence. */
static void list_screens(struct preview *p)
{
    const struct preview_opts *o = p->opts;

    for (int i = 0; i < o->convergence_count; i++) {
        if (!isnan(o->convergences[i])) {
            p->screens[p->screen_count++] =
                (struct shot_screen){ .convergence = o->convergences[i] };
            continue;
        }
        p->spec->convergence_mode = CONVERGENCE_AUTO; /* for the plan's window */
        for (int row = 0; row < o->divergence_count; row++)
            p->screens[p->screen_count++] =
                (struct shot_screen){ .follows = true, .divergence = o->divergences[row] };
    }
}

static int screen_of(const struct preview *p, int row, int column)
{
    int at = 0;

    for (int i = 0; i < column; i++)
        at += isnan(p->opts->convergences[i]) ? p->opts->divergence_count : 1;
    return isnan(p->opts->convergences[column]) ? at + row : at;
}

static void make_cells(struct preview *p, int i)
{
    const struct preview_opts *o = p->opts;
    int columns = o->convergence_count, count = columns * o->divergence_count;

    p->cells[i] = xcalloc((size_t)count, sizeof(*p->cells[i]));
    for (int k = 0; k < count; k++)
        p->cells[i][k] = cell_of(&p->shots[i], p->screens, screen_of(p, k / columns, k % columns),
                                 o->divergences[k / columns], p->spec);
}

static int write_file(struct written *file, struct media_sheet *sheet, struct err *err)
{
    AUTO_FREE uint8_t *png = NULL;
    size_t len;

    if (media_sheet_png(&png, &len, sheet, err) < 0)
        return -1;
    file->made = !file_exists(file->path);
    return file_write(file->path, png, len, err);
}

static int draw(struct media_sheet **out, const struct preview *p, const struct written *file,
                struct err *err)
{
    const struct pictures pictures = { p->plan, p->spec, p->opts };
    int i = file->frame - 1;

    if (file->frame == 0)
        return pictures_depth(out, &pictures, p->shots, p->seconds, p->opts->frames, err);
    return pictures_grid(out, &pictures, &p->shots[i], p->cells[i],
                         strcmp(file->kind, "sbs") == 0 ? LAYOUT_FULL_SBS : LAYOUT_ANAGLYPH_DUBOIS,
                         err);
}

static int make(struct preview *p, struct err *err)
{
    for (int i = 0; i < p->opts->frames; i++) {
        int rc = p->opts->timed ? take_at(p, i, p->opts->times[i], err) : take_somewhere(p, i, err);

        if (rc < 0)
            return -1;
        make_cells(p, i);
    }
    for (int i = 0; i < p->file_count; i++) {
        AUTO(media_sheet) struct media_sheet *sheet = NULL;

        if (film_check_stop(p->film, err) < 0 || draw(&sheet, p, &p->files[i], err) < 0 ||
            write_file(&p->files[i], sheet, err) < 0)
            return -1;
    }
    return 0;
}

static void take_away(struct preview *p)
{
    struct err unheard;

    for (int i = 0; i < p->file_count; i++)
        if (p->files[i].made)
            (void)file_remove(p->files[i].path, &unheard);
    if (p->folder_made)
        (void)rmdir(p->opts->folder);
}

static void cells_add(cJSON *doc, const struct preview *p)
{
    cJSON *list = cJSON_AddArrayToObject(doc, "cells");

    for (int i = 0; i < p->opts->frames; i++)
        for (int k = 0; k < p->opts->divergence_count * p->opts->convergence_count; k++) {
            const struct cell *cell = &p->cells[i][k];
            cJSON *item = cJSON_CreateObject();

            json_add_i64(item, "frame", i + 1);
            (void)cJSON_AddNumberToObject(item, "divergence", cell->divergence);
            (void)cJSON_AddNumberToObject(item, "convergence", cell->convergence);
            json_add_str(item, "convergenceMode", cell->follows ? "Auto" : "Fixed");
            (void)cJSON_AddNumberToObject(item, "frontPercent", round(cell->front * 1000) / 1000);
            (void)cJSON_AddNumberToObject(item, "behindPercent", round(cell->behind * 1000) / 1000);
            json_add_bool(item, "comfortable", cell->comfortable);
            cJSON_AddItemToArray(list, item);
        }
}

static int print(const struct preview *p, struct err *err)
{
    AUTO(cJSON) cJSON *doc = cJSON_CreateObject();
    AUTO_FREE char *text = NULL;
    cJSON *list;

    json_add_str(doc, "film", p->spec->source_uri);
    list = cJSON_AddArrayToObject(doc, "frames");
    for (int i = 0; i < p->opts->frames; i++) {
        cJSON *item = cJSON_CreateObject();

        json_add_i64(item, "frame", i + 1);
        (void)cJSON_AddNumberToObject(item, "seconds", round(p->seconds[i] * 1000) / 1000);
        cJSON_AddItemToArray(list, item);
    }
    list = cJSON_AddArrayToObject(doc, "pictures");
    for (int i = 0; i < p->file_count; i++) {
        cJSON *item = cJSON_CreateObject();

        json_add_str(item, "path", p->files[i].path);
        json_add_str(item, "kind", p->files[i].kind);
        if (p->files[i].frame)
            json_add_i64(item, "frame", p->files[i].frame);
        cJSON_AddItemToArray(list, item);
    }
    cells_add(doc, p);
    text = json_print(doc);
    if (puts(text) < 0 || fflush(stdout) < 0)
        return err_set(err, ERR_DEPENDENCY, "standard output cannot be written");
    return 0;
}

int preview_run(struct job_spec *spec, const struct preview_opts *opts,
                const volatile sig_atomic_t *should_stop, struct err *err)
{
    struct preview preview = { .opts = opts, .spec = spec };
    int rc;

    name_files(&preview);
    list_screens(&preview);
    rc = open_film(&preview, should_stop, err);
    if (rc == 0)
        rc = check_folder(&preview, err);
    if (rc == 0) {
        rc = make(&preview, err);
        if (rc < 0)
            take_away(&preview);
    }
    if (rc == 0)
        rc = print(&preview, err);
    preview_clear(&preview);
    return rc;
}
