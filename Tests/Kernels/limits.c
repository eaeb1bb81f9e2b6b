#include "check.h"

/// The sum of 12 chains after some rounds of x / 2 + 1.
static double chains(size_t rounds) {
    double sum = 0;
    for (int j = 0; j < 12; j++) {
        double x = j;
        for (size_t i = 0; i < rounds; i++) x = x / 2 + 1;
        sum += x;
    }
    return sum;
}

void test_limits(void) {
    static const size_t counts[] = {0, 1, 2, 3, 20, 1000};
    for (size_t i = 0; i < COUNT(counts); i++) {
        size_t rounds = counts[i];
        double sum, operations = ck_peak_f32(rounds, &sum);
        check_context("ck_peak_f32", rounds, 0, 0);
        // The sum tells how many lanes there are, and with them how many operations were really done.
        double lanes = rounds ? operations / (2.0 * 12 * (double)rounds) : sum / chains(0);
        check_that(lanes == 4 || lanes == 8 || lanes == 16, "a vector has 4, 8 or 16 lanes");
        check_close(sum, lanes * chains(rounds), 1e-4);
        operations = ck_peak_i8(rounds, &sum);
        check_context("ck_peak_i8", rounds, 0, 0);
        check_that((operations > 0) == (rounds > 0), "operations are counted");
        check_close(sum, operations / 2 * 15, 0);
        operations = ck_peak_bf16(rounds, &sum);
        check_context("ck_peak_bf16", rounds, 0, 0);
        check_that((operations > 0) == (rounds > 0 && strcmp(ck_isa_name(), "amx") == 0), "operations are counted");
        check_close(sum, operations / 2 * 15, 0);
    }
    for (size_t n = 0; n < 200; n++) {
        uint64_t *words = (uint64_t *)random_floats(2 * n), sum = 0;
        for (size_t i = 0; i < n; i++) sum += words[i];
        check_context("ck_sum_words", n, 0, 0);
        check_that(ck_sum_words(words, n) == sum, "the sum of all words");
        check_release();
    }
}
