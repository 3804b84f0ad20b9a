/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/contract/class.h"

static const struct {
    const char *name;
    enum attempt_class cls;
    int exit_code;
} rows[] = {
    { "Done", CLASS_DONE, 0 },
    { "Config", CLASS_CONFIG, 64 },
    { "Input", CLASS_INPUT, 65 },
    { "Dependency", CLASS_DEPENDENCY, 69 },
    { "Internal", CLASS_INTERNAL, 70 },
    { "GPU", CLASS_GPU, 71 },
    { "Space", CLASS_SPACE, 73 },
    { "Interrupted", CLASS_INTERRUPTED, 75 },
    { "OOMKilled", CLASS_OOM_KILLED, 70 },
    { "Stalled", CLASS_STALLED, 70 },
};

static void every_class_has_its_name_and_code(void **state)
{
    (void)state;
    assert_int_equal(COUNT(rows), CLASS_COUNT);
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK_STR(rows[i].name, class_name(rows[i].cls), rows[i].name);
        CHECK_INT(rows[i].name, class_of_name(rows[i].name), rows[i].cls);
        CHECK_INT(rows[i].name, class_exit_code(rows[i].cls), rows[i].exit_code);
    }
}

static void every_exit_code_has_a_class(void **state)
{
    (void)state;
    for (int code = -1; code < 300; code++) {
        enum attempt_class want = CLASS_INTERNAL;

        for (size_t i = 0; i < COUNT(rows); i++) {
            if (rows[i].exit_code == code && code != 70)
                want = rows[i].cls;
        }
        CHECK_INT("exit code", class_of_exit(code), want);
    }
}

static void what_is_not_known_is_internal(void **state)
{
    (void)state;
    CHECK_INT("empty", class_of_name(""), CLASS_INTERNAL);
    CHECK_INT("case", class_of_name("input"), CLASS_INTERNAL);
    CHECK_INT("longer", class_of_name("Inputs"), CLASS_INTERNAL);
    CHECK_STR("out of range", class_name((enum attempt_class)99), "Internal");
    CHECK_INT("out of range", class_exit_code((enum attempt_class)99), 70);
}

static void every_error_has_a_class(void **state)
{
    static const struct {
        enum err_code code;
        enum attempt_class want;
    } errors[] = {
        { ERR_NONE, CLASS_DONE },          { ERR_CONFIG, CLASS_CONFIG },
        { ERR_INPUT, CLASS_INPUT },        { ERR_DEPENDENCY, CLASS_DEPENDENCY },
        { ERR_INTERNAL, CLASS_INTERNAL },  { ERR_GPU, CLASS_GPU },
        { ERR_SPACE, CLASS_SPACE },        { ERR_INTERRUPTED, CLASS_INTERRUPTED },
        { ERR_NOT_FOUND, CLASS_INTERNAL }, { ERR_CONFLICT, CLASS_INTERNAL },
        { ERR_NOMEM, CLASS_OOM_KILLED },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++)
        CHECK_INT(class_name(errors[i].want), class_of_err(errors[i].code), errors[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_has_its_name_and_code),
        cmocka_unit_test(every_exit_code_has_a_class),
        cmocka_unit_test(what_is_not_known_is_internal),
        cmocka_unit_test(every_error_has_a_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
