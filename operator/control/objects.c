/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/control/objects.h"

#include "common/contract/names.h"
#include "common/mem.h"

#include <string.h>

void objects_token(char out[HASH_HEX_SIZE], const void *key, size_t key_len, const char *uid)
{
    hash_hmac(out, key, key_len, uid, strlen(uid));
}

char *objects_secret_name(const char *job_name, const void *key, size_t key_len,
                          const struct objects_track *track)
{
    AUTO_FREE char *says = xasprintf("%s\n%s\n%s", track->token, track->url ? track->url : "",
                                     track->password ? track->password : "");
    char hex[HASH_HEX_SIZE];

    hash_hmac(hex, key, key_len, says, strlen(says));
    explicit_bzero(says, strlen(says));
    return xasprintf("%s-track-%.8s", job_name, hex);
}

static cJSON *owner(const cJSON *job)
{
    cJSON *item = cJSON_CreateObject();

    json_add_str(item, "apiVersion", "stereojob.io/v1");
    json_add_str(item, "kind", "StereoJob");
    json_add_str(item, "name", json_text(job, "metadata.name"));
    json_add_str(item, "uid", json_text(job, "metadata.uid"));
    json_add_bool(item, "controller", true);
    json_add_bool(item, "blockOwnerDeletion", true);
    return item;
}

cJSON *objects_secret(const cJSON *job, const char *name, const struct objects_track *track)
{
    cJSON *secret = cJSON_CreateObject(), *metadata, *labels, *data;

    json_add_str(secret, "apiVersion", "v1");
    json_add_str(secret, "kind", "Secret");
    json_add_str(secret, "type", "Opaque");
    metadata = cJSON_AddObjectToObject(secret, "metadata");
    json_add_str(metadata, "name", name);
    json_add_str(metadata, "namespace", json_text(job, "metadata.namespace"));
    labels = cJSON_AddObjectToObject(metadata, "labels");
    json_add_str(labels, LABEL_MANAGED, MANAGED_BY);
    json_add_str(labels, LABEL_UID, json_text(job, "metadata.uid"));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(metadata, "ownerReferences"), owner(job));
    json_add_bool(secret, "immutable", true);
    data = cJSON_AddObjectToObject(secret, "stringData");
    json_add_str(data, SECRET_URL, track->url ? track->url : "");
    json_add_str(data, SECRET_PASSWORD, track->password ? track->password : "");
    json_add_str(data, SECRET_TOKEN, track->token);
    return secret;
}

bool objects_has_finalizer(const cJSON *object, const char *finalizer)
{
    const cJSON *item; /* borrowed from object */

    cJSON_ArrayForEach(item, json_path(object, "metadata.finalizers"))
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, finalizer) == 0)
            return true;
    }
    return false;
}

/* A merge patch replaces lists whole, so it must hold only for the version that was read. */
static cJSON *patch(const cJSON *object, cJSON *finalizers)
{
    cJSON *doc = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(doc, "metadata");

    json_add_str(metadata, "uid", json_text(object, "metadata.uid"));
    json_add_str(metadata, "resourceVersion", json_text(object, "metadata.resourceVersion"));
    cJSON_AddItemToObject(metadata, "finalizers", finalizers);
    return doc;
}

static cJSON *others(const cJSON *object, const char *finalizer)
{
    cJSON *list = cJSON_CreateArray();
    const cJSON *item; /* borrowed from object */

    cJSON_ArrayForEach(item, json_path(object, "metadata.finalizers"))
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, finalizer) != 0)
            cJSON_AddItemToArray(list, cJSON_CreateString(item->valuestring));
    }
    return list;
}

cJSON *objects_finalizer_add(const cJSON *object, const char *finalizer)
{
    cJSON *list;

    if (objects_has_finalizer(object, finalizer))
        return NULL;
    list = others(object, finalizer);
    cJSON_AddItemToArray(list, cJSON_CreateString(finalizer));
    return patch(object, list);
}

cJSON *objects_finalizer_remove(const cJSON *object, const char *finalizer)
{
    return objects_has_finalizer(object, finalizer) ? patch(object, others(object, finalizer))
                                                    : NULL;
}
