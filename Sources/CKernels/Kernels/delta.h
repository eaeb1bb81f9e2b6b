// The gated delta rule: one token, and the products within a chunk of tokens.

/// `vectors` · 16 channels of a value. They are the lanes: what is summed over the key stays in its lane.
CK_INLINE void delta_step_channels(float *restrict state, float *restrict y, const float *restrict q,
                                   const float *restrict k, const float *restrict v, const float *restrict decay,
                                   float beta, size_t value_dim, size_t key_dim, const int vectors) {
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

CK_KERNEL void CK_ISA(delta_step)(float *restrict state, float *restrict y, const float *restrict q, const float *restrict k,
                                  const float *restrict v, const float *restrict decay, float beta, size_t value_dim,
                                  size_t key_dim) {
    CK_FAST
    size_t p = 0;
    for (; p + 64 <= value_dim; p += 64)
        delta_step_channels(state + p, y + p, q, k, v + p, decay, beta, value_dim, key_dim, 4);
    for (; p + 16 <= value_dim; p += 16)
        delta_step_channels(state + p, y + p, q, k, v + p, decay, beta, value_dim, key_dim, 1);
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

// Within a chunk, tokens are taken in blocks of as many as a register has lanes. A key fades from token to token within
// its block, and from block to block behind it; what compares with keys of earlier blocks fades from the begin of its own.
// All factors are products of decays: a quotient of cumulative decays, which would overflow, is never formed.
enum { CK_DELTA_TOKENS = 16 };

/// Lets the keys of a block, which are the lanes, fade by one token, and compares them with that token's key and query.
CK_INLINE void compare_token(ck_f32x16 *by_key, ck_f32x16 *by_query, float *restrict fading, size_t stride,
                             const float *restrict q, const float *restrict k, const float *restrict decay,
                             size_t key_dim) {
    CK_FAST
    // Sums that do not wait for each other.
    enum { WAYS = 4 };
    ck_f32x16 keys[WAYS], queries[WAYS];
    CK_UNROLL for (int way = 0; way < WAYS; way++) keys[way] = queries[way] = (ck_f32x16){0};
    for (size_t i = 0; i < key_dim; i += WAYS) {
        CK_UNROLL for (int way = 0; way < WAYS; way++) {
            size_t at = i + (size_t)way;
            if (at >= key_dim) break;
            ck_f32x16 key;
            memcpy(&key, fading + at * stride, sizeof key);
            key *= decay[at];
            memcpy(fading + at * stride, &key, sizeof key);
            keys[way] += key * k[at];
            queries[way] += key * q[at];
        }
    }
    *by_key = (keys[0] + keys[1]) + (keys[2] + keys[3]);
    *by_query = (queries[0] + queries[1]) + (queries[2] + queries[3]);
}

/// Compares the tokens of a block with each other. Rows of keys and queries begin with the block's own column. Behind it
/// the block's keys have faded to its end, and `q` and `k` are multiplied by `since`, the decays from the block's begin.
CK_INLINE void compare_block(float *restrict keys, float *restrict queries, size_t n, float *restrict fading,
                             size_t stride, float *restrict since, float *restrict q, float *restrict k,
                             const float *restrict decay, size_t count, size_t key_dim) {
    CK_FAST
    for (size_t i = 0; i < key_dim; i++) {
        since[i] = 1;
        memset(fading + i * stride, 0, CK_DELTA_TOKENS * sizeof *fading);
    }
    for (size_t t = 0; t < count; t++, q += key_dim, k += key_dim, decay += key_dim) {
        ck_f32x16 by_key, by_query;
        compare_token(&by_key, &by_query, fading, stride, q, k, decay, key_dim);
        memcpy(keys + t * n, &by_key, t * sizeof *keys);
        memcpy(queries + t * n, &by_query, count * sizeof *queries);
        float own = 0;
        for (size_t i = 0; i < key_dim; i++) own += q[i] * k[i];
        queries[t * n + t] = own;
        for (size_t i = 0; i < key_dim; i++) fading[i * stride + t] = k[i];
        for (size_t i = 0; i < key_dim; i++) {
            since[i] *= decay[i];
            q[i] *= since[i];
            k[i] *= since[i];
        }
    }
}

/// x[row, i] *= factors[i].
CK_INLINE void multiply_columns(float *restrict x, const float *restrict factors, size_t rows, size_t columns) {
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < columns; i++) x[row * columns + i] *= factors[i];
}

CK_KERNEL void CK_ISA(delta_products)(float *restrict keys, float *restrict queries, float *restrict ending,
                                      float *restrict total, float *restrict q, float *restrict k,
                                      const float *restrict decay, const float *restrict beta, float *restrict since,
                                      size_t n, size_t key_dim) {
    const size_t stride = ck_delta_stride(n);
    for (size_t i = 0; i < key_dim; i++) total[i] = 1;
    for (size_t first = 0; first < n; first += CK_DELTA_TOKENS) {
        const size_t count = n - first < CK_DELTA_TOKENS ? n - first : CK_DELTA_TOKENS;
        float *block_q = q + first * key_dim, *block_k = k + first * key_dim;
        float *by_key = keys + first * n, *by_query = queries + first * n;
        compare_block(by_key + first, by_query + first, n, ending + first, stride, since, block_q, block_k,
                      decay + first * key_dim, count, key_dim);
        CK_ISA(gemm)(by_key, n, block_k, key_dim, 1, ending, stride, count, first, key_dim, 0);
        CK_ISA(gemm)(by_query, n, block_q, key_dim, 1, ending, stride, count, first, key_dim, 0);
        for (size_t t = 0; t < count; t++) {
            for (size_t s = 0; s < first + t; s++) by_key[t * n + s] *= beta[first + t];
            for (size_t s = first + count; s < n; s++) by_query[t * n + s] = 0;
        }
        for (size_t i = 0; i < key_dim; i++)
            for (size_t s = 0; s < first; s++) ending[i * stride + s] *= since[i];
        multiply_columns(block_q, total, count, key_dim);
        multiply_columns(block_k, total, count, key_dim);
        for (size_t i = 0; i < key_dim; i++) total[i] *= since[i];
    }
}

CK_KERNEL void CK_ISA(delta_surprise)(float *restrict held, const float *restrict v, size_t v_stride,
                                      const float *restrict beta, size_t n, size_t value_dim) {
    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < value_dim; i++) {
            held[t * value_dim + i] = beta[t] * (v[t * v_stride + i] - held[t * value_dim + i]);
        }
    }
}

CK_KERNEL void CK_ISA(multiply_rows)(float *restrict x, const float *restrict factors, size_t rows, size_t columns) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < columns; i++) x[row * columns + i] *= factors[row];
    }
}

CK_KERNEL void CK_ISA(softplus_decay)(float *out, const float *x, const float *restrict bias, const float *restrict rate,
                                      size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = ck_expf(rate[i] * ck_softplusf(x[i] + bias[i]));
}

CK_KERNEL void CK_ISA(bounded_decay)(float *out, const float *x, const float *restrict bias, const float *restrict rate,
                                     float bound, size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = ck_expf(bound * ck_sigmoidf(rate[i] * (x[i] + bias[i])));
}
