// Attention of a few query rows over cached keys and values: what decoding waits for when the context is long.

/// Tokens that are scored at once.
enum { CK_ATTEND_TOKENS = 16 };

typedef float lanes __attribute__((vector_size(4 * CK_LANES), aligned(4)));
typedef _Float16 half_lanes __attribute__((vector_size(2 * CK_LANES), aligned(2)));
typedef int8_t byte_lanes __attribute__((vector_size(CK_LANES), aligned(1)));

// Macros, because a function that takes or returns vectors is called differently by each instruction set.
#define load_cached_f32(row, i) (*(const lanes *)((const float *)(row) + (i)))
#define load_cached_f16(row, i) __builtin_convertvector(*(const half_lanes *)((const _Float16 *)(row) + (i)), lanes)
#define load_cached_q8_0(row, i)                               \
    (ck_block_scale((const ck_q8_0 *)(row) + (i) / CK_BLOCK) * \
     __builtin_convertvector(                                  \
         *(const byte_lanes *)(((const ck_q8_0 *)(row) + (i) / CK_BLOCK)->q + (i) % CK_BLOCK), lanes))

CK_INLINE float ck_block_scale(const ck_q8_0 *block) {
    _Float16 scale;
    memcpy(&scale, &block->d, sizeof scale);
    return (float)scale;
}

CK_INLINE float tail_cached_f32(const void *row, size_t i) { return ((const float *)row)[i]; }
CK_INLINE float tail_cached_f16(const void *row, size_t i) { return (float)((const _Float16 *)row)[i]; }
// Rows of blocks of 32 have no tail.
CK_INLINE float tail_cached_q8_0(const void *row, size_t i) { (void)row, (void)i; return 0; }

// The tree of halves is written out: compilers add lanes one after another.
CK_INLINE float ck_sum_lanes(const lanes *x) {
    typedef float half_of_lanes __attribute__((vector_size(2 * CK_LANES), aligned(4)));
    typedef float quarter_of_lanes __attribute__((vector_size(CK_LANES), aligned(4)));
    half_of_lanes half = ((const half_of_lanes *)x)[0] + ((const half_of_lanes *)x)[1];
    quarter_of_lanes quarter = __builtin_shufflevector(half, half, 0, 1, 2, 3) +
                               __builtin_shufflevector(half, half, 4, 5, 6, 7);
    quarter += __builtin_shufflevector(quarter, quarter, 2, 3, 0, 1);
    return quarter[0] + quarter[1];
}

// Turns a row's scores into weights, and what it has summed up so far to the same maximum. Hidden tokens weigh nothing.
CK_INLINE void ck_weigh_block(float *restrict scores, ptrdiff_t visible, float *restrict sum, float *restrict state,
                              size_t d) {
    if (visible <= 0) {
        for (int t = 0; t < CK_ATTEND_TOKENS; t++) scores[t] = 0;
        return;
    }
    float most[CK_LANES], largest = state[0];
    for (int t = 0; t < CK_ATTEND_TOKENS; t++) scores[t] = most[t] = t < visible ? scores[t] : -INFINITY;
    for (int width = CK_LANES / 2; width > 0; width /= 2)
        for (int l = 0; l < width; l++) most[l] = most[l] > most[l + width] ? most[l] : most[l + width];
    if (most[0] > largest) {
        largest = most[0];
        float factor = state[0] == -INFINITY ? 0 : ck_expf(state[0] - largest);
        for (size_t i = 0; i < d; i++) sum[i] *= factor;
        state[0] = largest;
        state[1] *= factor;
    }
    for (int t = 0; t < CK_ATTEND_TOKENS; t++) scores[t] = ck_expf(scores[t] - largest);
    state[1] += ck_sum_lanes((const lanes *)scores);
}

// Holds scores within a cap on either side, cap · tanh(score / cap). Scores behind the last token are anything but NaN.
CK_INLINE void ck_cap_block(float *restrict scores, float cap) {
    for (int t = 0; t < CK_ATTEND_TOKENS; t++) scores[t] = cap - 2 * cap / (ck_expf(2 / cap * scores[t]) + 1);
}

// scores[j][t] = query[j] · key[t] for R query rows. Each cached number is converted once for all of them.
#define CK_SCORE(R, NAME)                                                                                    \
    for (size_t t = 0; t < count; t++) {                                                                     \
        CK_FAST                                                                                              \
        const char *row = key + t * stride;                                                                  \
        for (size_t b = 0; b < stride; b += 64) __builtin_prefetch(next_key + t * stride + b);               \
        lanes dots[R];                                                                                       \
        for (int j = 0; j < R; j++) dots[j] = (lanes){0};                                                    \
        for (size_t i = 0; i + CK_LANES <= d; i += CK_LANES) {                                               \
            lanes x = load_cached_##NAME(row, i);                                                            \
            for (int j = 0; j < R; j++) dots[j] += load_cached_f32(query + (r + j) * d, i) * x;              \
        }                                                                                                    \
        for (int j = 0; j < R; j++) scores[j][t] = ck_sum_lanes(&dots[j]);                                   \
        for (size_t i = d - d % CK_LANES; i < d; i++)                                                        \
            for (int j = 0; j < R; j++) scores[j][t] += query[(r + j) * d + i] * tail_cached_##NAME(row, i); \
    }

// sum[j] += Σ_t scores[j][t] · value[t] in C vectors of columns from i on: R · C sums that do not wait for each other.
#define CK_ADD_COLUMNS(R, C, NAME)                                                                         \
    for (; i + C * CK_LANES <= d; i += C * CK_LANES) {                                                     \
        CK_FAST                                                                                            \
        lanes sums[C][R];                                                                                  \
        for (int c = 0; c < C; c++)                                                                        \
            for (int j = 0; j < R; j++) sums[c][j] = load_cached_f32(sum + (r + j) * d, i + c * CK_LANES); \
        const size_t from = i * stride / d, to = (i + C * CK_LANES) * stride / d;                          \
        for (size_t t = 0; t < count; t++) {                                                               \
            for (size_t b = from; b < to; b += 64) __builtin_prefetch(next_value + t * stride + b);        \
            for (int c = 0; c < C; c++) {                                                                  \
                lanes x = load_cached_##NAME(value + t * stride, i + c * CK_LANES);                        \
                for (int j = 0; j < R; j++) sums[c][j] += scores[j][t] * x;                                \
            }                                                                                              \
        }                                                                                                  \
        for (int c = 0; c < C; c++)                                                                        \
            for (int j = 0; j < R; j++) *(lanes *)(sum + (r + j) * d + i + c * CK_LANES) = sums[c][j];     \
    }

// R query rows and up to CK_ATTEND_TOKENS tokens.
#define CK_ATTEND_ROWS(R, C, NAME)                                                                    \
    {                                                                                                 \
        float scores[R][CK_ATTEND_TOKENS] __attribute__((aligned(64))) = {{0}};                       \
        CK_SCORE(R, NAME)                                                                             \
        for (int j = 0; j < R; j++) {                                                                 \
            ptrdiff_t visible = (ptrdiff_t)((r + j) / group) + offset - (ptrdiff_t)first;             \
            ptrdiff_t limit = visible < (ptrdiff_t)count ? visible : (ptrdiff_t)count;                \
            if (changes) {                                                                            \
                for (size_t t = 0; bias && t < count; t++)                                            \
                    scores[j][t] += bias[(r + j) * bias_stride + first + t];                          \
                if (cap > 0) ck_cap_block(scores[j], cap);                                            \
            }                                                                                         \
            ck_weigh_block(scores[j], limit, sum + (r + j) * d, state + 2 * (r + j), d);              \
        }                                                                                             \
        size_t i = 0;                                                                                 \
        CK_ADD_COLUMNS(R, C, NAME)                                                                    \
        CK_ADD_COLUMNS(R, 1, NAME)                                                                    \
        for (; i < d; i++)                                                                            \
            for (size_t t = 0; t < count; t++)                                                        \
                for (int j = 0; j < R; j++)                                                           \
                    sum[(r + j) * d + i] += scores[j][t] * tail_cached_##NAME(value + t * stride, i); \
    }

// The next tokens are asked for row by row, as fast as rows are used up: asking for all of them at once fills the
// processor's queue of misses, and the next page is not where the processor's own prefetcher looks. (12 query heads,
// f16, from memory: 1.4 times as fast as all at once, 2.7 times as without.)
#define CK_DEFINE_ATTEND(NAME, ROW_BYTES)                                                                         \
    CK_KERNEL void CK_ISA(attend_##NAME)(float *restrict sum, float *restrict state, const float *restrict query, \
                                         const void *restrict keys, const void *restrict values,                  \
                                         const void *next, size_t m, size_t group, ptrdiff_t offset,              \
                                         size_t tokens, size_t d, float cap, const float *restrict bias,          \
                                         size_t bias_stride) {                                                    \
        const size_t stride = (ROW_BYTES);                                                                        \
        /* Of scores that stay as they are one test is made. */                                                   \
        const int changes = cap > 0 || bias;                                                                      \
        for (size_t first = 0; first < tokens; first += CK_ATTEND_TOKENS) {                                       \
            const size_t count = tokens - first < CK_ATTEND_TOKENS ? tokens - first : CK_ATTEND_TOKENS;           \
            const char *key = (const char *)keys + first * stride;                                                \
            const char *value = (const char *)values + first * stride;                                            \
            const char *next_key = next ? (const char *)next + first * stride : key;                              \
            const char *next_value = !next            ? value                                                     \
                                     : keys == values ? next_key                                                  \
                                                      : (const char *)next + (tokens + first) * stride;           \
            size_t r = 0;                                                                                         \
            for (; r + 4 <= m; r += 4) CK_ATTEND_ROWS(4, 2, NAME)                                                 \
            for (; r + 3 <= m; r += 3) CK_ATTEND_ROWS(3, 2, NAME)                                                 \
            for (; r + 2 <= m; r += 2) CK_ATTEND_ROWS(2, 4, NAME)                                                 \
            for (; r < m; r++) CK_ATTEND_ROWS(1, 4, NAME)                                                         \
        }                                                                                                         \
    }

CK_DEFINE_ATTEND(f32, 4 * d)
CK_DEFINE_ATTEND(f16, 2 * d)
CK_DEFINE_ATTEND(q8_0, d / CK_BLOCK * sizeof(ck_q8_0))
