/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"
#include "worker/preview/label.h"

#include <string.h>

enum { WIDTH = 40, HEIGHT = 16, GUARD = 8, STRIDE = WIDTH * 3 + GUARD };
#define KNOWN "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:+-%!/"

static uint8_t memory[(HEIGHT + 2) * STRIDE];

/* With rows above and below and bytes beside that are nobody's. */
static struct media_pixels blank(void)
{
    memset(memory, 0x55, sizeof(memory));
    for (int y = 0; y < HEIGHT; y++)
        memset(memory + (y + 1) * STRIDE, 0, WIDTH * 3);
    return (struct media_pixels){ memory + STRIDE, STRIDE, WIDTH, HEIGHT };
}

static void check_guards(void)
{
    for (int y = 0; y < HEIGHT + 2; y++)
        for (int x = y == 0 || y == HEIGHT + 1 ? 0 : WIDTH * 3; x < STRIDE; x++)
            CHECK_INT("beside the picture", memory[y * STRIDE + x], 0x55);
}

static bool is_set(struct media_pixels pixels, int x, int y)
{
    const uint8_t *p = pixels.px + y * pixels.stride + 3 * x;

    assert_true(p[0] == p[1] && p[1] == p[2]);
    return p[0] > 128;
}

static void a_letter_is_its_dots(void **state)
{
    static const char *const want[LABEL_HEIGHT] = { "11111", "00100", "00100", "00100",
                                                    "00100", "00100", "00100" };
    struct media_pixels pixels = blank();

    (void)state;
    label_draw(pixels, 2, 3, 2, "t");
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            int i = (x - 2) >> 1, j = (y - 3) >> 1;
            bool dot = x >= 2 && y >= 3 && i < 5 && j < LABEL_HEIGHT && want[j][i] == '1';

            if (is_set(pixels, x, y) != dot)
                fail_msg("dot %d, %d is %d", x, y, !dot);
        }
    check_guards();
}

static void every_character_has_its_own_form(void **state)
{
    uint8_t seen[sizeof(KNOWN)][HEIGHT * WIDTH];

    (void)state;
    for (size_t i = 0; i < strlen(KNOWN); i++) {
        char text[2] = { KNOWN[i], '\0' };
        struct media_pixels pixels = blank();
        int dots = 0;

        label_draw(pixels, 0, 0, 1, text);
        for (int k = 0; k < HEIGHT * WIDTH; k++)
            dots += seen[i][k] = is_set(pixels, k % WIDTH, k / WIDTH);
        assert_true(dots > 0);
        for (size_t j = 0; j < i; j++)
            if (memcmp(seen[i], seen[j], sizeof(seen[i])) == 0)
                fail_msg("%c and %c look alike", KNOWN[i], KNOWN[j]);
    }
}

static void what_lies_outside_is_cut_off(void **state)
{
    (void)state;
    for (int y = -20; y <= HEIGHT + 4; y += 3)
        for (int x = -60; x <= WIDTH + 4; x += 7)
            for (int scale = 1; scale <= 3; scale++) {
                label_draw(blank(), x, y, scale, KNOWN);
                check_guards();
            }
}

static void widths_add_up(void **state)
{
    (void)state;
    CHECK_INT("nothing", label_width("", 3), 0);
    CHECK_INT("one", label_width("A", 1), 5);
    CHECK_INT("two", label_width("AB", 2), 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_is_its_dots),
        cmocka_unit_test(every_character_has_its_own_form),
        cmocka_unit_test(what_lies_outside_is_cut_off),
        cmocka_unit_test(widths_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
