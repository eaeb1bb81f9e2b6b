#include "check.h"

/// The value of a half by its definition (IEEE 754-2019, §3.4).
static double half_value(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == 31) return fraction ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

/// Every 16-bit pattern of both formats, and the way back.
static void test_all_halves(void) {
    uint16_t bits[1 << 16];
    float values[1 << 16];
    for (size_t i = 0; i < COUNT(bits); i++) bits[i] = (uint16_t)i;
    ck_unpack_f16(values, bits, COUNT(bits));
    for (size_t i = 0; i < COUNT(bits); i++) {
        check_context("ck_unpack_f16", i, 0, 0);
        check_close(values[i], half_value((uint16_t)i), 0);
    }
    uint16_t back[1 << 16];
    ck_pack_f16(back, values, COUNT(bits));
    for (size_t i = 0; i < COUNT(bits); i++) {
        check_context("ck_pack_f16", i, 0, 0);
        check_that(isnan(values[i]) ? isnan(half_value(back[i])) : back[i] == i, "halves come back");
    }
    ck_unpack_bf16(values, bits, COUNT(bits));
    for (size_t i = 0; i < COUNT(bits); i++) {
        uint32_t wide;
        memcpy(&wide, &values[i], sizeof wide);
        check_context("ck_unpack_bf16", i, 0, 0);
        check_that(isnan(values[i]) || wide == (uint32_t)i << 16, "the upper half of a float");
    }
    ck_pack_bf16(back, values, COUNT(bits));
    for (size_t i = 0; i < COUNT(bits); i++) {
        check_context("ck_pack_bf16", i, 0, 0);
        check_that(isnan(values[i]) ? (back[i] & 0x7fff) > 0x7f80 : back[i] == i, "upper halves come back");
    }
}

/// Rounding: to nearest, ties to even, beyond the largest half to infinity.
static void test_rounding(void) {
    float x[] = {1 + 0x1p-11f, 1 + 0x3p-11f, 1 + 0x1.8p-11f, 65504, 65519.99f, 65520, -1e30f, 0x1p-25f, 0x1.8p-25f, 1e-30f};
    double want[] = {1, 1 + 0x1p-9, 1 + 0x1p-10, 65504, 65504, INFINITY, -INFINITY, 0, 0x1p-24, 0};
    uint16_t out[COUNT(x)];
    ck_pack_f16(out, x, COUNT(x));
    for (size_t i = 0; i < COUNT(x); i++) {
        check_context("ck_pack_f16 rounds", i, 0, 0);
        check_close(half_value(out[i]), want[i], 0);
    }
    float y[] = {1 + 0x1p-8f, 1 + 0x3p-8f, 1 + 0x1.8p-8f, 3.39e38f, -3.4028234e38f, 0x1p-133f, -0x1p-134f, 1e-45f};
    float rounded[] = {1, 1 + 0x1p-6f, 1 + 0x1p-7f, 0x1.fep127f, -INFINITY, 0x1p-133f, -0.0f, 0};
    float back[COUNT(y)];
    ck_pack_bf16(out, y, COUNT(y));
    ck_unpack_bf16(back, out, COUNT(y));
    for (size_t i = 0; i < COUNT(y); i++) {
        check_context("ck_pack_bf16 rounds", i, 0, 0);
        check_close(back[i], rounded[i], 0);
    }
}

static void test_lengths(void) {
    for (size_t n = 0; n < 70; n++) {
        float *x = random_floats(n), *out = canaries(n + 4);
        uint16_t *half = (uint16_t *)canaries(n / 2 + 4);
        check_context("ck_pack_f16", n, 0, 0);
        ck_pack_f16(half, x, n);
        ck_unpack_f16(out, half, n);
        for (size_t i = 0; i < n; i++) check_close(out[i], x[i], 5e-4);
        for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
        for (size_t i = (n + 1) / 2; i < n / 2 + 4; i++) check_canary(((float *)half)[i]);
        float *copy = canaries(n + 4);
        ck_pack_f32(copy, x, n);
        ck_unpack_f32(copy, copy, 0);
        for (size_t i = 0; i < n; i++) check_that(copy[i] == x[i], "floats are copied");
        check_canary(copy[n]);
        size_t broken = 0;
        for (size_t i = 0; i < n; i += 3) x[i] = i % 2 ? NAN : -INFINITY, broken++;
        check_that(ck_count_nonfinite(x, n) == broken, "values that are no finite numbers");
        check_release();
    }
}

void test_formats(void) {
    test_all_halves();
    test_rounding();
    test_lengths();
}

/// Weights between 0 and 1: the next within bounds, sums by size, and what is left behind a cut, each against a plain loop.
static void test_search(float *x, size_t n) {
    const float least = x[n / 3], most = x[n / 2] > least ? x[n / 2] : 1;
    size_t next = 0;
    for (size_t from = 0; from < n; from += 7) {
        for (next = from; next < n && !(x[next] >= least && x[next] <= most); next++) {}
        check_that(ck_row_next(x, from, n, least, most) == next, "the next value within bounds");
    }
    static double masses[CK_ROW_BUCKETS], want[CK_ROW_BUCKETS];
    const uint32_t one = 0x3f800000, low = one - (1 << 27);
    for (int shift = 17; shift <= 20; shift++) {
        const size_t buckets = ((size_t)1 << (27 - shift)) + 1 < CK_ROW_BUCKETS ? ((size_t)1 << (27 - shift)) + 1 : 1000;
        memset(want, 0, sizeof want);
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, x + i, sizeof bits);
            if (bits >= low && (bits - low) >> shift < buckets) want[(bits - low) >> shift] += x[i];
        }
        ck_row_histogram(x, n, low, shift, buckets, masses);
        for (size_t b = 0; b < buckets; b++) check_close(masses[b], want[b], 1e-12 * want[b]);
    }
    const size_t last = n / 3;
    float *cut = random_floats(n);
    double blocks[3], sum = 0, joined = 0;
    memcpy(cut, x, n * sizeof *cut);
    ck_row_cut(cut, n, least, last, blocks);
    for (size_t i = 0; i < n; i++) {
        const int kept = x[i] > least || (x[i] == least && i <= last);
        check_that(cut[i] == (kept ? x[i] : 0), "what is left behind a cut");
        sum += cut[i];
    }
    for (size_t b = 0; b * CK_ROW_BLOCK < n; b++) joined += blocks[b];
    check_close(joined, sum, 1e-12 * sum);
}

void test_logits(void) {
    for (size_t n = 1; n < 600; n += n < 40 ? 1 : 93) {
        float *x = random_floats(n), max;
        for (size_t i = 0; i < n; i++) x[i] *= 20;
        double top = -INFINITY, sum = 0;
        for (size_t i = 0; i < n; i++) top = fmax(top, x[i]);
        for (size_t i = 0; i < n; i++) sum += exp(x[i] - top);
        check_context("ck_row", n, 0, 0);
        check_that(ck_row_max(x, n, &max) == 0 && max == (float)top, "the largest value");
        check_close(ck_row_log_sum_exp(x, n, max), top + log(sum), 1e-5);
        float *weights = random_floats(n);
        memcpy(weights, x, n * sizeof *weights);
        double blocks[3], total = 0, joined = 0;
        ck_row_weigh(weights, n, max, 0.7f, blocks);
        for (size_t i = 0; i < n; i++) {
            check_close(weights[i], exp(0.7f * ((double)x[i] - max)), 4e-6);
            total += weights[i];
        }
        for (size_t b = 0; b * CK_ROW_BLOCK < n; b++) joined += blocks[b];
        check_close(ck_row_sum(weights, n), total, 1e-12 * total);
        check_close(joined, total, 1e-12 * total);
        test_search(weights, n);
        float *q = random_floats(n), q_max;
        for (size_t i = 0; i < n; i++) q[i] = x[i] + 3 * q[i];
        x[0] = n > 1 && x[0] < max ? -INFINITY : x[0];
        check_that(ck_row_max(q, n, &q_max) == 0, "the other row is sound");
        double want[3] = {0}, sums[3];
        for (size_t i = 0; i < n; i++) {
            double weight = exp((double)x[i] - max);
            want[0] += weight;
            want[1] += exp((double)q[i] - q_max);
            want[2] += weight > 0 ? weight * (((double)x[i] - max) - ((double)q[i] - q_max)) : 0;
        }
        ck_row_divergence(x, q, n, max, q_max, sums);
        for (size_t i = 0; i < 3; i++) check_close(sums[i], want[i], 1e-5);
        x[n / 2] = n % 2 ? NAN : INFINITY;
        check_that(ck_row_max(x, n, &max) != 0, "NaN and infinity are noticed");
        check_release();
    }
}
