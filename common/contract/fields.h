/* SPDX-License-Identifier: Apache-2.0
 *
 * fields.h - the one field table: every field of a StereoJob, its type, bounds, default, CLI flag
 * and doc. It is the source of the CRD schema, the checks of `stereo run`, the CLI's options and
 * help, and the reference page. Adding a field is one row. Pure.
 */
#ifndef CONTRACT_FIELDS_H
#define CONTRACT_FIELDS_H

#include "common/err.h"
#include "common/json.h"
#include "common/yaml.h"

#include <stdbool.h>
#include <stddef.h>

enum field_type {
    FIELD_OBJECT,
    FIELD_LIST, /* of objects: items' fields are rows "path[].name"; of strings: none */
    FIELD_MAP,  /* string -> string, or to what the row "path.*" says */
    FIELD_STRING,
    FIELD_ENUM, /* values in CamelCase in a manifest, kebab-case on the command line */
    FIELD_INT,
    FIELD_NUMBER,
    FIELD_BOOL,
    FIELD_QUANTITY, /* a Kubernetes quantity, "8Gi" */
    FIELD_OPAQUE,   /* a Kubernetes object passed through: affinity, ... */
};
enum field_local { LOCAL_USED, LOCAL_IGNORED, LOCAL_REFUSED };

struct field {
    const char *path; /* "spec.stereo.divergence" */
    enum field_type type;
    const char *def; /* default as JSON text, or NULL: absent stays absent; an object with "{}" is
                        made, so that its own fields' defaults come to be, as in a CRD */
    const char *cluster_def; /* default of the CRD where one machine chooses for itself, or NULL */
    double min, max; /* numbers: value; strings (bytes), lists, maps: length; opaque: bytes of
                        compact JSON; 0,0 = unbounded */
    const char *const *values; /* FIELD_ENUM: NULL-terminated CamelCase names */
    const char *pattern;       /* FIELD_STRING: POSIX extended and RE2 alike, anchored; or NULL */
    const char *pattern_words; /* the pattern for people: "lower-case letters and digits" */
    /* FIELD_STRING: what it must be in a cluster besides; anchored, without quotes */
    const char *cluster_pattern, *cluster_words;
    const char *flag;    /* "divergence" for --divergence, or NULL */
    const char *metavar; /* "PERCENT", or NULL */
    enum field_local local;
    bool required;
    bool immutable;  /* may not change after creation */
    const char *doc; /* one or two sentences; shown by kubectl explain and --help */
};

extern const struct field fields[];
extern const size_t fields_count;

const struct field *fields_find(const char *path);      /* NULL when not known */
const struct field *fields_find_flag(const char *flag); /* without dashes; NULL when not known */

/* All problems of one document at once. */
struct fields_report {
    struct fields_problem {
        char text[400]; /* "line 7, column 5: spec.segment.second: unknown field; did you mean X" */
    } * problems;       /* owned */
    size_t count;
    char **notes; /* owned: "spec.resources: means nothing on one machine; ignored" */
    size_t note_count;
};
void fields_report_clear(struct fields_report *report);

/*
 * Checks a whole document: apiVersion, kind, metadata.name (RFC 1123), every field known, typed,
 * in bounds; and rules between fields (depth.uri needs depth.provider Video, ...). local adds the
 * notes and refusals of one machine. places may be NULL. 0 when there is no problem; -1 and the
 * report filled, err = ERR_CONFIG with the first problem and the count.
 */
int fields_check(const cJSON *job, const struct yaml_places *places, bool local,
                 struct fields_report *report, struct err *err);
/* Puts every default of the table into job where its parent makes sense. */
void fields_default(cJSON *job);
/* And those that only the CRD has (cluster_def). */
void fields_default_cluster(cJSON *job);
/* One CLI value into job at the field's path: kebab-case enums, numbers, booleans.
 * ERR_CONFIG: "--layout: 'fullsbs' is not one of full-sbs, half-sbs; did you mean full-sbs?" */
int fields_set_flag(cJSON *job, const struct field *field, const char *value, struct err *err);
/* CamelCase <-> kebab-case: "FullSBS" <-> "full-sbs". out size >= 2 x strlen. */
void fields_kebab(char *out, size_t size, const char *camel);
#endif
