#include "ck_internal.h"
#include "panel.h"

// Vectors wider than the machine's registers have no agreed way to be passed; what takes them here is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

/// `vectors` · 16 channels of a value. They are the lanes: what is summed over the key stays in its lane.
CK_INLINE void step_channels(float *restrict state, float *restrict y, const float *restrict q, const float *restrict k,
                             const float *restrict v, const float *restrict decay, float beta, size_t value_dim,
                             size_t key_dim, const int vectors) {
    CK_FAST
    ck_f32x16 update[4], sum[4];
    CK_UNROLL for (int i = 0; i < vectors; i++) update[i] = sum[i] = (ck_f32x16){0};
    for (size_t n = 0; n < key_dim; n++) {
        float key = k[n] * decay[n];
        CK_UNROLL for (int i = 0; i < vectors; i++) {
            ck_f32x16 s;
            memcpy(&s, state + n * value_dim + 16 * i, sizeof s);
            update[i] += key * s;
        }
    }
    CK_UNROLL for (int i = 0; i < vectors; i++) {
        ck_f32x16 value;
        memcpy(&value, v + 16 * i, sizeof value);
        update[i] = beta * (value - update[i]);
    }
    for (size_t n = 0; n < key_dim; n++) {
        CK_UNROLL for (int i = 0; i < vectors; i++) {
            ck_f32x16 s;
            memcpy(&s, state + n * value_dim + 16 * i, sizeof s);
            s = decay[n] * s + k[n] * update[i];
            memcpy(state + n * value_dim + 16 * i, &s, sizeof s);
            sum[i] += q[n] * s;
        }
    }
    CK_UNROLL for (int i = 0; i < vectors; i++) memcpy(y + 16 * i, &sum[i], sizeof sum[i]);
}

CK_KERNEL void ck_delta_step(float *restrict state, float *restrict y, const float *restrict q, const float *restrict k,
                             const float *restrict v, const float *restrict decay, float beta, size_t value_dim,
                             size_t key_dim) {
    CK_FAST
    size_t p = 0;
    for (; p + 64 <= value_dim; p += 64)
        step_channels(state + p, y + p, q, k, v + p, decay, beta, value_dim, key_dim, 4);
    for (; p + 16 <= value_dim; p += 16)
        step_channels(state + p, y + p, q, k, v + p, decay, beta, value_dim, key_dim, 1);
    for (; p < value_dim; p++) {
        float held = 0, sum = 0;
        for (size_t n = 0; n < key_dim; n++) held += k[n] * decay[n] * state[n * value_dim + p];
        float update = beta * (v[p] - held);
        for (size_t n = 0; n < key_dim; n++) {
            float *s = state + n * value_dim + p;
            *s = decay[n] * *s + k[n] * update;
            sum += q[n] * *s;
        }
        y[p] = sum;
    }
}

// A key fades from token to token as it is compared with them: a quotient of cumulative decays, which would overflow, is
// never formed.
CK_KERNEL void ck_delta_products(float *restrict keys, float *restrict queries, const float *restrict q,
                                 const float *restrict k, const float *restrict decay, const float *restrict beta,
                                 float *restrict faded, size_t n, size_t key_dim) {
    CK_FAST
    for (size_t s = 0; s < n; s++) {
        float own = 0;
        for (size_t i = 0; i < key_dim; i++) {
            faded[i] = k[s * key_dim + i];
            own += q[s * key_dim + i] * faded[i];
        }
        queries[s * n + s] = own;
        for (size_t t = s + 1; t < n; t++) {
            const float *restrict fade = decay + t * key_dim;
            const float *restrict key = k + t * key_dim, *restrict query = q + t * key_dim;
            float by_key = 0, by_query = 0;
            for (size_t i = 0; i < key_dim; i++) {
                float value = faded[i] * fade[i];
                faded[i] = value;
                by_key += key[i] * value;
                by_query += query[i] * value;
            }
            keys[t * n + s] = beta[t] * by_key;
            queries[t * n + s] = by_query;
            queries[s * n + t] = 0;
        }
    }
}

CK_KERNEL void ck_delta_weigh(float *restrict total, float *restrict ending, float *restrict q, float *restrict k,
                              const float *restrict decay, float *restrict since, size_t n, size_t key_dim) {
    for (size_t i = 0; i < key_dim; i++) total[i] = since[i] = 1;
    for (size_t t = n; t-- > 0;) {
        for (size_t i = 0; i < key_dim; i++) {
            ending[t * key_dim + i] = k[t * key_dim + i] * total[i];
            total[i] *= decay[t * key_dim + i];
        }
    }
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < key_dim; i++) {
            since[i] *= decay[t * key_dim + i];
            k[t * key_dim + i] *= since[i];
            q[t * key_dim + i] *= since[i];
        }
    }
}

CK_KERNEL void ck_delta_surprise(float *restrict held, const float *restrict v, size_t v_stride,
                                 const float *restrict beta, size_t n, size_t value_dim) {
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < value_dim; i++) {
            held[t * value_dim + i] = beta[t] * (v[t * v_stride + i] - held[t * value_dim + i]);
        }
    }
}

CK_KERNEL void ck_multiply_rows(float *restrict x, const float *restrict factors, size_t rows, size_t columns) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < columns; i++) x[row * columns + i] *= factors[row];
    }
}

CK_KERNEL void ck_softplus_decay(float *out, const float *x, const float *restrict bias, const float *restrict rate,
                                 size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = ck_expf(rate[i] * ck_softplusf(x[i] + bias[i]));
}
