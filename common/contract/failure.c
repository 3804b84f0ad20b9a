/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/members.h"
#include "common/contract/record.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGE_SIZE 240

static char *print(enum attempt_class cls, const char *message)
{
    AUTO(cJSON) cJSON *obj = cJSON_CreateObject();

    json_add_str(obj, "class", class_name(cls));
    json_add_str(obj, "message", message);
    return json_print(obj);
}

/* It ends up on terminals and in lists. */
static void make_one_line(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
    }
}

char *failure_format(enum attempt_class cls, const char *message)
{
    AUTO_FREE char *cut = xstrndup(message, RECORD_MAX_BYTES);
    char *text = print(cls, cut);

    while (strlen(text) > RECORD_MAX_BYTES) {
        size_t keep = strlen(cut) / 2 + 1;
        AUTO_FREE char *whole = TAKE(cut);

        free(text);
        cut = xmalloc(keep);
        text_copy(cut, keep, whole);
        text = print(cls, cut);
    }
    return text;
}

int failure_parse(enum attempt_class *cls, char message[240], const char *text, size_t len)
{
    AUTO(cJSON) cJSON *obj = NULL;
    const cJSON *name, *words; /* borrowed from obj */
    struct err err;

    if (len > RECORD_MAX_BYTES || json_parse(&obj, text, len, &err) < 0)
        return -1;
    name = json_path(obj, "class");
    words = json_path(obj, "message");
    if (!cJSON_IsString(name) || !cJSON_IsString(words) ||
        strcmp(name->valuestring, class_name(CLASS_DONE)) == 0)
        return -1;
    *cls = class_of_name(name->valuestring);
    text_copy(message, MESSAGE_SIZE, words->valuestring);
    make_one_line(message);
    return 0;
}
