#include "ck_internal.h"

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
