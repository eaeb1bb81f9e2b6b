// Rows of logits: maxima, weights, sums, and what top-k and top-p look for.

CK_INLINE size_t ck_row_block_count(size_t first, size_t n) { return n - first < CK_ROW_BLOCK ? n - first : CK_ROW_BLOCK; }

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

CK_KERNEL double CK_ISA(row_sum)(const float *x, size_t n) {
    CK_FAST
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

CK_KERNEL void CK_ISA(row_weigh)(float *restrict x, size_t n, float max, float scale, double *restrict sums) {
    for (size_t i = 0; i < n; i += CK_ROW_BLOCK) {
        const size_t count = ck_row_block_count(i, n);
        for (size_t j = 0; j < count; j++) x[i + j] = ck_expf((x[i + j] - max) * scale);
        sums[i / CK_ROW_BLOCK] = CK_ISA(row_sum)(x + i, count);
    }
}

CK_KERNEL void CK_ISA(row_cut)(float *restrict x, size_t n, float least, size_t last, double *restrict sums) {
    for (size_t i = 0; i < n; i += CK_ROW_BLOCK) {
        const uint32_t count = (uint32_t)ck_row_block_count(i, n);
        const uint32_t equals = last < i ? 0 : last - i < count ? (uint32_t)(last - i) + 1 : count;
        for (uint32_t j = 0; j < count; j++) {
            // The first `equals` may be as large as the least, the others have to be larger.
            const int kept = j < equals ? x[i + j] >= least : x[i + j] > least;
            x[i + j] = kept ? x[i + j] : 0;
        }
        sums[i / CK_ROW_BLOCK] = CK_ISA(row_sum)(x + i, count);
    }
}

CK_KERNEL size_t CK_ISA(row_next)(const float *x, size_t from, size_t n, float least, float most) {
    size_t i = from;
    for (; i + CK_LANES <= n; i += CK_LANES) {
        ck_f32x16 v;
        memcpy(&v, x + i, sizeof v);
        if (__builtin_reduce_or((ck_i32x16)((v >= least) & (v <= most)))) break;
    }
    while (i < n && !(x[i] >= least && x[i] <= most)) i++;
    return i;
}

CK_KERNEL void CK_ISA(row_histogram)(const float *restrict x, size_t n, uint32_t low, int shift, size_t buckets,
                                     double *restrict masses) {
    // Four of each, so that equal neighbours do not wait for each other; and one for what is in no bucket.
    double parts[CK_ROW_BUCKETS + 1][4];
    memset(parts, 0, (buckets + 1) * sizeof *parts);
    uint32_t places[CK_LANES];
    for (size_t i = 0; i < n; i += CK_LANES) {
        const size_t count = n - i < CK_LANES ? n - i : CK_LANES;
        ck_u32x16 bits = {0};
        memcpy(&bits, x + i, count * sizeof *x);
        // What is below the first bucket wraps around to far above the last.
        const ck_u32x16 place = __builtin_elementwise_min((bits - low) >> shift, (ck_u32x16){0} + (uint32_t)buckets);
        if (__builtin_reduce_min(place) == buckets) continue;
        memcpy(places, &place, sizeof places);
        for (size_t j = 0; j < count; j++) parts[places[j]][j % 4] += x[i + j];
    }
    for (size_t b = 0; b < buckets; b++) masses[b] = (parts[b][0] + parts[b][1]) + (parts[b][2] + parts[b][3]);
}

CK_KERNEL float CK_ISA(row_log_sum_exp)(const float *x, size_t n, float max) {
    float block[CK_ROW_BLOCK];
    double sum = 0;
    for (size_t i = 0; i < n; i += CK_ROW_BLOCK) {
        const size_t count = ck_row_block_count(i, n);
        for (size_t j = 0; j < count; j++) block[j] = ck_expf(x[i + j] - max);
        sum += CK_ISA(row_sum)(block, count);
    }
    return (float)(max + log(sum));
}

CK_KERNEL void CK_ISA(row_divergence)(const float *p, const float *q, size_t n, float p_max, float q_max, double sums[3]) {
    float weight[CK_ROW_BLOCK], other[CK_ROW_BLOCK], difference[CK_ROW_BLOCK];
    sums[0] = sums[1] = sums[2] = 0;
    for (size_t i = 0; i < n; i += CK_ROW_BLOCK) {
        const size_t count = ck_row_block_count(i, n);
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
