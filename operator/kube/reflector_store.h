/* SPDX-License-Identifier: Apache-2.0
 *
 * reflector_store.h - inside of operator/kube/reflector: objects by namespace and name. Each is one
 * block: uid, resourceVersion and the JSON text of what keep() left; a cJSON tree of the same pod
 * is six times as large and is made when somebody looks. One thread.
 */
#ifndef OPERATOR_KUBE_REFLECTOR_STORE_H
#define OPERATOR_KUBE_REFLECTOR_STORE_H

#include "common/auto.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct store *store_new(void);
void store_free(struct store *store); /* what was lent dies too; NULL is fine */
AUTO_DEFINE(store, struct store *, store_free)

/* What says which object this is, and how old; borrowed from it. False: some of it is missing. */
struct store_name {
    const char *space; /* "" for what has none */
    const char *name, *uid, *version;
};
bool store_name_of(struct store_name *out, const cJSON *object);
char *store_key(const char *space, const char *name); /* "space/name"; caller frees */

struct store_entry; /* borrowed from the store until it is put, removed or cleared */
const struct store_entry *store_find(const struct store *store, const char *key);
const char *store_entry_uid(const struct store_entry *entry);
const char *store_entry_version(const struct store_entry *entry);
/* The stored object, made anew; caller owns. NULL for an entry that has no text. */
cJSON *store_entry_doc(const struct store_entry *entry);

/* object NULL: an entry without text, which says only that the object is there. */
void store_put(struct store *store, const char *key, const char *uid, const char *version,
               const cJSON *object);
bool store_remove(struct store *store, const char *key);
void store_clear(struct store *store);
/* The object and its name move as they are; what was at key in into is replaced. */
void store_move(struct store *into, struct store *from, const char *key);
size_t store_count(const struct store *store);
/* Keys, NULL-terminated; caller frees with store_keys_free. Changes may follow. */
char **store_keys(const struct store *store);
void store_keys_free(char **keys);
AUTO_DEFINE(store_keys, char **, store_keys_free)

/* A document for somebody who does not own it: lives until store_lent_free, whatever becomes of
 * the entry. NULL when absent. */
const cJSON *store_lend(struct store *store, const char *key);
bool store_has_lent(const struct store *store);
void store_lent_free(struct store *store);
#endif
