#include "check.h"

static const size_t sizes[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257};
static const size_t rows[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 17};

enum format { F32, F16, BF16 };

/// Rounds values to a format and writes both forms.
static void *store(enum format format, float *values, size_t n) {
    uint16_t *half = (uint16_t *)random_floats((n + 1) / 2);
    if (format == F32) return values;
    if (format == F16) {
        ck_pack_f16(half, values, n);
        ck_unpack_f16(values, half, n);
        return half;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        half[i] = (uint16_t)(bits >> 16);
        bits &= 0xffff0000u;
        memcpy(&values[i], &bits, sizeof bits);
    }
    return half;
}

static void test_dot(enum format format, size_t m, size_t n, size_t k) {
    size_t out_stride = n + 3, x_stride = k + 5, w_stride = k + 1;
    float *x = random_floats(m * x_stride), *w = random_floats(n * w_stride), *out = canaries(m * out_stride);
    void *stored = store(format, w, n * w_stride);
    switch (format) {
        case F32: ck_dot_f32(out, out_stride, x, x_stride, stored, w_stride, m, n, k); break;
        case F16: ck_dot_f16(out, out_stride, x, x_stride, stored, w_stride, m, n, k); break;
        case BF16: ck_dot_bf16(out, out_stride, x, x_stride, stored, w_stride, m, n, k); break;
    }
    check_context("ck_dot", m, n, k);
    for (size_t r = 0; r < m; r++) {
        for (size_t c = 0; c < n; c++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < k; i++) {
                double product = (double)x[r * x_stride + i] * w[c * w_stride + i];
                sum += product;
                size += fabs(product);
            }
            check_close(out[r * out_stride + c], sum, 6e-7 * size);
        }
        for (size_t c = n; c < out_stride; c++) check_canary(out[r * out_stride + c]);
    }
    check_release();
}

void test_dots(void) {
    for (size_t a = 0; a < COUNT(rows); a++) {
        for (size_t b = 0; b < COUNT(sizes); b++) {
            for (enum format format = F32; format <= BF16; format++) {
                test_dot(format, rows[a], 1 + b % 5, sizes[b]);
            }
        }
    }
}
