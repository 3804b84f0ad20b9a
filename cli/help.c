/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cluster/verbs.h"
#include "cli/program.h"
#include "cli/verbs.h"
#include "common/contract/fields.h"

#include <stdio.h>
#include <string.h>

const struct verb verbs[] = {
    { "convert", "IN [OUT] [options]", "turn a flat film into stereo 3D on this machine",
      verb_convert },
    { "run", "-f job.yaml [options]", "run a StereoJob manifest on this machine", verb_run },
    { "plan", "IN [OUT] | -f FILE", "say what a job would cost before it is begun", verb_plan },
    { "preview", "IN -o DIR [options]", "pictures of a few frames, to choose the depth by",
      verb_preview },
    { "probe", "IN [--json]", "show what we see in a film and what we would do", verb_probe },
};
const unsigned verbs_count = sizeof(verbs) / sizeof(verbs[0]);

void help_main(void)
{
    (void)printf("stereo turns flat films into stereo 3D.\n\nOn this machine:\n");
    for (unsigned i = 0; i < verbs_count; i++)
        (void)printf("  %s %-9s%-22s%s\n", program_name(), verbs[i].name, verbs[i].args,
                     verbs[i].summary);
    (void)printf("\nOn a cluster, by kubectl's configuration (also as kubectl stereo):\n");
    for (unsigned i = 0; i < cluster_verbs_count; i++)
        (void)printf("  %s %-9s%-22s%s\n", program_name(), cluster_verbs[i].name,
                     cluster_verbs[i].args, cluster_verbs[i].summary);
    (void)printf("\n"
                 "  %1$s VERB --help    the options of a verb\n"
                 "  %1$s --version\n\n"
                 "Examples:\n"
                 "  %1$s convert film.mp4                 -> film_LRF_Full_SBS.mp4\n"
                 "  %1$s convert film.mkv tv.mkv --layout half-sbs\n"
                 "  %1$s submit -f examples/s3.yaml --wait\n\n"
                 "Exit codes: 0 done, 1 the job that was waited for failed or was cancelled,\n"
                 "64 an option, a name or a manifest is wrong or refused, 65 the film cannot be\n"
                 "converted, 69 a service failed, 70 our fault, 71 GPU or encoder, 73 no space,\n"
                 "75 stopped, or not over in time: the same command goes on.\n",
                 program_name());
}

enum { HELP_COLUMN = 36, HELP_WIDTH = 79 };

/* What follows the flag: its values, or what its value stands for. */
static void value_format(char *out, size_t size, const struct field *field)
{
    size_t len = 0;

    (void)snprintf(out, size, "%s%s", field->metavar ? " " : "",
                   field->metavar ? field->metavar : "");
    for (size_t i = 0; field->values && field->values[i] && len < size; i++) {
        char kebab[64];

        fields_kebab(kebab, sizeof(kebab), field->values[i]);
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? "|" : " ", kebab);
    }
}

/* The default as the command line takes it. */
static void default_format(char *out, size_t size, const struct field *field)
{
    char kebab[64], bare[64];
    size_t len;

    out[0] = '\0';
    if (!field->def || field->type == FIELD_BOOL)
        return;
    (void)snprintf(bare, sizeof(bare), "%s", field->def + (field->def[0] == '"'));
    len = strlen(bare);
    if (len > 0 && bare[len - 1] == '"')
        bare[len - 1] = '\0';
    fields_kebab(kebab, sizeof(kebab), bare);
    (void)snprintf(out, size, " [%s]", field->type == FIELD_ENUM ? kebab : bare);
}

/* One line: the flag, and its doc up to the first pause; kubectl explain has the whole doc. */
static void field_print(const struct field *field)
{
    char left[128], value[96], def[80];
    int doc_len = (int)strcspn(field->doc, ".,:;("), room;

    value_format(value, sizeof(value), field);
    default_format(def, sizeof(def), field);
    (void)snprintf(left, sizeof(left), "  --%s%s", field->flag, value);
    while (doc_len > 0 && field->doc[doc_len - 1] == ' ')
        doc_len--;
    if (strlen(left) >= HELP_COLUMN)
        (void)printf("%s\n%*s", left, HELP_COLUMN, "");
    else
        (void)printf("%-*s", HELP_COLUMN, left);
    room = HELP_WIDTH - HELP_COLUMN - (int)strlen(def);
    (void)printf("%.*s%s\n", doc_len < room ? doc_len : room, field->doc, def);
}

static void options_local_print(void)
{
    (void)printf("  --work-dir DIR, --keep-work       Where the work is [OUT.stereojob]; keep it\n"
                 "  --json                            JSON lines on stdout\n");
}

static void help_convert(void)
{
    for (size_t i = 0; i < fields_count; i++)
        if (fields[i].flag)
            field_print(&fields[i]);
    (void)printf(
        "  --depth classical|video:PATH      Depth from the picture or a film [classical]\n");
    options_local_print();
    (void)printf(
        "\nOUT: a file (.mp4 .mov .mkv .m3u8), a folder, or a name; without an extension the\n"
        "players' suffix is added. Stopped or killed, the same command goes on.\n\n"
        "  stereo convert film.mp4 out/ --layout half-sbs --divergence 2.5\n"
        "  stereo convert film.mkv film3d.mkv --codec libx265 --crf 22 --preset slow\n");
}

static void help_plan(void)
{
    (void)printf(
        "  -f FILE                           A manifest, also one for a cluster\n"
        "  --speed N                         Frames a second of one worker [measured here]\n"
        "  --json                            One JSON object on stdout\n"
        "  and the options of convert, such as --layout, --codec, --segment-seconds\n"
        "\nSegments, GPU-hours and time. A short segment from the middle of the film is\n"
        "converted here to know the speed; a worker on another machine has another one.\n"
        "s3:// is read with your own AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,\n"
        "AWS_REGION, AWS_ENDPOINT_URL.\n\n"
        "  stereo plan film.mkv --layout half-sbs\n"
        "  kubectl stereo plan -f job.yaml --speed 60\n");
}

static void help_preview(void)
{
    (void)printf(
        "  -o DIR                            The folder for the pictures\n"
        "  --frames N                        So many, spread over the film [4]\n"
        "  --at TIME,...                     These frames instead: seconds or H:MM:SS\n"
        "  --divergence LIST                 A row for each [1,2,3]\n"
        "  --convergence LIST                A column for each [0.3,0.5,0.7,auto]\n"
        "  --width N                         Of one view, in samples [640]\n"
        "  --overwrite                       Replace pictures that are there\n"
        "  --json                            One JSON object on stdout\n"
        "  and of convert: --depth, --synthetic-view, --ipd-offset, --foreground-scale,\n"
        "  --edge-dilation, --preserve-screen-border\n"
        "\nOf every frame NN: NN-anaglyph.png and NN-sbs.png, with the values and how far\n"
        "the depth reaches before and behind the screen under each picture; and depth.png.\n\n"
        "  stereo preview film.mp4 -o look --divergence 1.5,2,2.5\n"
        "  stereo preview film.mp4 -o look --at 12:30,1:04:00 --convergence 0.4,0.5\n");
}

void help_verb(const char *name)
{
    for (unsigned i = 0; i < verbs_count; i++) {
        if (strcmp(name, verbs[i].name) != 0)
            continue;
        (void)printf("Usage: %s %s %s: %s\n\n", program_name(), name, verbs[i].args,
                     verbs[i].summary);
        if (verbs[i].run == verb_convert)
            help_convert();
        else if (verbs[i].run == verb_plan)
            help_plan();
        else if (verbs[i].run == verb_preview)
            help_preview();
        else if (verbs[i].run == verb_run)
            options_local_print();
        return;
    }
    for (unsigned i = 0; i < cluster_verbs_count; i++) {
        if (strcmp(name, cluster_verbs[i].name) == 0) {
            cluster_help(&cluster_verbs[i]);
            return;
        }
    }
    help_main();
}
