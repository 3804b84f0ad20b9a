/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/quality/report.h"

#include "bench/quality/pgm.h"
#include "common/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ZOOM 2
#define GAP  4

static double flicker_at_joint(const struct score *joint)
{
    return score_flicker(joint);
}

static const struct column {
    const char *title, *key, *format;
    double (*value)(const struct score *);
    bool joint, low_is_good;
} columns[] = {
    { "PSNR all, dB", "psnrAll", "%.2f", score_psnr_all, false, false },
    { "seen", "psnrSeen", "%.2f", score_psnr_seen, false, false },
    { "disoccluded", "psnrDisoccluded", "%.2f", score_psnr_hidden, false, false },
    { "SSIM", "ssim", "%.4f", score_ssim, false, false },
    { "SIoU", "siou", "%.4f", score_siou, false, false },
    { "flicker, levels", "flicker", "%.3f", score_flicker, false, true },
    { "flicker at the joint", "flickerAtJoint", "%.3f", flicker_at_joint, true, true },
};
#define COLUMNS ((int)(sizeof(columns) / sizeof(columns[0])))

const char *report_row_name(const struct report *r, int row)
{
    return row < METHODS ? method_names[row] : r->opts->other[row - METHODS].name;
}

static double value_of(const struct run *run, int row, const struct column *c)
{
    return c->value(c->joint ? &run->joint[row] : &run->score[row]);
}

/* Over the films in which there is a value. */
static double mean_of(const struct run *runs, int row, const struct column *c)
{
    double sum = 0;
    int count = 0;

    for (int i = 0; i < WORLDS; i++) {
        double v = value_of(&runs[i], row, c);

        if (!isnan(v)) {
            sum += v;
            count++;
        }
    }
    return count ? sum / count : NAN;
}

static void print_value(FILE *out, const char *format, double v, bool best)
{
    (void)fputs(best ? " **" : " ", out);
    (void)fprintf(out, format, v);
    (void)fputs(best ? "** |" : " |", out);
}

static bool is_best(const double *values, int rows, int row, bool low_is_good)
{
    for (int i = 0; i < rows; i++)
        if (low_is_good ? values[i] < values[row] : values[i] > values[row])
            return false;
    return true;
}

static void kind_table(FILE *out, const struct report *r, int kind)
{
    int rows = METHODS + r->opts->others;
    double mean[COLUMNS][RUN_ROWS];

    (void)fprintf(out, "\n| %s depth |", given_names[kind]);
    for (int c = 0; c < COLUMNS; c++) {
        (void)fprintf(out, " %s |", columns[c].title);
        for (int row = 0; row < rows; row++)
            mean[c][row] = mean_of(r->runs[kind], row, &columns[c]);
    }
    (void)fputs("\n|---|", out);
    for (int c = 0; c < COLUMNS; c++)
        (void)fputs("---|", out);
    for (int row = 0; row < rows; row++) {
        (void)fprintf(out, "\n| %s |", report_row_name(r, row));
        for (int c = 0; c < COLUMNS; c++)
            print_value(out, columns[c].format, mean[c][row],
                        is_best(mean[c], rows, row, columns[c].low_is_good));
    }
    (void)fputc('\n', out);
}

/* Ours beside the best of all others, film by film. */
static void film_table(FILE *out, const struct report *r, int kind)
{
    static const int shown[] = { 0, 2, 3, 4, 5 };
    int rows = METHODS + r->opts->others;

    (void)fprintf(out, "\n| %s depth, ours / best of the others |", given_names[kind]);
    for (size_t k = 0; k < sizeof(shown) / sizeof(shown[0]); k++)
        (void)fprintf(out, " %s |", columns[shown[k]].title);
    (void)fputs("\n|---|---|---|---|---|---|\n", out);
    for (int i = 0; i < WORLDS; i++) {
        const struct run *run = &r->runs[kind][i];

        (void)fprintf(out, "| %s |", run->name);
        for (size_t k = 0; k < sizeof(shown) / sizeof(shown[0]); k++) {
            const struct column *c = &columns[shown[k]];
            double best = NAN, ours = value_of(run, METHOD_OURS, c);
            int at = 0;

            for (int row = 0; row < rows; row++) {
                double v = value_of(run, row, c);

                if (row != METHOD_OURS && row != METHOD_OURS_DILATED && !isnan(v) &&
                    (isnan(best) || (c->low_is_good ? v < best : v > best))) {
                    best = v;
                    at = row;
                }
            }
            (void)fputc(' ', out);
            (void)fprintf(out, c->format, ours);
            (void)fputs(" / ", out);
            (void)fprintf(out, c->format, best);
            (void)fprintf(out, " (%s) |", report_row_name(r, at));
        }
        (void)fputc('\n', out);
    }
}

void report_tables(FILE *out, const struct report *r)
{
    for (int kind = 0; kind < GIVEN_KINDS; kind++)
        if (r->runs[kind])
            kind_table(out, r, kind);
    for (int kind = 0; kind < GIVEN_KINDS; kind++)
        if (r->runs[kind])
            film_table(out, r, kind);
    if (r->runs[GIVEN_CLASSICAL]) {
        long differs = 0;

        for (int i = 0; i < WORLDS; i++)
            differs += r->runs[GIVEN_CLASSICAL][i].joint_differs;
        (void)fprintf(out,
                      "\nClassical depth of two segments against that of the film as a whole: "
                      "%ld samples differ.\n",
                      differs);
    }
}

static void json_row(FILE *out, const struct report *r, const struct run *run, int row)
{
    (void)fprintf(out, "\n      \"%s\": {", report_row_name(r, row));
    for (int c = 0; c < COLUMNS; c++) {
        double v = value_of(run, row, &columns[c]);

        (void)fprintf(out, "%s\"%s\": ", c ? ", " : "", columns[c].key);
        if (isnan(v))
            (void)fputs("null", out);
        else
            (void)fprintf(out, "%.5f", v);
    }
    (void)fputc('}', out);
}

void report_json(FILE *out, const struct report *r)
{
    const char *comma = "";

    (void)fprintf(out, "{\"width\": %d, \"height\": %d, \"depths\": {", r->opts->width,
                  r->opts->height);
    for (int kind = 0; kind < GIVEN_KINDS; kind++) {
        if (!r->runs[kind])
            continue;
        (void)fprintf(out, "%s\n  \"%s\": {", comma, given_names[kind]);
        comma = ",";
        for (int i = 0; i < WORLDS; i++) {
            (void)fprintf(out, "%s\n    \"%s\": {", i ? "," : "", r->runs[kind][i].name);
            for (int row = 0; row < METHODS + r->opts->others; row++) {
                (void)fputs(row ? "," : "", out);
                json_row(out, r, &r->runs[kind][i], row);
            }
            (void)fputc('}', out);
        }
        (void)fputc('}', out);
    }
    (void)fputs("}}\n", out);
}

/* The film in which the row is farthest from the truth, of those not yet shown; -1: none. */
static int worst_film(const struct run *runs, int row, const bool *shown)
{
    int worst = -1;

    for (int i = 0; i < WORLDS; i++)
        if (!shown[i] && (worst < 0 || runs[i].worst[row].squares > runs[worst].worst[row].squares))
            worst = i;
    return worst;
}

static void put(uint8_t *canvas, int width, const uint8_t *crop, int column, int line)
{
    int x0 = column * (CROP_W * ZOOM + GAP), y0 = line * (CROP_H * ZOOM + GAP);

    for (int y = 0; y < CROP_H * ZOOM; y++)
        for (int x = 0; x < CROP_W * ZOOM; x++)
            canvas[(y0 + y) * width + x0 + x] = crop[y / ZOOM * CROP_W + x / ZOOM];
}

static void picture(FILE *says, const char *dir, const struct report *r, int kind)
{
    int rows = METHODS + r->opts->others, lines = rows - 2; /* not of identity, and of ours one */
    int width = (rows + 1) * (CROP_W * ZOOM + GAP), height = lines * (CROP_H * ZOOM + GAP);
    AUTO_FREE uint8_t *canvas = xcalloc((size_t)width * (size_t)height, 1);
    AUTO_FREE char *path = xasprintf("%s/worst-%s.pgm", dir, given_names[kind]);
    bool shown[WORLDS] = { false };

    memset(canvas, 255, (size_t)width * (size_t)height);
    for (int line = 0; line < lines; line++) {
        int row = line == 0 ? METHOD_OURS : line < METHOD_OURS ? line : line + 2;
        int at = worst_film(r->runs[kind], row, shown);
        const struct crop *crop;

        if (at < 0)
            break;
        shown[at] = true;
        crop = &r->runs[kind][at].worst[row];
        put(canvas, width, crop->right, 0, line);
        for (int i = 0; i < rows; i++)
            put(canvas, width, crop->made[i], i + 1, line);
        (void)fprintf(says, "worst-%s line %d: %s, film %s, frame %d, at %d,%d\n",
                      given_names[kind], line + 1, report_row_name(r, row), r->runs[kind][at].name,
                      crop->frame, crop->x, crop->y);
    }
    pgm_write(path, canvas, width, height);
}

void report_pictures(FILE *says, const char *dir, const struct report *r)
{
    for (int kind = 0; kind < GIVEN_KINDS; kind++)
        if (r->runs[kind])
            picture(says, dir, r, kind);
}
