/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "common/hash.h"
#include "common/mem.h"

#include <pthread.h>

AUTO_DEFINE(hash, struct hash *, hash_free)

/* FIPS 180-4 examples; the last is a million times "a". */
static const struct {
    const char *text;
    const char *want;
} sha_rows[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
      "lmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
};

static void sha256_matches_the_published_vectors(void **state)
{
    char hex[HASH_HEX_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(sha_rows); i++) {
        hash_hex(hex, sha_rows[i].text, strlen(sha_rows[i].text));
        CHECK_STR(sha_rows[i].text, hex, sha_rows[i].want);
    }
}

static void a_running_hash_does_not_care_how_it_is_fed(void **state)
{
    AUTO(hash) struct hash *bytes = hash_new(), *million = hash_new();
    const char *text = sha_rows[3].text;
    char hex[HASH_HEX_SIZE];

    (void)state;
    for (size_t i = 0; i < strlen(text); i++)
        hash_update(bytes, text + i, 1);
    hash_final(bytes, hex);
    assert_string_equal(hex, sha_rows[3].want);
    for (int i = 0; i < 100000; i++)
        hash_update(million, "aaaaaaaaaa", 10);
    hash_final(million, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    hash_free(NULL);
}

static void hmac_matches_rfc_4231(void **state)
{
    char key[131], data[50], hex[HASH_HEX_SIZE];
    static const char large[] =
        "This is a test using a larger than block-size key and a larger than block-size data. "
        "The key needs to be hashed before being used by the HMAC algorithm.";

    (void)state;
    memset(key, 0x0b, 20);
    hash_hmac(hex, key, 20, "Hi There", 8);
    assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hash_hmac(hex, "Jefe", 4, "what do ya want for nothing?", 28);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    memset(data, 0xdd, sizeof(data));
    hash_hmac(hex, key, 20, data, sizeof(data));
    assert_string_equal(hex, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    hash_hmac(hex, key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hash_hmac(hex, key, 131, large, sizeof(large) - 1);
    assert_string_equal(hex, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
    hash_hmac(hex, "", 0, "", 0);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void equal_compares_whole_texts(void **state)
{
    (void)state;
    assert_true(hash_equal("", ""));
    assert_true(hash_equal("abc", "abc"));
    assert_false(hash_equal("abc", "abd"));
    assert_false(hash_equal("abc", "ab"));
    assert_false(hash_equal("ab", "abc"));
}

/* One bit at a time, as the definition says. */
static uint32_t slow_crc(const unsigned char *p, size_t len, uint32_t poly)
{
    uint32_t crc = 0xffffffffu;

    for (; len; p++, len--) {
        crc ^= *p;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ poly : crc >> 1;
    }
    return ~crc;
}

static void crc32_has_its_check_value(void **state)
{
    unsigned char bytes[300];

    (void)state;
    assert_int_equal(hash_crc32(0, "123456789", 9), 0xcbf43926u);
    assert_int_equal(hash_crc32(0, "", 0), 0);
    assert_int_equal(hash_crc32(0, "a", 1), 0xe8b7be43u);
    hash_random(bytes, sizeof(bytes));
    for (size_t from = 0; from < 9; from++) {
        for (size_t len = 0; len + from <= sizeof(bytes); len++) {
            uint32_t want = slow_crc(bytes + from, len, 0xedb88320u);
            uint32_t part = hash_crc32(0, bytes + from, len / 3);

            assert_int_equal(hash_crc32(0, bytes + from, len), want);
            assert_int_equal(hash_crc32(part, bytes + from + len / 3, len - len / 3), want);
        }
    }
}

static void crc32c_has_its_check_value(void **state)
{
    unsigned char bytes[300];

    (void)state;
    assert_int_equal(hash_crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(hash_crc32c(0, "", 0), 0);
    assert_int_equal(hash_crc32c(0, "a", 1), 0xc1d04330u);
    hash_random(bytes, sizeof(bytes));
    for (size_t from = 0; from < 9; from++) {
        for (size_t len = 0; len + from <= sizeof(bytes); len++) {
            uint32_t want = slow_crc(bytes + from, len, 0x82f63b78u);
            uint32_t part = hash_crc32c(0, bytes + from, len / 3);

            assert_int_equal(hash_crc32c(0, bytes + from, len), want);
            assert_int_equal(hash_crc32c(part, bytes + from + len / 3, len - len / 3), want);
        }
    }
}

/* Long ones are summed in several lanes, which meet again. */
static void crc32c_of_much_is_that_of_its_parts(void **state)
{
    enum { MUCH = 100000 };
    AUTO_FREE unsigned char *bytes = xmalloc(MUCH);
    static const size_t lens[] = { 4095, 4096, 12287, 12288, 12289, 24576, 36863, 99992 };

    (void)state;
    hash_random(bytes, MUCH);
    for (size_t from = 0; from < 9; from += 4) {
        for (size_t i = 0; i < COUNT(lens); i++) {
            uint32_t want = slow_crc(bytes + from, lens[i], 0x82f63b78u);
            uint32_t part = hash_crc32c(0, bytes + from, lens[i] / 3);

            assert_int_equal(hash_crc32c(0, bytes + from, lens[i]), want);
            assert_int_equal(hash_crc32c(part, bytes + from + lens[i] / 3, lens[i] - lens[i] / 3),
                             want);
        }
    }
}

static void random_fills_everything(void **state)
{
    unsigned char a[600] = { 0 }, b[600] = { 0 };
    int same = 0;

    (void)state;
    hash_random(a, sizeof(a));
    hash_random(b, sizeof(b));
    for (size_t i = 0; i < sizeof(a); i++)
        same += a[i] == b[i];
    assert_true(same < 60); /* 2.3 expected */
    hash_random(a, 0);
}

static void *crc_in_thread(void *out)
{
    *(uint32_t *)out = hash_crc32(0, "123456789", 9);
    return NULL;
}

static void threads_share_the_table(void **state)
{
    pthread_t threads[8];
    uint32_t got[8] = { 0 };

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crc_in_thread, &got[i]), 0);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(got[i], 0xcbf43926u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_the_table), /* first: it must fill the table */
        cmocka_unit_test(sha256_matches_the_published_vectors),
        cmocka_unit_test(a_running_hash_does_not_care_how_it_is_fed),
        cmocka_unit_test(hmac_matches_rfc_4231),
        cmocka_unit_test(equal_compares_whole_texts),
        cmocka_unit_test(crc32_has_its_check_value),
        cmocka_unit_test(crc32c_has_its_check_value),
        cmocka_unit_test(crc32c_of_much_is_that_of_its_parts),
        cmocka_unit_test(random_fills_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
