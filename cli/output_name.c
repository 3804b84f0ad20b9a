/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output_name.h"

#include "common/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char *const EXTENSIONS[] = { "mp4", "mov", "mkv", "m3u8" };
enum { JOB_NAME_MAX = 50 };

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* After the last dot of the base name, or "" (a leading dot is no extension). */
static const char *extension(const char *path)
{
    const char *base = base_name(path);
    const char *dot = strrchr(base, '.');

    return dot && dot != base ? dot + 1 : "";
}

static const char *known_extension(const char *ext)
{
    for (size_t i = 0; i < sizeof(EXTENSIONS) / sizeof(EXTENSIONS[0]); i++)
        if (strcasecmp(ext, EXTENSIONS[i]) == 0)
            return EXTENSIONS[i];
    return NULL;
}

static bool is_folder(const char *path)
{
    struct stat st;
    size_t len = strlen(path);

    return (len > 0 && path[len - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static char *stem_of(const char *path)
{
    const char *base = base_name(path);
    const char *ext = extension(path);
    size_t len = strlen(base);

    return xstrndup(base, *ext ? len - strlen(ext) - 1 : len);
}

/* "film.part.2" has an extension of digits: people number their films, that is a name. */
static bool looks_like_extension(const char *ext)
{
    size_t len = strlen(ext);

    return len >= 2 && len <= 4 && isalpha((unsigned char)ext[0]);
}

int output_name(char **path, const char *in, const char *out, enum layout layout, struct err *err)
{
    const char *ext = known_extension(extension(in));
    AUTO_FREE char *stem = stem_of(in);

    if (!ext)
        ext = "mkv";
    if (!out) {
        *path = xasprintf("%s%s.%s", stem, layout_suffix(layout), ext);
    } else if (!*out) {
        return err_set(err, ERR_CONFIG, "OUT: is empty; give a file, a folder or a name");
    } else if (is_folder(out)) {
        const char *slash = out[strlen(out) - 1] == '/' ? "" : "/";

        *path = xasprintf("%s%s%s%s.%s", out, slash, stem, layout_suffix(layout), ext);
    } else if (known_extension(extension(out))) {
        *path = xstrdup(out);
    } else if (looks_like_extension(extension(out))) {
        return err_set(err, ERR_CONFIG, "OUT: %s must end in " OUTPUT_ENDINGS, out);
    } else {
        *path = xasprintf("%s%s.%s", out, layout_suffix(layout), ext);
    }
    return 0;
}

char *output_job_name(const char *path)
{
    AUTO_FREE char *stem = stem_of(path);
    char *name = xcalloc(1, JOB_NAME_MAX + 1);
    size_t len = 0;

    for (const char *c = stem; *c && len < JOB_NAME_MAX; c++) {
        if (isalnum((unsigned char)*c))
            name[len++] = (char)tolower((unsigned char)*c);
        else if (len > 0 && name[len - 1] != '-')
            name[len++] = '-';
    }
    while (len > 0 && name[len - 1] == '-')
        name[--len] = '\0';
    if (len == 0)
        memcpy(name, "film", sizeof("film"));
    return name;
}

int output_check(const char *in, const char *path, struct err *err)
{
    AUTO_FREE char *folder = xstrndup(path, (size_t)(base_name(path) - path));
    struct stat source, target;

    if (stat(*folder ? folder : ".", &target) < 0 || !S_ISDIR(target.st_mode))
        return err_set(err, ERR_CONFIG, "OUT: the folder %s does not exist", folder);
    if (stat(path, &target) < 0)
        return 0;
    if (!S_ISREG(target.st_mode))
        return err_set(err, ERR_CONFIG, "OUT: %s is not a regular file", path);
    if (stat(in, &source) == 0 && source.st_dev == target.st_dev && source.st_ino == target.st_ino)
        return err_set(err, ERR_CONFIG, "OUT: %s is the source itself; choose another name", path);
    return 0;
}
