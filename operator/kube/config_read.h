/* SPDX-License-Identifier: Apache-2.0
 *
 * config_read.h - inside of operator/kube/config: values of kubeconfig entries, and what is wrong
 * with them, gathered. Keys are names of ours, which fit CONFIG_KEY_MAX with their entry's path.
 */
#ifndef OPERATOR_KUBE_CONFIG_READ_H
#define OPERATOR_KUBE_CONFIG_READ_H

#include "common/buf.h"
#include "operator/kube/config_file.h"

enum { CONFIG_TOLD_MAX = 380, CONFIG_KEY_MAX = 160 };

/* A named thing: contexts[2].context of one of the files. */
struct config_entry {
    const struct config_file *file; /* borrowed; NULL: there is none */
    const cJSON *body;              /* borrowed; NULL: "user:" with nothing behind */
    char path[CONFIG_KEY_MAX];
};

struct config_reader {
    const struct config_file *files; /* borrowed */
    size_t count;
    bool look;                  /* files that are named must be readable */
    struct kube_config *config; /* borrowed; being filled */
    const struct config_file *told_of;
    struct buf told;           /* the caller's to clear */
    unsigned problems, untold; /* untold: of problems, those beyond CONFIG_TOLD_MAX */
};

/* "FILE: line L: KEY: ..."; key "" is the whole file. */
void config_problem(struct config_reader *r, const struct config_file *file, const char *key,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

const cJSON *config_item(const cJSON *object, const char *key); /* NULL: absent or null */
const char *config_name(const cJSON *item);                     /* its "name"; NULL: no text */
void config_key(char out[CONFIG_KEY_MAX], const struct config_entry *entry, const char *key);
/* Borrowed. NULL: absent, empty, or no text, which is told. */
const char *config_text(struct config_reader *r, const struct config_entry *entry, const char *key);
bool config_bool(struct config_reader *r, const struct config_entry *entry, const char *key);
bool config_has_control(const char *text);

char *config_path(const struct config_file *file, const char *path); /* absolute; caller frees */
void config_check_readable(struct config_reader *r, const struct config_file *file, const char *key,
                           const char *path);
/* KEY is a path, KEY-data is base64; not both. */
void config_secret(struct config_reader *r, const struct config_entry *entry, const char *key,
                   struct kube_secret_text *out);

void config_user(struct config_reader *r, const struct config_entry *user);
#endif
