// The Mamba-1 recurrence.

/// 2^x for x ≤ 0, to about 2 ulp; 2⁻¹²⁵ for what is less, and for NaN.
CK_INLINE ck_f32x16 power_of_two(ck_f32x16 x) {
    x = __builtin_elementwise_max(x, (ck_f32x16){0} - 125.0f);
    ck_f32x16 shifted = x + 12582912.0f;  // 1.5 · 2^23: the integer lands in the low bits
    ck_f32x16 r = x - (shifted - 12582912.0f);
    // Taylor's series in r ln 2, |r| ≤ 1/2.
    ck_f32x16 p = (ck_f32x16){0} + 1.5403530e-4f;
    p = p * r + 1.3333558e-3f;
    p = p * r + 9.6181291e-3f;
    p = p * r + 5.5504109e-2f;
    p = p * r + 2.4022651e-1f;
    p = p * r + 6.9314718e-1f;
    p = p * r + 1.0f;
    // The integer goes to the exponent, and what else is in the upper bits of `shifted` out of the word.
    return (ck_f32x16)((ck_i32x16)p + ((ck_i32x16)shifted << 23));
}

/// One token of `vectors` · 16 channels, which are the lanes.
CK_INLINE void selective_scan_channels(float *restrict state, float *restrict y, const float *restrict x,
                                       const float *restrict delta, const float *restrict b, const float *restrict c,
                                       const float *restrict a, const float *restrict d, size_t channels, size_t state_dim,
                                       const int vectors) {
    ck_f32x16 step[4], input[4], sum[4];
    CK_UNROLL for (int v = 0; v < vectors; v++) {
        ck_f32x16 value, skip;
        memcpy(&value, x + 16 * v, sizeof value);
        memcpy(&step[v], delta + 16 * v, sizeof step[v]);
        memcpy(&skip, d + 16 * v, sizeof skip);
        input[v] = step[v] * value;
        sum[v] = skip * value;
        step[v] *= 1.44269504088896341f;
    }
    for (size_t n = 0; n < state_dim; n++) {
        CK_UNROLL for (int v = 0; v < vectors; v++) {
            ck_f32x16 s, rate;
            memcpy(&s, state + n * channels + 16 * v, sizeof s);
            memcpy(&rate, a + n * channels + 16 * v, sizeof rate);
            s = power_of_two(step[v] * rate) * s + input[v] * b[n];
            memcpy(state + n * channels + 16 * v, &s, sizeof s);
            sum[v] += s * c[n];
        }
    }
    CK_UNROLL for (int v = 0; v < vectors; v++) memcpy(y + 16 * v, &sum[v], sizeof sum[v]);
}

CK_KERNEL void CK_ISA(selective_scan)(float *restrict state, float *restrict y, size_t y_stride,
                                      const ck_selective_inputs *restrict in, const float *restrict a,
                                      const float *restrict bias, const float *restrict d, size_t rows, size_t channels,
                                      size_t state_dim) {
    float delta[CK_SCAN_CHANNELS];
    for (size_t t = 0; t < rows; t++) {
        const float *restrict x = in->x.base + t * in->x.stride;
        const float *restrict dt = in->dt.base + t * in->dt.stride;
        const float *restrict z = in->z.base + t * in->z.stride;
        const float *restrict b = in->b.base + t * in->b.stride;
        const float *restrict c = in->c.base + t * in->c.stride;
        float *restrict out = y + t * y_stride;
        for (size_t i = 0; i < channels; i++) delta[i] = ck_softplusf(dt[i] + bias[i]);
        size_t i = 0;
        for (; i + 64 <= channels; i += 64)
            selective_scan_channels(state + i, out + i, x + i, delta + i, b, c, a + i, d + i, channels, state_dim, 4);
        for (; i + 16 <= channels; i += 16)
            selective_scan_channels(state + i, out + i, x + i, delta + i, b, c, a + i, d + i, channels, state_dim, 1);
        for (; i < channels; i++) {
            float sum = d[i] * x[i];
            for (size_t n = 0; n < state_dim; n++) {
                float *s = state + n * channels + i;
                *s = ck_expf(delta[i] * a[n * channels + i]) * *s + delta[i] * x[i] * b[n];
                sum += *s * c[n];
            }
            out[i] = sum;
        }
        for (size_t j = 0; j < channels; j++) out[j] *= ck_siluf(z[j]);
    }
}
