/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"
#include "common/contract/fields.h"

#include <stdio.h>
#include <string.h>

const struct verb verbs[] = {
    { "convert", "IN [OUT] [options]", "turn a flat film into stereo 3D on this machine",
      verb_convert },
    { "run", "-f job.yaml [options]", "run a StereoJob manifest on this machine", verb_run },
    { "probe", "IN [--json]", "show what we see in a film and what we would do", verb_probe },
};
const unsigned verbs_count = sizeof(verbs) / sizeof(verbs[0]);

void help_main(void)
{
    (void)printf("stereo turns flat films into stereo 3D.\n\n");
    for (unsigned i = 0; i < verbs_count; i++)
        (void)printf("  stereo %-8s%-22s%s\n", verbs[i].name, verbs[i].args, verbs[i].summary);
    (void)printf("\n"
                 "  stereo VERB --help    the options of a verb\n"
                 "  stereo --version\n\n"
                 "Examples:\n"
                 "  stereo convert film.mp4                 -> film_LRF_Full_SBS.mp4\n"
                 "  stereo convert film.mkv tv.mkv --layout half-sbs\n"
                 "  stereo probe film.mp4\n\n"
                 "Exit codes: 0 done, 64 an option or manifest is wrong, 65 the film cannot be\n"
                 "converted, 69 a service failed, 70 our fault, 71 GPU or encoder, 73 no space,\n"
                 "75 stopped: the same command goes on.\n");
}

static void choices_print(const struct field *field)
{
    char kebab[64];

    for (size_t i = 0; field->values && field->values[i]; i++) {
        fields_kebab(kebab, sizeof(kebab), field->values[i]);
        (void)printf("%s%s", i ? "|" : " ", kebab);
    }
}

/* "  --layout full-sbs|...", its doc below when the line is full, and the default. */
static void field_print(const struct field *field)
{
    size_t doc_len = strcspn(field->doc, ".");

    (void)printf("  --%s", field->flag);
    if (field->values)
        choices_print(field);
    else if (field->metavar)
        (void)printf(" %s", field->metavar);
    (void)printf("\n        %.*s", (int)doc_len, field->doc);
    if (field->def && field->type != FIELD_BOOL)
        (void)printf(" [%s]", field->def);
    (void)printf("\n");
}

static void options_local_print(void)
{
    (void)printf("  --work-dir DIR    work folder [OUT.stereojob]; --keep-work keeps it\n"
                 "  --json            JSON lines on stdout\n");
}

static void help_convert(void)
{
    (void)printf("Options [default]:\n");
    for (size_t i = 0; i < fields_count; i++)
        if (fields[i].flag)
            field_print(&fields[i]);
    (void)printf("  --depth classical|video:PATH\n"
                 "        Where depth comes from: the picture itself, or a depth film [classical]\n");
    options_local_print();
    (void)printf("\nOUT: a file (.mp4 .mov .mkv), a folder, or a name; without an extension the\n"
                 "players' suffix is added. Stopped or killed, the same command goes on.\n\n"
                 "  stereo convert film.mp4 out/ --layout half-sbs --divergence 2.5\n"
                 "  stereo convert film.mkv film3d.mkv --codec libx265 --crf 22 --preset slow\n");
}

void help_verb(const char *name)
{
    for (unsigned i = 0; i < verbs_count; i++) {
        if (strcmp(name, verbs[i].name) != 0)
            continue;
        (void)printf("Usage: stereo %s %s\n  %s\n\n", name, verbs[i].args, verbs[i].summary);
        if (verbs[i].run == verb_convert)
            help_convert();
        else if (verbs[i].run == verb_run)
            options_local_print();
        return;
    }
    help_main();
}
