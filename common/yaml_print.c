/* SPDX-License-Identifier: Apache-2.0
 *
 * A string stands plain only where every reader, of YAML 1.1 too, takes it for one.
 */
#include "common/yaml.h"

#include "common/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#define WIDTH 100

struct printer {
    yaml_emitter_t emitter;
    char *text; /* owned */
    size_t len;
};

/* What is refused here is no document of ours, or there is no memory. */
static void must(int ok)
{
    if (!ok)
        mem_abort();
}

static int take(void *ctx, unsigned char *data, size_t size)
{
    struct printer *printer = ctx;

    printer->text = xrealloc(printer->text, printer->len + size + 1);
    memcpy(printer->text + printer->len, data, size);
    printer->len += size;
    printer->text[printer->len] = '\0';
    return 1;
}

static bool is_word(const char *text)
{
    static const char *const words[] = {
        "y", "n", "yes", "no", "on", "off", "true", "false", "null"
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

static void put_scalar(struct printer *printer, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;

    must(yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                      (int)strlen(text), 1, 1, style));
    must(yaml_emitter_emit(&printer->emitter, &event));
}

static void put_text(struct printer *printer, const char *text)
{
    bool plain = isalpha((unsigned char)text[0]) && !is_word(text);

    put_scalar(printer, text, plain ? YAML_ANY_SCALAR_STYLE : YAML_SINGLE_QUOTED_SCALAR_STYLE);
}

static void put_number(struct printer *printer, double value)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%.17g", value);
    if (value == floor(value) && fabs(value) <= 9007199254740992.0)
        (void)snprintf(text, sizeof(text), "%.0f", value);
    else if (strtod(text, NULL) == value) {
        for (int digits = 1; digits < 17; digits++) {
            (void)snprintf(text, sizeof(text), "%.*g", digits, value);
            if (strtod(text, NULL) == value)
                break;
        }
    }
    put_scalar(printer, text, YAML_PLAIN_SCALAR_STYLE);
}

static void put_node(struct printer *printer, const cJSON *node);

static void put_map(struct printer *printer, const cJSON *map)
{
    yaml_mapping_style_t style = map->child ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
    const cJSON *item; /* borrowed from map */
    yaml_event_t event;

    must(yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style));
    must(yaml_emitter_emit(&printer->emitter, &event));
    cJSON_ArrayForEach(item, map)
    {
        put_text(printer, item->string);
        put_node(printer, item);
    }
    must(yaml_mapping_end_event_initialize(&event));
    must(yaml_emitter_emit(&printer->emitter, &event));
}

static void put_list(struct printer *printer, const cJSON *list)
{
    yaml_sequence_style_t style =
        list->child ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
    const cJSON *item; /* borrowed from list */
    yaml_event_t event;

    must(yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style));
    must(yaml_emitter_emit(&printer->emitter, &event));
    cJSON_ArrayForEach(item, list) put_node(printer, item);
    must(yaml_sequence_end_event_initialize(&event));
    must(yaml_emitter_emit(&printer->emitter, &event));
}

static void put_node(struct printer *printer, const cJSON *node)
{
    if (cJSON_IsObject(node))
        put_map(printer, node);
    else if (cJSON_IsArray(node))
        put_list(printer, node);
    else if (cJSON_IsString(node))
        put_text(printer, node->valuestring);
    else if (cJSON_IsNumber(node))
        put_number(printer, node->valuedouble);
    else if (cJSON_IsBool(node))
        put_scalar(printer, cJSON_IsTrue(node) ? "true" : "false", YAML_PLAIN_SCALAR_STYLE);
    else
        put_scalar(printer, "null", YAML_PLAIN_SCALAR_STYLE);
}

char *yaml_print(const cJSON *doc)
{
    struct printer printer = { .text = NULL };
    yaml_event_t event;

    must(yaml_emitter_initialize(&printer.emitter));
    yaml_emitter_set_output(&printer.emitter, take, &printer);
    yaml_emitter_set_width(&printer.emitter, WIDTH);
    yaml_emitter_set_unicode(&printer.emitter, 1);
    must(yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    must(yaml_emitter_emit(&printer.emitter, &event));
    must(yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    must(yaml_emitter_emit(&printer.emitter, &event));
    put_node(&printer, doc);
    must(yaml_document_end_event_initialize(&event, 1));
    must(yaml_emitter_emit(&printer.emitter, &event));
    must(yaml_stream_end_event_initialize(&event));
    must(yaml_emitter_emit(&printer.emitter, &event));
    yaml_emitter_delete(&printer.emitter);
    return printer.text;
}
