#include "ck_internal.h"

/// log(1 + u) for u in 0 … 1, with a relative error of a few ulp: the logarithm of the rounded sum (Cephes' logf
/// coefficients), corrected for its rounding to first order.
CK_INLINE float ck_log1pf(float u) {
    float y = 1.0f + u;
    float low = u - (y - 1.0f);
    int large = y > 1.41421356237f;
    float m = (large ? 0.5f * y : y) - 1.0f;
    float square = m * m;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    float log = m * square * p - 0.5f * square + m;
    return log + (large ? 0.69314718056f : 0.0f) + low / y;
}

/// log(1 + exp(x)): large where x is large, and for small x exp(x) to all its digits.
CK_INLINE float ck_softplusf(float x) {
    float tail = ck_log1pf(ck_expf(x < 0 ? x : -x));
    return (x > 0 ? x : 0) + tail;
}

CK_KERNEL void ck_selective_scan(float *restrict state, float *restrict y, size_t y_stride,
                                 const ck_selective_inputs *restrict in, const float *restrict a,
                                 const float *restrict bias, const float *restrict d, size_t rows, size_t channels,
                                 size_t state_dim) {
    float delta[CK_SCAN_CHANNELS], input[CK_SCAN_CHANNELS];
    for (size_t t = 0; t < rows; t++) {
        const float *restrict x = in->x.base + t * in->x.stride;
        const float *restrict dt = in->dt.base + t * in->dt.stride;
        const float *restrict z = in->z.base + t * in->z.stride;
        const float *restrict b = in->b.base + t * in->b.stride;
        const float *restrict c = in->c.base + t * in->c.stride;
        float *restrict out = y + t * y_stride;
        for (size_t i = 0; i < channels; i++) {
            delta[i] = ck_softplusf(dt[i] + bias[i]);
            input[i] = delta[i] * x[i];
            out[i] = d[i] * x[i];
        }
        for (size_t n = 0; n < state_dim; n++) {
            float *restrict s = state + n * channels;
            const float *restrict rate = a + n * channels;
            float from = b[n], to = c[n];
            for (size_t i = 0; i < channels; i++) {
                float value = ck_expf(delta[i] * rate[i]) * s[i] + input[i] * from;
                s[i] = value;
                out[i] += to * value;
            }
        }
        for (size_t i = 0; i < channels; i++) out[i] *= ck_siluf(z[i]);
    }
}
