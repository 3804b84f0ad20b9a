/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold between fields, in CEL. The same rules, in C, are in contract/fields_rules.c; the
 * cases of tests/operator/api go through both.
 */
#include "operator/api/schema.h"

#include "common/contract/spec.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define KEY_MAX "317" /* a DNS prefix of 253, a slash, a name of 63 */

static const struct rule {
    const char *path, *rule, *message, *field;
} rules[] = {
    { "", "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
      "metadata.name must be lower-case letters and digits, with '-' only between them",
      ".metadata.name" },
    { "spec.output", "self.uri.matches('[.]([mM][pP]4|[mM][oO][vV]|[mM][kK][vV]|[mM]3[uU]8)$')",
      "spec.output.uri must end in " OUTPUT_ENDINGS, ".uri" },
    { "spec", "self.output.uri != self.source.uri",
      "spec.output.uri is the source; the film would be lost", ".output.uri" },
    { "spec", "!has(self.work) || !has(self.work.uri) || self.work.uri != self.output.uri",
      "spec.work.uri is the output; it must be a folder of its own", ".work.uri" },
    { "spec",
      "(has(self.work) && has(self.work.uri) ? self.work.uri : '') == "
      "(has(oldSelf.work) && has(oldSelf.work.uri) ? oldSelf.work.uri : '')",
      "spec.work.uri is immutable; what is done lies there", ".work" },
    { "spec", "self.stereo.layout != 'LeftRight' || !self.output.uri.matches('[.][mM]3[uU]8$')",
      "spec.output.uri: layout LeftRight makes two films, which HLS is not made of; end it in "
      ".mp4, .mov or .mkv",
      ".output.uri" },
    { "spec",
      "self.stereo.layout != 'LeftRight' || !([self.source.uri, "
      "has(self.depth) && has(self.depth.uri) ? self.depth.uri : '', "
      "has(self.work) && has(self.work.uri) ? self.work.uri : ''].exists(u, u == "
      "self.output.uri.substring(0, self.output.uri.lastIndexOf('.') - "
      "(self.output.uri.matches('_L[.][^./]*$') ? 2 : 0)) + '_R' + "
      "self.output.uri.substring(self.output.uri.lastIndexOf('.'))))",
      "spec.output.uri: layout LeftRight writes the right eye beside it, with _R, where another "
      "file of this job is; choose another name",
      ".output.uri" },
    { "spec.source",
      "!has(self.fromSeconds) || !has(self.toSeconds) || self.toSeconds > self.fromSeconds",
      "spec.source.toSeconds must be after fromSeconds", ".toSeconds" },
    { "spec.depth", "!has(self.provider) || self.provider != 'Video' || has(self.uri)",
      "spec.depth.uri is missing; provider Video needs a depth film", ".uri" },
    { "spec.depth", "!has(self.uri) || (has(self.provider) && self.provider == 'Video')",
      "spec.depth.uri is only read with spec.depth.provider: Video", ".uri" },
    { "spec.encode",
      "!has(self.crf) || self.crf <= 51 || !(self.codec in ['auto', 'libx264', 'libx265'])",
      "spec.encode.crf must be 0..51 with codec auto, libx264 and libx265", ".crf" },
    { "spec.cancel", "!oldSelf || self", "spec.cancel cannot be taken back; make a new StereoJob",
      NULL },
};

static const struct field *parent_of(const struct field *row)
{
    const char *dot = strrchr(row->path, '.');
    AUTO_FREE char *parent = dot ? xstrndup(row->path, (size_t)(dot - row->path)) : NULL;

    return parent ? fields_find(parent) : NULL;
}

/* The top of what may not change: a rule on it binds all below it. It is always there: required, or
 * made by its default. */
static void add_immutable(cJSON *root, const struct field *row)
{
    const struct field *parent = parent_of(row);
    AUTO_FREE char *message = NULL;

    if (!row->immutable || (parent && parent->immutable) || strncmp(row->path, "spec", 4) != 0)
        return;
    if (!row->required && !row->def)
        abort(); /* a field that may come and go needs a rule of its own, above */
    message = xasprintf("%s is immutable; make a new StereoJob", row->path);
    schema_add_rule(schema_at(root, row->path), "self == oldSelf", message, NULL);
}

static void add_cluster_pattern(cJSON *root, const struct field *row)
{
    AUTO_FREE char *rule = NULL;
    AUTO_FREE char *message = NULL;

    if (!row->cluster_pattern)
        return;
    rule = xasprintf("self.matches('%s')", row->cluster_pattern);
    message = xasprintf("%s must be %s", row->path, row->cluster_words);
    schema_add_rule(schema_at(root, row->path), rule, message, NULL);
}

static void add_keys(cJSON *root, const struct field *row)
{
    AUTO_FREE char *message = NULL;

    if (row->type != FIELD_MAP || strncmp(row->path, "spec", 4) != 0)
        return;
    message = xasprintf("%s: a name must have 1.." KEY_MAX " bytes", row->path);
    schema_add_rule(schema_at(root, row->path),
                    "self.all(k, k.size() > 0 && k.size() <= " KEY_MAX ")", message, NULL);
}

void rules_add(cJSON *root)
{
    for (size_t i = 0; i < fields_count; i++) {
        add_immutable(root, &fields[i]);
        add_cluster_pattern(root, &fields[i]);
        add_keys(root, &fields[i]);
    }
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        schema_add_rule(schema_at(root, rules[i].path), rules[i].rule, rules[i].message,
                        rules[i].field);
}
