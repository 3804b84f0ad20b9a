/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/quote.h"

#include "common/auto.h"
#include "common/mem.h"

#include <string.h>

static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "_-./:=,+@%";

/* Single quotes; a quote inside closes, escapes and opens again. Caller frees. */
static char *quote_word(const char *word)
{
    char *out, *at;

    if (*word && word[strspn(word, PLAIN)] == '\0')
        return xstrdup(word);
    at = out = xmalloc(strlen(word) * 4 + 3);
    *at++ = '\'';
    for (; *word; word++) {
        if (*word == '\'') {
            memcpy(at, "'\\''", 4);
            at += 4;
        } else {
            *at++ = *word;
        }
    }
    *at++ = '\'';
    *at = '\0';
    return out;
}

char *quote_command(const char *program, int argc, char *const *argv)
{
    char *line = xstrdup(program);

    for (int i = 0; i < argc; i++) {
        AUTO_FREE char *word = quote_word(argv[i]);
        char *longer = xasprintf("%s %s", line, word);

        free(line);
        line = longer;
    }
    return line;
}
