#include "check.h"

static const size_t widths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100};

/// The input at time `t`, which may lie before the first row.
static float input_at(const float *in, size_t stride, const float *history, ptrdiff_t t, size_t c, size_t channels,
                      size_t taps) {
    return t < 0 ? history[((size_t)(t + (ptrdiff_t)taps) - 1) * channels + c] : in[(size_t)t * stride + c];
}

static void test_conv(size_t rows, size_t channels, size_t taps, int has_bias, int silu) {
    size_t in_stride = channels + 3, out_stride = channels + 2, kept = taps - 1;
    float *in = random_floats(rows * in_stride), *history = random_floats(kept * channels);
    float *weight = random_floats(taps * channels), *bias = random_floats(channels), *out = canaries(rows * out_stride);
    size_t middle = rows / 3;
    ck_causal_conv(out, out_stride, in, in_stride, history, weight, has_bias ? bias : NULL, 0, middle, channels, taps,
                   silu);
    ck_causal_conv(out, out_stride, in, in_stride, history, weight, has_bias ? bias : NULL, middle, rows, channels, taps,
                   silu);
    check_context("ck_causal_conv", rows, channels, taps);
    for (size_t t = 0; t < rows; t++) {
        for (size_t c = 0; c < channels; c++) {
            double sum = has_bias ? bias[c] : 0;
            for (size_t j = 0; j < taps; j++) {
                ptrdiff_t from = (ptrdiff_t)t - (ptrdiff_t)kept + (ptrdiff_t)j;
                sum += (double)weight[j * channels + c] * input_at(in, in_stride, history, from, c, channels, taps);
            }
            check_close(out[t * out_stride + c], silu ? sum / (1 + exp(-sum)) : sum, 2e-6);
        }
        for (size_t c = channels; c < out_stride; c++) check_canary(out[t * out_stride + c]);
    }
    float *apart = canaries(kept * channels + 4), *in_place = random_floats(kept * channels);
    memcpy(in_place, history, kept * channels * sizeof *in_place);
    ck_conv_history(apart, history, in, in_stride, rows, channels, taps);
    ck_conv_history(in_place, in_place, in, in_stride, rows, channels, taps);
    check_context("ck_conv_history", rows, channels, taps);
    for (size_t j = 0; j < kept; j++) {
        ptrdiff_t from = (ptrdiff_t)rows - (ptrdiff_t)kept + (ptrdiff_t)j;
        for (size_t c = 0; c < channels; c++) {
            float want = input_at(in, in_stride, history, from, c, channels, taps);
            check_that(apart[j * channels + c] == want, "the last inputs are kept elsewhere");
            check_that(in_place[j * channels + c] == want, "the last inputs are kept in place");
        }
    }
    for (size_t i = 0; i < 4; i++) check_canary(apart[kept * channels + i]);
    check_release();
}

void test_convolution(void) {
    static const size_t rows[] = {0, 1, 2, 3, 4, 5, 9};
    for (size_t a = 0; a < COUNT(rows); a++) {
        for (size_t b = 0; b < COUNT(widths); b++) {
            for (size_t taps = 1; taps <= 5; taps++) test_conv(rows[a], widths[b], taps, b % 2 == 0, b % 4 < 2);
        }
    }
    // More channels than are computed at once.
    test_conv(9, 600, 4, 1, 1);
}

static void test_step(size_t head_dim, size_t state_dim) {
    size_t count = head_dim * state_dim;
    float *state = random_floats(count), *x = random_floats(head_dim), *b = random_floats(state_dim);
    float *c = random_floats(state_dim), *y = canaries(head_dim + 4), *after = random_floats(count);
    float decay = 0.9f, dt = 0.3f, d = 1.7f;
    memcpy(after, state, count * sizeof *after);
    ck_scan_step(after, y, x, b, c, decay, dt, d, head_dim, state_dim);
    check_context("ck_scan_step", head_dim, state_dim, 0);
    for (size_t p = 0; p < head_dim; p++) {
        double sum = d * (double)x[p], size = fabs(sum);
        for (size_t n = 0; n < state_dim; n++) {
            double value = decay * (double)state[n * head_dim + p] + dt * (double)x[p] * b[n];
            check_close(after[n * head_dim + p], value, 3e-7);
            sum += c[n] * value;
            size += fabs(c[n] * value);
        }
        check_close(y[p], sum, 1e-6 * size);
    }
    for (size_t p = head_dim; p < head_dim + 4; p++) check_canary(y[p]);
    check_release();
}

static void test_mask(size_t n) {
    size_t stride = n + 3;
    float *cb = random_floats(n * stride), *cum = random_floats(n), *dt = random_floats(n), *out = canaries(n * n + 4);
    // Sums of decays fall, in the end far below where exp vanishes.
    for (size_t t = 0; t < n; t++) cum[t] = (t ? cum[t - 1] : 0) - 3 * fabsf(cum[t]);
    ck_scan_mask(out, cb, stride, cum, dt, n);
    check_context("ck_scan_mask", n, 0, 0);
    for (size_t t = 0; t < n; t++) {
        for (size_t s = 0; s < n; s++) {
            double want = s <= t ? cb[t * stride + s] * exp((double)cum[t] - cum[s]) * dt[s] : 0;
            check_close(out[t * n + s], want, 3e-6);
        }
    }
    for (size_t i = n * n; i < n * n + 4; i++) check_canary(out[i]);
    check_release();
}

static double softplus(double x) { return x > 30 ? x : log1p(exp(x)); }

static ck_rows random_rows(size_t rows, size_t columns, size_t gap) {
    ck_rows result = {random_floats(rows * (columns + gap)), columns + gap};
    return result;
}

/// The recurrence in double precision, and the same tokens in two runs of the kernel: state and outputs of both.
static void test_selective(size_t rows, size_t channels, size_t n) {
    size_t count = n * channels, stride = channels + 5;
    ck_selective_inputs in = {.x = random_rows(rows, channels, 1), .dt = random_rows(rows, channels, 0),
                              .z = random_rows(rows, channels, 3), .b = random_rows(rows, n, 2),
                              .c = random_rows(rows, n, 7)};
    float *a = random_floats(count), *bias = random_floats(channels), *d = random_floats(channels);
    float *state = random_floats(count), *after = random_floats(count), *y = canaries(rows * stride);
    // From channels that forget within a token to channels that hardly forget; steps far below and far above 1.
    for (size_t i = 0; i < count; i++) a[i] = -expf(4 * a[i]);
    for (size_t i = 0; i < channels; i++) bias[i] = i % 5 == 1 ? -30 : i % 5 == 2 ? 40 : 3 * bias[i];
    memcpy(after, state, count * sizeof *after);
    size_t middle = rows / 3;
    ck_selective_scan(after, y, stride, &in, a, bias, d, middle, channels, n);
    ck_selective_inputs rest = {.x = {in.x.base + middle * in.x.stride, in.x.stride},
                                .dt = {in.dt.base + middle * in.dt.stride, in.dt.stride},
                                .z = {in.z.base + middle * in.z.stride, in.z.stride},
                                .b = {in.b.base + middle * in.b.stride, in.b.stride},
                                .c = {in.c.base + middle * in.c.stride, in.c.stride}};
    ck_selective_scan(after, y + middle * stride, stride, &rest, a, bias, d, rows - middle, channels, n);
    check_context("ck_selective_scan", rows, channels, n);
    for (size_t i = 0; i < channels; i++) {
        double s[64];
        for (size_t j = 0; j < n; j++) s[j] = state[j * channels + i];
        for (size_t t = 0; t < rows; t++) {
            double x = in.x.base[t * in.x.stride + i], z = in.z.base[t * in.z.stride + i];
            double delta = softplus((double)in.dt.base[t * in.dt.stride + i] + bias[i]), sum = d[i] * x, size = fabs(sum);
            for (size_t j = 0; j < n; j++) {
                s[j] = exp(delta * a[j * channels + i]) * s[j] + delta * x * in.b.base[t * in.b.stride + j];
                sum += in.c.base[t * in.c.stride + j] * s[j];
                size += fabs(in.c.base[t * in.c.stride + j] * s[j]);
            }
            check_close(y[t * stride + i], sum * z / (1 + exp(-z)), 3e-6 * (size + 1));
        }
        for (size_t j = 0; j < n; j++) check_close(after[j * channels + i], s[j], 3e-6 * (fabs(s[j]) + 1));
    }
    for (size_t t = 0; t < rows; t++) {
        for (size_t i = channels; i < stride; i++) check_canary(y[t * stride + i]);
    }
    float *whole = random_floats(count), *again = canaries(rows * stride);
    memcpy(whole, state, count * sizeof *whole);
    ck_selective_scan(whole, again, stride, &in, a, bias, d, rows, channels, n);
    check_that(memcmp(whole, after, count * sizeof *whole) == 0, "any cut gives the same state to the bit");
    check_that(memcmp(again, y, rows * stride * sizeof *again) == 0, "any cut gives the same outputs to the bit");
    check_release();
}

static void test_linear_unit(size_t n, int is_first) {
    float *state = random_floats(n), *after = random_floats(n), *x = random_floats(n), *rate = random_floats(n);
    float *input = random_floats(n), *decay = random_floats(n), *out = canaries(n + 4);
    for (size_t i = 0; i < n; i++) rate[i] = -expf(4 * rate[i]), decay[i] *= i % 3 ? 4 : 30;
    memcpy(after, state, n * sizeof *after);
    ck_gated_linear_unit(after, out, x, input, decay, rate, is_first, n);
    check_context("ck_gated_linear_unit", n, (size_t)is_first, 0);
    for (size_t i = 0; i < n; i++) {
        double a = exp(rate[i] / (1 + exp(-(double)decay[i]))), norm = is_first ? 1 : sqrt(1 - a * a);
        double want = a * state[i] + norm / (1 + exp(-(double)input[i])) * x[i];
        // Of a decay near one the root has half of the digits.
        check_close(out[i], want, 1e-6 * fabs(want) + 5e-7 + 3e-4 * fabs(x[i]) * (1 - norm) * !is_first);
        check_that(out[i] == after[i], "the output is the state");
    }
    for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
    check_release();
}

void test_selective_scan(void) {
    static const size_t channels[] = {1, 2, 7, 8, 15, 16, 17, 33, 63, CK_SCAN_CHANNELS}, states[] = {1, 8, 16, 17, 64};
    for (size_t a = 0; a < COUNT(channels); a++) {
        for (size_t b = 0; b < COUNT(states); b++) {
            for (size_t rows = 0; rows <= 9; rows += rows < 3 ? 1 : 6) test_selective(rows, channels[a], states[b]);
        }
    }
}

void test_scan(void) {
    for (size_t a = 0; a < COUNT(widths); a++) test_linear_unit(widths[a], 0), test_linear_unit(widths[a], 1);
    for (size_t a = 0; a < COUNT(widths); a++) {
        for (size_t b = 0; b < COUNT(widths); b++) test_step(widths[a], widths[b]);
        test_mask(widths[a]);
    }
}
