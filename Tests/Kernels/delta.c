#include "check.h"

static const size_t widths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100};

/// Factors from nearly one down to what vanishes when a few of them are multiplied.
static float *random_decays(size_t n) {
    float *decay = random_floats(n);
    for (size_t i = 0; i < n; i++) decay[i] = expf(-expf(8 * decay[i] - 3));
    return decay;
}

static void test_step(size_t value_dim, size_t key_dim) {
    size_t count = value_dim * key_dim;
    float *state = random_floats(count), *after = random_floats(count), *q = random_floats(key_dim);
    float *k = random_floats(key_dim), *v = random_floats(value_dim), *y = canaries(value_dim + 4);
    float *decay = random_decays(key_dim), beta = 0.7f;
    memcpy(after, state, count * sizeof *after);
    ck_delta_step(after, y, q, k, v, decay, beta, value_dim, key_dim);
    check_context("ck_delta_step", value_dim, key_dim, 0);
    for (size_t p = 0; p < value_dim; p++) {
        double held = 0, sum = 0, size = 1;
        for (size_t n = 0; n < key_dim; n++) held += k[n] * (double)decay[n] * state[n * value_dim + p];
        double update = beta * (v[p] - held);
        for (size_t n = 0; n < key_dim; n++) {
            double value = (double)decay[n] * state[n * value_dim + p] + k[n] * update;
            check_close(after[n * value_dim + p], value, 2e-6 * (1 + fabs(value)));
            sum += q[n] * value;
            size += fabs(q[n] * value);
        }
        check_close(y[p], sum, 2e-6 * size);
    }
    for (size_t p = value_dim; p < value_dim + 4; p++) check_canary(y[p]);
    check_release();
}

/// The product of decays after token s up to token t in channel i.
static double fade(const float *decay, size_t s, size_t t, size_t i, size_t key_dim) {
    double product = 1;
    for (size_t r = s + 1; r <= t; r++) product *= decay[r * key_dim + i];
    return product;
}

static void test_products(size_t n, size_t key_dim) {
    size_t count = n * key_dim, stride = ck_delta_stride(n);
    float *q = random_floats(count), *k = random_floats(count), *decay = random_decays(count);
    float *beta = random_floats(n), *since = canaries(key_dim + 4), *total = canaries(key_dim + 4);
    float *keys = canaries(n * n + 4), *queries = canaries(n * n + 4), *ending = canaries(key_dim * stride + 4);
    float *q_after = canaries(count + 4), *k_after = canaries(count + 4);
    memcpy(q_after, q, count * sizeof *q);
    memcpy(k_after, k, count * sizeof *k);
    ck_delta_products(keys, queries, ending, total, q_after, k_after, decay, beta, since, n, key_dim);
    check_context("ck_delta_products", n, key_dim, 0);
    for (size_t t = 0; t < n; t++) {
        for (size_t s = 0; s <= t; s++) {
            double by_key = 0, by_query = 0, size = 1e-6;
            for (size_t i = 0; i < key_dim; i++) {
                double value = fade(decay, s, t, i, key_dim) * k[s * key_dim + i];
                by_key += k[t * key_dim + i] * value;
                by_query += q[t * key_dim + i] * value;
                size += fabs(value);
            }
            check_close(queries[t * n + s], by_query, 5e-6 * size);
            if (s < t) check_close(keys[t * n + s], beta[t] * by_key, 5e-6 * size);
        }
        for (size_t s = t; s < n; s++) check_canary(keys[t * n + s]);
        for (size_t s = t + 1; s < n; s++) check_that(queries[t * n + s] == 0, "queries see no later key");
    }
    for (size_t i = 0; i < key_dim; i++) {
        double from_start = 1;
        for (size_t t = 0; t < n; t++) {
            from_start *= decay[t * key_dim + i];
            size_t at = t * key_dim + i;
            check_close(q_after[at], q[at] * from_start, 1e-5 * fabs(q[at] * from_start) + 1e-36);
            check_close(k_after[at], k[at] * from_start, 1e-5 * fabs(k[at] * from_start) + 1e-36);
            double to_end = k[at] * fade(decay, t, n - 1, i, key_dim);
            check_close(ending[i * stride + t], to_end, 1e-5 * fabs(to_end) + 1e-36);
        }
        check_close(total[i], from_start, 1e-5 * from_start + 1e-36);
    }
    for (size_t i = 0; i < 4; i++) {
        check_canary(keys[n * n + i]), check_canary(queries[n * n + i]), check_canary(ending[key_dim * stride + i]);
        check_canary(since[key_dim + i]), check_canary(total[key_dim + i]);
        check_canary(q_after[count + i]), check_canary(k_after[count + i]);
    }
    check_release();
}

static void test_updates(size_t n, size_t width) {
    size_t stride = width + 3, count = n * width;
    float *held = random_floats(count), *v = random_floats(n * stride), *beta = random_floats(n);
    float *factors = random_floats(n), *out = canaries(count + 4);
    memcpy(out, held, count * sizeof *out);
    ck_delta_surprise(out, v, stride, beta, n, width);
    check_context("ck_delta_surprise", n, width, 0);
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < width; i++) {
            check_close(out[t * width + i], beta[t] * ((double)v[t * stride + i] - held[t * width + i]), 3e-7);
        }
    }
    memcpy(out, held, count * sizeof *out);
    ck_multiply_rows(out, factors, n, width);
    check_context("ck_multiply_rows", n, width, 0);
    for (size_t i = 0; i < count; i++) check_that(out[i] == held[i] * factors[i / width], "factor of the row");
    for (size_t i = count; i < count + 4; i++) check_canary(out[i]);
    check_release();
}

static void test_decay(size_t n, float scale) {
    float *x = random_floats(n), *bias = random_floats(n), *rate = random_floats(n), *out = canaries(n + 4);
    for (size_t i = 0; i < n; i++) x[i] *= scale, rate[i] = -expf(4 * rate[i]);
    memcpy(out, x, n * sizeof *out);
    ck_softplus_decay(out, out, bias, rate, n);
    check_context("ck_softplus_decay", n, (size_t)scale, 0);
    for (size_t i = 0; i < n; i++) {
        float sum = x[i] + bias[i];
        double exponent = rate[i] * (sum > 30 ? sum : log1p(exp((double)sum))), want = exp(exponent);
        // Rounding of the exponent weighs as much as the exponent is large. Below normal floats there is zero.
        check_close(out[i], want, (5e-7 + 3e-7 * fabs(exponent)) * want + 2e-38);
    }
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    memcpy(out, x, n * sizeof *out);
    ck_bounded_decay(out, out, bias, rate, -5.0f, n);
    check_context("ck_bounded_decay", n, (size_t)scale, 0);
    for (size_t i = 0; i < n; i++) {
        double input = (double)rate[i] * (x[i] + bias[i]), want = exp(-5 / (1 + exp(-input)));
        check_close(out[i], want, (1e-6 + 3e-7 * fabs(input) / (1 + exp(fabs(input)))) * want);
    }
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    check_release();
}

void test_delta(void) {
    for (size_t a = 0; a < COUNT(widths); a++) {
        for (size_t b = 0; b < COUNT(widths); b++) {
            test_step(widths[a], widths[b]);
            test_products(widths[a], widths[b]);
            test_updates(widths[a], widths[b]);
        }
        static const float scales[] = {1, 10, 100, 1e4f};
        for (size_t b = 0; b < COUNT(scales); b++) test_decay(widths[a], scales[b]);
    }
}
