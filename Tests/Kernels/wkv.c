#include "check.h"

static const size_t sizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 64, 65, 100, 128};

/// Factors from nearly one down to nearly none.
static float *random_decays(size_t n) {
    float *decay = random_floats(n);
    for (size_t i = 0; i < n; i++) decay[i] = expf(-expf(4 * decay[i] - 2));
    return decay;
}

static void test_step6(size_t n) {
    float *state = random_floats(n * n), *after = random_floats(n * n), *y = canaries(n + 4), *bonus = random_floats(n);
    float *r = random_floats(n), *k = random_floats(n), *v = random_floats(n), *decay = random_decays(n);
    memcpy(after, state, n * n * sizeof *after);
    ck_wkv6_step(after, y, r, decay, k, v, bonus, n);
    check_context("ck_wkv6_step", n, 0, 0);
    for (size_t p = 0; p < n; p++) {
        double sum = 0, size = 1;
        for (size_t i = 0; i < n; i++) {
            double held = state[i * n + p], own = (double)bonus[i] * k[i] * v[p];
            sum += r[i] * (held + own);
            size += fabs(r[i] * held) + fabs(r[i] * own);
            double value = decay[i] * held + (double)k[i] * v[p];
            check_close(after[i * n + p], value, 1e-6 * (1 + fabs(value)));
        }
        check_close(y[p], sum, 2e-6 * size);
    }
    for (size_t p = n; p < n + 4; p++) check_canary(y[p]);
    check_release();
}

static void test_step7(size_t n) {
    float *state = random_floats(n * n), *after = random_floats(n * n), *y = canaries(n + 4);
    float *removed = random_floats(n), *replaced = random_floats(n);
    float *r = random_floats(n), *k = random_floats(n), *v = random_floats(n), *decay = random_decays(n);
    memcpy(after, state, n * n * sizeof *after);
    ck_wkv7_step(after, y, r, decay, k, v, removed, replaced, n);
    check_context("ck_wkv7_step", n, 0, 0);
    for (size_t p = 0; p < n; p++) {
        double held = 0, weight = 0, sum = 0, size = 1;
        for (size_t i = 0; i < n; i++) {
            held += (double)removed[i] * state[i * n + p];
            weight += fabs((double)removed[i] * state[i * n + p]);
        }
        for (size_t i = 0; i < n; i++) {
            double value = (double)decay[i] * state[i * n + p] + replaced[i] * held + (double)k[i] * v[p];
            check_close(after[i * n + p], value, 2e-6 * (1 + weight));
            sum += r[i] * value;
            size += fabs(r[i]) * (1 + weight);
        }
        check_close(y[p], sum, 2e-6 * size);
    }
    for (size_t p = n; p < n + 4; p++) check_canary(y[p]);
    check_release();
}

static void test_keys(size_t n, float scale) {
    float *key = random_floats(n), *rate = random_floats(n), *removal = random_floats(n), *mix = random_floats(n);
    float *k = canaries(n + 4), *replaced = canaries(n + 4), *removed = canaries(n + 4);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        key[i] *= scale;
        k[i] = key[i];
        replaced[i] = rate[i];
        sum += (double)key[i] * removal[i] * ((double)key[i] * removal[i]);
    }
    ck_wkv7_keys(k, replaced, removed, removal, mix, n);
    check_context("ck_wkv7_keys", n, (size_t)scale, 0);
    for (size_t i = 0; i < n; i++) {
        double direction = (double)key[i] * removal[i] / fmax(sqrt(sum), 1e-12);
        check_close(removed[i], -direction, 2e-6);
        check_close(replaced[i], rate[i] * direction, 2e-6);
        check_close(k[i], key[i] * (1 + (rate[i] - 1) * (double)mix[i]), 1e-6 * scale);
    }
    for (size_t i = n; i < n + 4; i++) check_canary(k[i]), check_canary(replaced[i]), check_canary(removed[i]);
    check_release();
}

static void test_bonus(size_t n) {
    float *start = random_floats(n), *v = random_floats(n), *r = random_floats(n), *k = random_floats(n);
    float *weight = random_floats(n), *y = canaries(n + 4);
    double own = 0;
    for (size_t i = 0; i < n; i++) own += (double)r[i] * k[i] * weight[i];
    memcpy(y, start, n * sizeof *y);
    ck_wkv7_bonus(y, v, r, k, weight, n);
    check_context("ck_wkv7_bonus", n, 0, 0);
    for (size_t i = 0; i < n; i++) check_close(y[i], start[i] + own * v[i], 2e-6 * (1 + (double)n / 8));
    for (size_t i = n; i < n + 4; i++) check_canary(y[i]);
    check_release();
}

static void test_decay(size_t n, float scale) {
    float *x = random_floats(n), *bias = random_floats(n), *out = canaries(n + 4);
    for (size_t i = 0; i < n; i++) x[i] *= scale;
    memcpy(out, x, n * sizeof *out);
    ck_twice_exponential_decay(out, out, bias, n);
    check_context("ck_twice_exponential_decay", n, (size_t)scale, 0);
    for (size_t i = 0; i < n; i++) {
        double exponent = -exp((double)(x[i] + bias[i])), want = exp(exponent);
        // Rounding of the exponent weighs as much as the exponent is large. Below normal floats there is zero.
        check_close(out[i], want, (5e-7 + 5e-7 * fabs(exponent) * (1 + fabs(x[i]))) * want + 2e-38);
    }
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    check_release();
}

void test_wkv(void) {
    for (size_t a = 0; a < COUNT(sizes); a++) {
        test_step6(sizes[a]);
        test_step7(sizes[a]);
        // Keys of no length have no direction.
        static const float scales[] = {0, 1e-3f, 1, 100};
        for (size_t b = 0; b < COUNT(scales); b++) test_keys(sizes[a], scales[b]);
        test_bonus(sizes[a]);
        static const float ranges[] = {1, 10, 100, 1e4f};
        for (size_t b = 0; b < COUNT(ranges); b++) test_decay(sizes[a], ranges[b]);
    }
}
