#include <math.h>
#include <string.h>

#include "CKernels.h"

// exp(x) for x <= 0 with a relative error below 3e-7; 0 where the result would be subnormal. Written without
// branches so that loops over it vectorise.
static inline float exp_nonpositive(float x) {
    const float clamped = x > -87.0f ? x : -87.0f;
    // x = n ln 2 + r with |r| <= ln 2 / 2. Adding and taking away 1.5 * 2^23 rounds to an integer.
    const float shifted = clamped * 1.44269504f + 12582912.0f;
    const float n = shifted - 12582912.0f;
    const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
    // The Taylor series of exp(r); its next term is below 6e-9.
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return x > -87.0f ? p * power : 0.0f;
}

enum { LANES = 16, BLOCK = 256 };

int ck_row_max(const float *x, size_t n, float *max) {
    float top[LANES];
    int32_t broken[LANES] = {0};
    for (int j = 0; j < LANES; j++) top[j] = -INFINITY;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int j = 0; j < LANES; j++) {
            const float value = x[i + j];
            top[j] = value > top[j] ? value : top[j];
            broken[j] |= !(value < INFINITY);
        }
    }
    for (; i < n; i++) {
        top[0] = x[i] > top[0] ? x[i] : top[0];
        broken[0] |= !(x[i] < INFINITY);
    }
    int any = 0;
    float result = -INFINITY;
    for (int j = 0; j < LANES; j++) {
        result = top[j] > result ? top[j] : result;
        any |= broken[j];
    }
    *max = result;
    return any;
}

void ck_row_exp(float *x, size_t n, float max, float scale) {
    for (size_t i = 0; i < n; i++) x[i] = exp_nonpositive((x[i] - max) * scale);
}

double ck_row_sum(const float *x, size_t n) {
#pragma clang fp reassociate(on)
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

float ck_row_log_sum_exp(const float *x, size_t n, float max) {
    float block[BLOCK];
    double sum = 0;
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t count = n - i < BLOCK ? n - i : BLOCK;
        for (size_t j = 0; j < count; j++) block[j] = exp_nonpositive(x[i + j] - max);
        sum += ck_row_sum(block, count);
    }
    return (float)(max + log(sum));
}
