// The recurrences of RWKV 6 and 7: one token of a head, and what its inputs are made of.

/// `vectors` · 16 channels of a value, which are the lanes.
CK_INLINE void wkv7_channels(float *restrict state, float *restrict y, const float *restrict r,
                             const float *restrict decay, const float *restrict k, const float *restrict v,
                             const float *restrict removed, const float *restrict replaced, size_t size,
                             const int vectors) {
    CK_FAST
    ck_f32x16 held[4], sum[4], value[4];
    CK_UNROLL for (int i = 0; i < vectors; i++) {
        held[i] = sum[i] = (ck_f32x16){0};
        memcpy(&value[i], v + 16 * i, sizeof value[i]);
    }
    for (size_t n = 0; n < size; n++) {
        CK_UNROLL for (int i = 0; i < vectors; i++) {
            ck_f32x16 s;
            memcpy(&s, state + n * size + 16 * i, sizeof s);
            held[i] += removed[n] * s;
        }
    }
    for (size_t n = 0; n < size; n++) {
        CK_UNROLL for (int i = 0; i < vectors; i++) {
            ck_f32x16 s;
            memcpy(&s, state + n * size + 16 * i, sizeof s);
            s = decay[n] * s + replaced[n] * held[i] + k[n] * value[i];
            memcpy(state + n * size + 16 * i, &s, sizeof s);
            sum[i] += r[n] * s;
        }
    }
    CK_UNROLL for (int i = 0; i < vectors; i++) memcpy(y + 16 * i, &sum[i], sizeof sum[i]);
}

CK_KERNEL void CK_ISA(wkv7_step)(float *restrict state, float *restrict y, const float *restrict r,
                                 const float *restrict decay, const float *restrict k, const float *restrict v,
                                 const float *restrict removed, const float *restrict replaced, size_t size) {
    CK_FAST
    size_t p = 0;
    for (; p + 64 <= size; p += 64) wkv7_channels(state + p, y + p, r, decay, k, v + p, removed, replaced, size, 4);
    for (; p + 16 <= size; p += 16) wkv7_channels(state + p, y + p, r, decay, k, v + p, removed, replaced, size, 1);
    for (; p < size; p++) {
        float held = 0, sum = 0;
        for (size_t n = 0; n < size; n++) held += removed[n] * state[n * size + p];
        for (size_t n = 0; n < size; n++) {
            float *s = state + n * size + p;
            *s = decay[n] * *s + replaced[n] * held + k[n] * v[p];
            sum += r[n] * *s;
        }
        y[p] = sum;
    }
}

/// `vectors` · 16 channels of a value, which are the lanes.
CK_INLINE void wkv6_channels(float *restrict state, float *restrict y, const float *restrict r,
                             const float *restrict decay, const float *restrict k, const float *restrict v, float own,
                             size_t size, const int vectors) {
    CK_FAST
    ck_f32x16 sum[4], value[4];
    CK_UNROLL for (int i = 0; i < vectors; i++) {
        memcpy(&value[i], v + 16 * i, sizeof value[i]);
        sum[i] = own * value[i];
    }
    for (size_t n = 0; n < size; n++) {
        CK_UNROLL for (int i = 0; i < vectors; i++) {
            ck_f32x16 s;
            memcpy(&s, state + n * size + 16 * i, sizeof s);
            sum[i] += r[n] * s;
            s = decay[n] * s + k[n] * value[i];
            memcpy(state + n * size + 16 * i, &s, sizeof s);
        }
    }
    CK_UNROLL for (int i = 0; i < vectors; i++) memcpy(y + 16 * i, &sum[i], sizeof sum[i]);
}

CK_KERNEL void CK_ISA(wkv6_step)(float *restrict state, float *restrict y, const float *restrict r,
                                 const float *restrict decay, const float *restrict k, const float *restrict v,
                                 const float *restrict bonus, size_t size) {
    CK_FAST
    // The weight of the token's own value.
    float own = 0;
    for (size_t n = 0; n < size; n++) own += r[n] * bonus[n] * k[n];
    size_t p = 0;
    for (; p + 64 <= size; p += 64) wkv6_channels(state + p, y + p, r, decay, k, v + p, own, size, 4);
    for (; p + 16 <= size; p += 16) wkv6_channels(state + p, y + p, r, decay, k, v + p, own, size, 1);
    for (; p < size; p++) {
        float sum = own * v[p];
        for (size_t n = 0; n < size; n++) {
            float *s = state + n * size + p;
            sum += r[n] * *s;
            *s = decay[n] * *s + k[n] * v[p];
        }
        y[p] = sum;
    }
}

CK_KERNEL void CK_ISA(wkv7_keys)(float *restrict k, float *restrict rate, float *restrict removed,
                                 const float *restrict removal, const float *restrict mix, size_t size) {
    CK_FAST
    float sum = 0;
    for (size_t i = 0; i < size; i++) {
        removed[i] = k[i] * removal[i];
        sum += removed[i] * removed[i];
    }
    float length = sqrtf(sum), inverse = 1.0f / (length > 1e-12f ? length : 1e-12f);
    for (size_t i = 0; i < size; i++) {
        float direction = removed[i] * inverse;
        k[i] *= 1.0f + (rate[i] - 1.0f) * mix[i];
        rate[i] *= direction;
        removed[i] = -direction;
    }
}

CK_KERNEL void CK_ISA(wkv7_bonus)(float *restrict y, const float *restrict v, const float *restrict r,
                                  const float *restrict k, const float *restrict weight, size_t size) {
    CK_FAST
    float own = 0;
    for (size_t i = 0; i < size; i++) own += r[i] * k[i] * weight[i];
    for (size_t i = 0; i < size; i++) y[i] += own * v[i];
}

CK_KERNEL void CK_ISA(twice_exponential_decay)(float *out, const float *x, const float *restrict bias, size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = ck_expf(-ck_expf(x[i] + bias[i]));
}
