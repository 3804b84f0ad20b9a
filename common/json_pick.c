/* SPDX-License-Identifier: Apache-2.0
 *
 * First the text is cut down, then it is parsed: so there is one parser.
 */
#include "common/json_pick.h"

#include "common/mem.h"

#include <string.h>

struct cut {
    const char *text;
    size_t len, at;
    char *out; /* owned by the caller; room for len bytes: no cut is longer than its text */
    size_t kept;
};

/* Of what a value that is passed over is made. */
enum { PLAIN, QUOTE, OPENS, CLOSES, COMMA };
static const unsigned char kinds[256] = {
    ['"'] = QUOTE, ['{'] = OPENS, ['['] = OPENS, ['}'] = CLOSES, [']'] = CLOSES, [','] = COMMA
};

/* What the parser passes over, which is more than JSON allows. */
static bool is_blank(char c)
{
    return (unsigned char)c <= ' ';
}

/* The next byte that is none; NUL at the end. */
static char look(struct cut *cut)
{
    while (cut->at < cut->len && is_blank(cut->text[cut->at]))
        cut->at++;
    return cut->at < cut->len ? cut->text[cut->at] : '\0';
}

/* Behind the string that opens at `at`; 0: it does not end. */
static size_t string_end(const struct cut *cut, size_t at)
{
    for (at++; at < cut->len; at++) {
        if (cut->text[at] == '"')
            return at + 1;
        if (cut->text[at] == '\\')
            at++;
    }
    return 0;
}

/* Behind the value that begins at `at`; 0: it does not end. */
static size_t value_end(const struct cut *cut, size_t at)
{
    int level = 0;

    while (at < cut->len) {
        switch (kinds[(unsigned char)cut->text[at]]) {
        case QUOTE:
            at = string_end(cut, at);
            if (!at)
                return 0;
            continue;
        case OPENS:
            level++;
            break;
        case CLOSES:
            if (level == 0)
                return at;
            level--;
            break;
        case COMMA:
            if (level == 0)
                return at;
            break;
        default:
            break;
        }
        at++;
    }
    return level == 0 ? at : 0;
}

static void keep(struct cut *cut, size_t from, size_t to)
{
    memcpy(cut->out + cut->kept, cut->text + from, to - from);
    cut->kept += to - from;
}

static const struct json_pick *find(const struct json_pick *wanted, const char *name, size_t len)
{
    for (; wanted->name; wanted++) {
        if (strlen(wanted->name) == len && memcmp(wanted->name, name, len) == 0)
            return wanted;
    }
    return NULL;
}

static bool take_object(struct cut *cut, const struct json_pick *wanted);

static bool take_whole(struct cut *cut)
{
    size_t end = value_end(cut, cut->at);

    if (end <= cut->at)
        return false;
    keep(cut, cut->at, end);
    cut->at = end;
    return true;
}

/* Behind an item: a comma, or the end. 0: neither. */
static char take_comma(struct cut *cut, char close)
{
    char c = look(cut);

    if (c != ',' && c != close)
        return 0;
    cut->at++;
    return c;
}

static bool take_list(struct cut *cut, const struct json_pick *wanted)
{
    char next = ',';

    keep(cut, cut->at, cut->at + 1);
    cut->at++;
    if (look(cut) == ']') {
        keep(cut, cut->at, cut->at + 1);
        cut->at++;
        return true;
    }
    while (next == ',') {
        bool done = look(cut) == '{' ? take_object(cut, wanted) : take_whole(cut);

        if (!done || !(next = take_comma(cut, ']')))
            return false;
        keep(cut, cut->at - 1, cut->at);
    }
    return true;
}

static bool take_value(struct cut *cut, const struct json_pick *wanted)
{
    char c = look(cut);

    if (wanted && c == '{')
        return take_object(cut, wanted);
    return wanted && c == '[' ? take_list(cut, wanted) : take_whole(cut);
}

/* One member: kept with its name, or passed over. */
static bool take_member(struct cut *cut, const struct json_pick *wanted, bool *first)
{
    size_t end = look(cut) == '"' ? string_end(cut, cut->at) : 0, name = cut->at;
    const struct json_pick *pick;

    if (!end)
        return false;
    pick = find(wanted, cut->text + name + 1, end - name - 2);
    cut->at = end;
    if (look(cut) != ':')
        return false;
    cut->at++;
    if (pick) {
        if (!*first)
            cut->out[cut->kept++] = ',';
        *first = false;
        keep(cut, name, end);
        cut->out[cut->kept++] = ':';
        return take_value(cut, pick->in);
    }
    (void)look(cut);
    end = value_end(cut, cut->at);
    if (end <= cut->at)
        return false;
    cut->at = end;
    return true;
}

static bool take_object(struct cut *cut, const struct json_pick *wanted)
{
    bool first = true;
    char next = ',';

    cut->out[cut->kept++] = '{';
    cut->at++;
    if (look(cut) == '}') {
        next = '}';
        cut->at++;
    }
    while (next == ',') {
        if (!take_member(cut, wanted, &first) || !(next = take_comma(cut, '}')))
            return false;
    }
    cut->out[cut->kept++] = '}';
    return true;
}

/* A text that is no JSON is parsed whole: the parser says where. */
int json_parse_picked(cJSON **out, const char *text, size_t len, const struct json_pick *wanted,
                      struct err *err)
{
    AUTO_FREE char *rest = xmalloc(len + 1);
    struct cut cut = { .text = text, .len = len, .out = rest };

    if (!take_value(&cut, wanted) || look(&cut))
        return json_parse(out, text, len, err);
    return json_parse(out, rest, cut.kept, err);
}
