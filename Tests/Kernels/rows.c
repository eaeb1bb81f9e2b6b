#include "check.h"

static const size_t sizes[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257};

static double silu(double x) { return x / (1 + exp(-x)); }

static void test_norm(size_t n) {
    float *x = random_floats(n), *weight = random_floats(n), *out = canaries(n + 4);
    check_context("ck_rms_norm", n, 0, 0);
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += (double)x[i] * x[i];
    double scale = 1 / sqrt(squares / (double)n + 1e-5);
    ck_rms_norm(out, x, weight, 1e-5f, n);
    for (size_t i = 0; i < n; i++) check_close(out[i], x[i] * scale * weight[i], 1e-6 * fabs(x[i] * scale));
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    ck_rms_norm(x, x, weight, 1e-5f, n);
    for (size_t i = 0; i < n; i++) check_that(x[i] == out[i], "in place differs");
}

static void test_elementwise(size_t n) {
    float *x = random_floats(n), *y = random_floats(n), *out = canaries(n + 4);
    for (size_t i = 0; i < n; i++) x[i] *= i % 3 ? 4 : 60;
    check_context("ck_silu_multiply", n, 0, 0);
    ck_silu_multiply(out, x, y, n);
    for (size_t i = 0; i < n; i++) check_close(out[i], silu(x[i]) * y[i], 5e-7 * fabs(silu(x[i]) * y[i]) + 1e-36);
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    check_context("ck_gelu_multiply", n, 0, 0);
    ck_gelu_multiply(out, x, y, n);
    for (size_t i = 0; i < n; i++) {
        double want = 0.5 * x[i] * erfc(-x[i] * sqrt(0.5)) * y[i];
        check_close(out[i], want, 3e-7 * (1 + fabs(x[i])) * fabs(y[i]));
    }
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    check_context("ck_gelu_tanh_multiply", n, 0, 0);
    ck_gelu_tanh_multiply(out, x, y, n);
    for (size_t i = 0; i < n; i++) {
        double v = x[i], want = v / 2 * (1 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v))) * y[i];
        check_close(out[i], want, 1e-6 * (1 + fabs(x[i])) * fabs(y[i]));
    }
    check_context("ck_clamped_silu_multiply", n, 0, 0);
    ck_clamped_silu_multiply(out, x, y, 1.702f, 0.6f, n);
    for (size_t i = 0; i < n; i++) {
        double gate = fmin(x[i], 0.6f), up = fmax(fmin(y[i], 0.6f), -0.6f);
        check_close(out[i], gate / (1 + exp(-1.702 * gate)) * (up + 1), 1e-6 * (1 + fabs(gate)));
    }
    check_context("ck_bounded_silu_multiply", n, 0, 0);
    ck_bounded_silu_multiply(out, x, y, 0.6f, n);
    for (size_t i = 0; i < n; i++) {
        double up = fmax(fmin(y[i], 0.6f), -0.6f);
        check_close(out[i], fmin(silu(x[i]), 0.6f) * up, 1e-6);
    }
    check_context("ck_silu_of_bounded_multiply", n, 0, 0);
    ck_silu_of_bounded_multiply(out, x, y, 0.6f, n);
    for (size_t i = 0; i < n; i++) {
        double up = fmax(fmin(y[i], 0.6f), -0.6f);
        check_close(out[i], silu(fmin(x[i], 0.6f)) * up, 1e-6);
    }
    check_context("ck_soft_cap", n, 0, 0);
    memcpy(out, x, n * sizeof *out);
    ck_soft_cap(out, 1.5f, n);
    for (size_t i = 0; i < n; i++) check_close(out[i], 1.5 * tanh(x[i] / 1.5), 1e-6);
    check_context("ck_center", n, 0, 0);
    ck_center(out, x, n);
    double mean = 0;
    for (size_t i = 0; i < n; i++) mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) check_close(out[i], x[i] - mean, 1e-6 * (1 + fabs(x[i])));
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    check_context("ck_cut_normal", n, 0, 0);
    double variance = 0, magnitudes[2] = {0, 0};
    for (size_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)n;
    memcpy(out, x, n * sizeof *out);
    ck_cut_normal(out, 0.4f, n);
    double cut = mean + (double)0.4f * sqrt(variance);
    for (size_t i = 0; i < n; i++) check_close(out[i], fmax(x[i] - cut, 0), 2e-6 * (1 + fabs(x[i])));
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    check_context("ck_match_magnitude", n, 0, 0);
    for (size_t i = 0; i < n; i++) {
        magnitudes[0] += (double)x[i] * x[i] / (double)n;
        magnitudes[1] += (double)y[i] * y[i] / (double)n;
    }
    for (int bound = 0; bound < 2; bound++) {
        float least = bound ? 1e3f : 1e-5f;
        memcpy(out, x, n * sizeof *out);
        ck_match_magnitude(out, y, least, n);
        double factor = sqrt(magnitudes[1] / fmax(magnitudes[0], least));
        for (size_t i = 0; i < n; i++) check_close(out[i], x[i] * factor, 1e-6 * (fabs(x[i] * factor) + 1e-3));
        for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    }
    check_context("ck_product", n, 0, 0);
    ck_product(out, x, y, n);
    for (size_t i = 0; i < n; i++) check_that(out[i] == x[i] * y[i], "x · y");
    ck_product(out, out, y, n);
    for (size_t i = 0; i < n; i++) check_that(out[i] == x[i] * y[i] * y[i], "in place");
    check_context("ck_add_product", n, 0, 0);
    memcpy(out, x, n * sizeof *out);
    ck_add_product(out, out, y, x, n);
    for (size_t i = 0; i < n; i++) check_close(out[i], x[i] + (double)y[i] * x[i], 3e-7 * fabs(x[i]));
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    check_context("ck_sigmoid_multiply", n, 0, 0);
    ck_sigmoid_multiply(out, x, y, n);
    for (size_t i = 0; i < n; i++) {
        double want = y[i] / (1 + exp(-(double)x[i]));
        check_close(out[i], want, 5e-7 * fabs(want) + 1e-36);
    }
    memcpy(out, x, n * sizeof *out);
    ck_sigmoid(out, n);
    for (size_t i = 0; i < n; i++) check_close(out[i], 1 / (1 + exp(-(double)x[i])), 5e-7);
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    check_context("ck_add_scaled", n, 0, 0);
    float *sum = random_floats(n);
    memcpy(sum, y, n * sizeof *sum);
    ck_add_scaled(sum, x, 0.3f, n);
    for (size_t i = 0; i < n; i++) check_close(sum[i], y[i] + 0.3f * (double)x[i], 3e-7 * (fabs(y[i]) + fabs(x[i])));
    check_context("ck_relu_squared", n, 0, 0);
    memcpy(out, x, n * sizeof *out);
    ck_relu_squared(out, n);
    for (size_t i = 0; i < n; i++) check_that(out[i] == (x[i] > 0 ? x[i] * x[i] : 0), "max(x, 0)²");
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
}

/// Pair i is (x[i · step], x[i · step + apart]).
static void test_rotation(void (*rotate)(float *, const float *, const float *, size_t), size_t half, size_t step,
                          size_t apart) {
    float *x = random_floats(2 * half), *cosine = random_floats(half), *sine = random_floats(half);
    float *out = canaries(2 * half + 4);
    memcpy(out, x, 2 * half * sizeof *out);
    rotate(out, cosine, sine, half);
    check_context("ck_rotate", half, step, apart);
    for (size_t i = 0; i < half; i++) {
        double a = x[i * step], b = x[i * step + apart];
        check_close(out[i * step], a * cosine[i] - b * sine[i], 2e-7);
        check_close(out[i * step + apart], b * cosine[i] + a * sine[i], 2e-7);
    }
    for (size_t i = 2 * half; i < 2 * half + 4; i++) check_canary(out[i]);
}

static void test_softmax(size_t n, float spread) {
    float *x = random_floats(n), *out = canaries(n + 4);
    for (size_t i = 0; i < n; i++) x[i] *= spread;
    if (n > 2) x[n / 2] = -INFINITY;
    memcpy(out, x, n * sizeof *out);
    ck_softmax(out, n);
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, x[i]);
    for (size_t i = 0; i < n; i++) sum += exp(x[i] - largest);
    check_context("ck_softmax", n, 0, 0);
    // exp(x − max) inherits the rounding of the difference, which grows with it.
    for (size_t i = 0; i < n; i++) check_close(out[i], exp(x[i] - largest) / sum, 1e-6 * exp(x[i] - largest) * spread + 1e-37);
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
}

/// Any cut of the keys into blocks gives the softmax of the whole, in every column; hidden keys weigh nothing.
static void test_online_softmax(size_t n, size_t block, size_t columns) {
    size_t stride = columns + 3;
    float *x = random_floats(n * columns), *scores = canaries(n * stride);
    float *largest = random_floats(columns), *sum = random_floats(columns), *factor = random_floats(columns);
    for (size_t c = 0; c < columns; c++) largest[c] = -INFINITY, sum[c] = 0;
    for (size_t t = 0; t < n; t++)
        for (size_t c = 0; c < columns; c++) {
            float *at = &x[t * columns + c];
            // The first keys are hidden from the later columns, and all of them from the last.
            *at = t < c % 5 || c == columns - 1 ? -INFINITY : 11 * *at;
            scores[t * stride + c] = *at;
        }
    for (size_t first = 0; first < n; first += block) {
        size_t count = n - first < block ? n - first : block;
        ck_online_softmax(scores + first * stride, stride, count, columns, largest, sum, factor);
        for (size_t t = 0; t < first; t++)
            for (size_t c = 0; c < columns; c++) scores[t * stride + c] *= factor[c];
    }
    check_context("ck_online_softmax", n, block, columns);
    for (size_t c = 0; c < columns; c++) {
        double top = -INFINITY, total = 0;
        for (size_t t = 0; t < n; t++) top = fmax(top, x[t * columns + c]);
        for (size_t t = 0; t < n; t++) total += isfinite(top) ? exp(x[t * columns + c] - top) : 0;
        check_that(largest[c] == (float)top, "the largest score");
        check_close(sum[c], total, 5e-6 * (total + 1e-9));
        for (size_t t = 0; t < n; t++)
            check_close(scores[t * stride + c], isfinite(top) ? exp(x[t * columns + c] - top) : 0, 5e-6);
    }
    for (size_t t = 0; t < n; t++) check_canary(scores[t * stride + columns]);
}

void test_rows(void) {
    for (size_t a = 0; a < COUNT(sizes); a++) {
        size_t n = sizes[a];
        test_norm(n);
        test_elementwise(n);
        test_rotation(ck_rotate_half, n, 1, n);
        test_rotation(ck_rotate_adjacent, n, 2, 1);
        check_release();
        if (n == 0) continue;
        test_softmax(n, 1);
        test_softmax(n, 50);
        for (size_t block = 1; block <= n; block = 2 * block + 1) test_online_softmax(n, block, 1 + n % 19);
        check_release();
    }
}
