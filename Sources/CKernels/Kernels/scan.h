// The Mamba-2 recurrence: one token, and the decay within a chunk of tokens.

/// `vectors` · 16 channels of a head. Channels are the lanes: what belongs to a channel is summed without leaving its
/// lane, and B and C are read as they lie.
CK_INLINE void scan_step_channels(float *restrict state, float *restrict y, const float *restrict x, const float *restrict b,
                                  const float *restrict c, float decay, float dt, float d, size_t head_dim,
                                  size_t state_dim, const int vectors) {
    CK_FAST
    ck_f32x16 input[4], sum[4];
    CK_UNROLL for (int v = 0; v < vectors; v++) {
        memcpy(&input[v], x + 16 * v, sizeof input[v]);
        sum[v] = d * input[v];
        input[v] *= dt;
    }
    for (size_t n = 0; n < state_dim; n++) {
        CK_UNROLL for (int v = 0; v < vectors; v++) {
            ck_f32x16 s;
            memcpy(&s, state + n * head_dim + 16 * v, sizeof s);
            s = decay * s + input[v] * b[n];
            memcpy(state + n * head_dim + 16 * v, &s, sizeof s);
            sum[v] += s * c[n];
        }
    }
    CK_UNROLL for (int v = 0; v < vectors; v++) memcpy(y + 16 * v, &sum[v], sizeof sum[v]);
}

CK_KERNEL void CK_ISA(gated_linear_unit)(float *restrict state, float *restrict out, const float *restrict x,
                                         const float *restrict input_gate, const float *restrict decay_gate,
                                         const float *restrict rate, int is_first, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float decay = ck_expf(rate[i] * ck_sigmoidf(decay_gate[i]));
        float norm = is_first ? 1.0f : sqrtf(1.0f - decay * decay);
        out[i] = state[i] = decay * state[i] + norm * ck_sigmoidf(input_gate[i]) * x[i];
    }
}

CK_KERNEL void CK_ISA(scan_step)(float *restrict state, float *restrict y, const float *restrict x, const float *restrict b,
                                 const float *restrict c, float decay, float dt, float d, size_t head_dim,
                                 size_t state_dim) {
    CK_FAST
    size_t p = 0;
    for (; p + 64 <= head_dim; p += 64)
        scan_step_channels(state + p, y + p, x + p, b, c, decay, dt, d, head_dim, state_dim, 4);
    for (; p + 16 <= head_dim; p += 16)
        scan_step_channels(state + p, y + p, x + p, b, c, decay, dt, d, head_dim, state_dim, 1);
    for (; p < head_dim; p++) {
        float sum = d * x[p];
        for (size_t n = 0; n < state_dim; n++) {
            float *s = state + n * head_dim + p;
            *s = decay * *s + dt * x[p] * b[n];
            sum += c[n] * *s;
        }
        y[p] = sum;
    }
}

CK_KERNEL void CK_ISA(scan_mask)(float *restrict out, const float *restrict cb, size_t cb_stride,
                                 const float *restrict cum, const float *restrict dt, size_t n) {
    for (size_t t = 0; t < n; t++) {
        for (size_t s = 0; s <= t; s++) out[t * n + s] = cb[t * cb_stride + s] * ck_expf(cum[t] - cum[s]) * dt[s];
        for (size_t s = t + 1; s < n; s++) out[t * n + s] = 0;
    }
}

CK_KERNEL void CK_ISA(exp)(float *out, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = ck_expf(x[i]);
}
