#include "ck_internal.h"

CK_KERNEL void ck_scan_step(float *restrict state, float *restrict y, const float *restrict x, const float *restrict b,
                            const float *restrict c, float decay, float dt, float d, size_t head_dim,
                            size_t state_dim) {
    CK_FAST
    for (size_t p = 0; p < head_dim; p++) {
        float *restrict s = state + p * state_dim;
        float input = dt * x[p], sum = 0;
        for (size_t n = 0; n < state_dim; n++) {
            float value = decay * s[n] + input * b[n];
            s[n] = value;
            sum += c[n] * value;
        }
        y[p] = sum + d * x[p];
    }
}

CK_KERNEL void ck_scan_mask(float *restrict out, const float *restrict cb, size_t cb_stride,
                            const float *restrict cum, const float *restrict dt, size_t n) {
    for (size_t t = 0; t < n; t++) {
        for (size_t s = 0; s <= t; s++) out[t * n + s] = cb[t * cb_stride + s] * ck_expf(cum[t] - cum[s]) * dt[s];
        for (size_t s = t + 1; s < n; s++) out[t * n + s] = 0;
    }
}

CK_KERNEL void ck_exp(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = ck_expf(x[i]);
}
