// Norms, activations, rotations and softmax of rows.

CK_KERNEL void CK_ISA(rms_norm)(float *out, const float *x, const float *restrict weight, float eps, size_t n) {
    CK_FAST
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
    float scale = 1.0f / sqrtf(sum / (float)n + eps);
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = x[i] * scale * weight[i];
}

CK_KERNEL void CK_ISA(add_scaled)(float *restrict out, const float *restrict x, float scale, size_t n) {
    CK_FAST
    for (size_t i = 0; i < n; i++) out[i] += scale * x[i];
}

CK_KERNEL void CK_ISA(silu_multiply)(float *out, const float *gate, const float *up, size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = ck_siluf(gate[i]) * up[i];
}

/// x times the probability of a normal variable below x. The complementary error function is that of Abramowitz & Stegun
/// 7.1.26, whose error is below 1.5e-7; it is taken of |x| / √2, where it is small and exact to many digits.
CK_INLINE float ck_geluf(float x) {
    float size = (x < 0 ? -x : x) * 0.70710678118654752f;
    float t = 1.0f / (1.0f + 0.3275911f * size);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    float tail = 0.5f * p * t * ck_expf(-size * size);
    return x * (x < 0 ? tail : 1.0f - tail);
}

CK_KERNEL void CK_ISA(gelu_multiply)(float *out, const float *gate, const float *up, size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = ck_geluf(gate[i]) * up[i];
}

CK_KERNEL void CK_ISA(gelu_tanh_multiply)(float *out, const float *gate, const float *up, size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) {
        float x = gate[i];
        // (1 + tanh(u)) / 2 is the sigmoid of 2 u.
        out[i] = x * ck_sigmoidf(1.5957691216057308f * (x + 0.044715f * x * x * x)) * up[i];
    }
}

CK_KERNEL void CK_ISA(clamped_silu_multiply)(float *out, const float *gate, const float *up, float alpha, float limit,
                                             size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) {
        float x = gate[i] < limit ? gate[i] : limit;
        float y = up[i] < limit ? up[i] : limit;
        y = y > -limit ? y : -limit;
        out[i] = x * ck_sigmoidf(alpha * x) * (y + 1);
    }
}

CK_KERNEL void CK_ISA(bounded_silu_multiply)(float *out, const float *gate, const float *up, float limit, size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) {
        float x = ck_siluf(gate[i]), y = up[i] < limit ? up[i] : limit;
        x = x < limit ? x : limit;
        out[i] = x * (y > -limit ? y : -limit);
    }
}

CK_KERNEL void CK_ISA(silu_of_bounded_multiply)(float *out, const float *gate, const float *up, float limit, size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) {
        float x = gate[i] < limit ? gate[i] : limit, y = up[i] < limit ? up[i] : limit;
        out[i] = ck_siluf(x) * (y > -limit ? y : -limit);
    }
}

CK_KERNEL void CK_ISA(soft_cap)(float *x, float cap, size_t n) {
    float scale = 2 / cap;
    for (size_t i = 0; i < n; i++) x[i] = cap * (2 * ck_sigmoidf(scale * x[i]) - 1);
}

CK_KERNEL void CK_ISA(center)(float *out, const float *x, size_t n) {
    CK_FAST
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    float mean = sum / (float)n;
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = x[i] - mean;
}

CK_KERNEL void CK_ISA(cut_normal)(float *x, float deviations, size_t n) {
    CK_FAST
    float sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    float mean = sum / (float)n;
    for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    float cut = mean + deviations * sqrtf(squares / (float)n);
    for (size_t i = 0; i < n; i++) x[i] = x[i] > cut ? x[i] - cut : 0;
}

CK_KERNEL void CK_ISA(match_magnitude)(float *restrict x, const float *restrict of, float least, size_t n) {
    CK_FAST
    float own = 0, other = 0;
    for (size_t i = 0; i < n; i++) own += x[i] * x[i];
    for (size_t i = 0; i < n; i++) other += of[i] * of[i];
    own /= (float)n;
    float scale = sqrtf(other / (float)n) / sqrtf(own > least ? own : least);
    for (size_t i = 0; i < n; i++) x[i] *= scale;
}

CK_KERNEL void CK_ISA(product)(float *out, const float *x, const float *y, size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = x[i] * y[i];
}

CK_KERNEL void CK_ISA(add_product)(float *out, const float *x, const float *y, const float *z, size_t n) {
    CK_FAST
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = x[i] + y[i] * z[i];
}

CK_KERNEL void CK_ISA(sigmoid_multiply)(float *out, const float *gate, const float *up, size_t n) {
    CK_IN_PLACE for (size_t i = 0; i < n; i++) out[i] = ck_sigmoidf(gate[i]) * up[i];
}

CK_KERNEL void CK_ISA(sigmoid)(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = ck_sigmoidf(x[i]);
}

CK_KERNEL void CK_ISA(relu_squared)(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float positive = x[i] > 0 ? x[i] : 0;
        x[i] = positive * positive;
    }
}

CK_KERNEL void CK_ISA(rotate_half)(float *restrict x, const float *restrict cosine, const float *restrict sine,
                                   size_t half) {
    for (size_t i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cosine[i] - b * sine[i];
        x[i + half] = b * cosine[i] + a * sine[i];
    }
}

CK_KERNEL void CK_ISA(rotate_adjacent)(float *restrict x, const float *restrict cosine, const float *restrict sine,
                                       size_t half) {
    for (size_t i = 0; i < half; i++) {
        float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cosine[i] - b * sine[i];
        x[2 * i + 1] = b * cosine[i] + a * sine[i];
    }
}

CK_INLINE float ck_maximum(const float *x, size_t n) {
    float largest = -INFINITY;
    for (size_t i = 0; i < n; i++) largest = x[i] > largest ? x[i] : largest;
    return largest;
}

CK_KERNEL void CK_ISA(softmax)(float *x, size_t n) {
    CK_FAST
    float largest = ck_maximum(x, n), sum = 0;
    for (size_t i = 0; i < n; i++) x[i] = ck_expf(x[i] - largest);
    for (size_t i = 0; i < n; i++) sum += x[i];
    float scale = 1.0f / sum;
    for (size_t i = 0; i < n; i++) x[i] *= scale;
}

CK_KERNEL void CK_ISA(online_softmax)(float *restrict scores, size_t stride, size_t keys, size_t columns,
                                      float *restrict largest, float *restrict sum, float *restrict factor) {
    CK_FAST
    for (size_t i = 0; i < columns; i++) factor[i] = largest[i];
    for (size_t t = 0; t < keys; t++)
        for (size_t i = 0; i < columns; i++) {
            float score = scores[t * stride + i];
            factor[i] = score > factor[i] ? score : factor[i];
        }
    for (size_t i = 0; i < columns; i++) {
        float before = largest[i], now = factor[i];
        largest[i] = now;
        // Nothing seen yet weighs nothing, and has no largest score to subtract.
        factor[i] = before == -INFINITY ? 0.0f : ck_expf(before - now);
        sum[i] *= factor[i];
    }
    for (size_t t = 0; t < keys; t++)
        for (size_t i = 0; i < columns; i++) {
            float weight = ck_expf(scores[t * stride + i] - (largest[i] == -INFINITY ? 0.0f : largest[i]));
            scores[t * stride + i] = weight;
            sum[i] += weight;
        }
}
