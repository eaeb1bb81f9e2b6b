// Rows of logits: maxima, weights, sums.

/// Weights that are added up in double precision at once.
enum { CK_ROW_BLOCK = 256 };

CK_KERNEL int CK_ISA(row_max)(const float *x, size_t n, float *max) {
    float top[CK_LANES];
    int32_t broken[CK_LANES] = {0};
    for (int j = 0; j < CK_LANES; j++) top[j] = -INFINITY;
    size_t i = 0;
    for (; i + CK_LANES <= n; i += CK_LANES) {
        for (int j = 0; j < CK_LANES; j++) {
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
    for (int j = 0; j < CK_LANES; j++) {
        result = top[j] > result ? top[j] : result;
        any |= broken[j];
    }
    *max = result;
    return any;
}

CK_KERNEL void CK_ISA(row_exp)(float *x, size_t n, float max, float scale) {
    for (size_t i = 0; i < n; i++) x[i] = ck_expf((x[i] - max) * scale);
}

CK_KERNEL double CK_ISA(row_sum)(const float *x, size_t n) {
    CK_FAST
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

CK_KERNEL float CK_ISA(row_log_sum_exp)(const float *x, size_t n, float max) {
    float block[CK_ROW_BLOCK];
    double sum = 0;
    for (size_t i = 0; i < n; i += CK_ROW_BLOCK) {
        const size_t count = n - i < CK_ROW_BLOCK ? n - i : CK_ROW_BLOCK;
        for (size_t j = 0; j < count; j++) block[j] = ck_expf(x[i + j] - max);
        sum += CK_ISA(row_sum)(block, count);
    }
    return (float)(max + log(sum));
}

CK_KERNEL void CK_ISA(row_divergence)(const float *p, const float *q, size_t n, float p_max, float q_max, double sums[3]) {
    float weight[CK_ROW_BLOCK], other[CK_ROW_BLOCK], difference[CK_ROW_BLOCK];
    sums[0] = sums[1] = sums[2] = 0;
    for (size_t i = 0; i < n; i += CK_ROW_BLOCK) {
        const size_t count = n - i < CK_ROW_BLOCK ? n - i : CK_ROW_BLOCK;
        for (size_t j = 0; j < count; j++) {
            const float a = p[i + j] - p_max, b = q[i + j] - q_max;
            weight[j] = ck_expf(a);
            other[j] = ck_expf(b);
            // A value without weight has no say, also where the difference is no number.
            difference[j] = weight[j] > 0 ? weight[j] * (a - b) : 0;
        }
        sums[0] += CK_ISA(row_sum)(weight, count);
        sums[1] += CK_ISA(row_sum)(other, count);
        sums[2] += CK_ISA(row_sum)(difference, count);
    }
}
