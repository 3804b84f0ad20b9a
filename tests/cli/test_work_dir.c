/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/work_dir.h"
#include "common/auto.h"
#include "common/file.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void put(const char *folder, const char *name)
{
    AUTO_FREE char *path = xasprintf("%s/%s", folder, name);
    struct err err;

    assert_int_equal(file_write(path, "x", 1, &err), 0);
}

static void put_folder(const char *folder, const char *name)
{
    AUTO_FREE char *path = xasprintf("%s/%s", folder, name);
    struct err err;

    assert_int_equal(file_mkdirs(path, &err), 0);
}

static bool has(const char *folder, const char *name)
{
    AUTO_FREE char *path = xasprintf("%s/%s", folder, name);

    return file_exists(path);
}

static void begin_work(const char *folder)
{
    put_folder(folder, "segments/00000");
    put(folder, "segments/00000/e0-a0.nut");
    put(folder, "plan.json");
    put(folder, "job.json");
    put(folder, "lock");
    put(folder, ".tmp-61cf5821bcad39f4"); /* a kill in the middle of a write */
}

static void what_a_person_put_there_stays(void **state)
{
    char folder[] = "/tmp/stereo-work-XXXXXX";
    struct err err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    begin_work(folder);
    put(folder, "holiday.txt");
    put(folder, ".tmp-mine");
    assert_true(work_dir_is_begun(folder));
    assert_int_equal(work_dir_remove(folder, &err), 0);
    assert_false(work_dir_is_begun(folder));
    assert_false(has(folder, "segments"));
    assert_false(has(folder, "plan.json"));
    assert_true(has(folder, "holiday.txt"));
    assert_true(has(folder, ".tmp-mine"));
    assert_false(has(folder, ".tmp-61cf5821bcad39f4"));
    assert_int_equal(file_remove_tree(folder, &err), 0);
}

static void an_own_folder_goes_away_whole(void **state)
{
    char folder[] = "/tmp/stereo-work-XXXXXX";
    struct err err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    begin_work(folder);
    assert_int_equal(work_dir_remove(folder, &err), 0);
    assert_false(file_exists(folder));
    assert_int_equal(work_dir_remove(folder, &err), 0); /* absent is fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_person_put_there_stays),
        cmocka_unit_test(an_own_folder_goes_away_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
