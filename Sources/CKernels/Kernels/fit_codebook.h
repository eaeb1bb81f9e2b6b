// Quantising to numbers in codebooks: IQ1, IQ2 and IQ3. Of a group of eight or four weights, an entry g with values g_i leaves
// Σ w (x − s g)² = Σ w x² + s² A − 2 s B with A = Σ w g² and B = Σ w x g, which do not depend on the scale: for each of many
// scales the best of all entries is found by one product each. (llama.cpp searches neighbours of rounded weights instead.)

/// Entries at most: IQ1's with both of its offsets.
#define CK_ENTRIES 4096

/// A format whose weights are d · (2 scale + 1) · value.
typedef struct {
    /// The codebook, and the number of its entries.
    const uint16_t *book;
    int entries;
    /// Weights of an entry, eight or four, and of a scale, 32 or 16.
    int group, sub;
    /// The number of scales.
    int scales;
    /// The values of codes, as integers; their unit.
    int8_t value[8];
    float unit;
    /// Whether signs of eight weights are such that an even number is negative; whether there are none of them.
    int is_even, is_signed;
    /// Added to the values of all entries, in units. Where `has_both`, the second half of the entries has its negative instead.
    int offset, has_both;
    /// The least scale to try, as a part of the one that maps the largest weight to the largest value; the ratio of one to the
    /// next; how many.
    float least, ratio;
    int steps;
} codebook_kind;

/// A codebook's values, an entry's first ones all together, then their second ones.
typedef struct {
    int8_t values[8][CK_ENTRIES];
    int entries;
} codebook;

CK_APART void spread_codebook(codebook *book, const codebook_kind *kind) {
    const int bits = kind->group == 8 ? 2 : 3;
    book->entries = kind->entries * (kind->has_both ? 2 : 1);
    for (int i = 0; i < kind->group; i++)
        for (int entry = 0; entry < book->entries; entry++) {
            const int code = kind->book[entry % kind->entries] >> bits * i & ((1 << bits) - 1);
            const int offset = entry < kind->entries ? kind->offset : -kind->offset;
            book->values[i][entry] = (int8_t)(kind->value[code] + offset);
        }
}

/// A and B of all entries for the weights of a group, with the values' unit.
CK_APART void entry_sums(float *restrict a, float *restrict b, const codebook *restrict book,
                          const codebook_kind *restrict kind, const float *restrict x, const float *restrict importance) {
    for (int entry = 0; entry < book->entries; entry += 16) {
        ck_f32x16 squares = {0}, products = {0};
        for (int i = 0; i < kind->group; i++) {
            ck_i8x16 narrow;
            memcpy(&narrow, &book->values[i][entry], sizeof narrow);
            const ck_f32x16 value = __builtin_convertvector(narrow, ck_f32x16);
            const float weight = importance[i] * kind->unit;
            squares += value * value * (weight * kind->unit);
            products += value * (weight * x[i]);
        }
        memcpy(a + entry, &squares, sizeof squares);
        memcpy(b + entry, &products, sizeof products);
    }
}

/// The entry that is best for a scale > 0, which is that with the least scale · A − 2 B.
CK_INLINE int best_entry(const float *restrict a, const float *restrict b, int entries, float scale) {
    ck_f32x16 least = all_of(INFINITY);
    ck_i32x16 best = {0}, number = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int entry = 0; entry < entries; entry += 16, number += 16) {
        const ck_f32x16 cost = load_weights(a + entry) * scale - 2 * load_weights(b + entry);
        const ck_i32x16 is_better = cost < least;
        least = pick(is_better, cost, least);
        best = (ck_i32x16)pick(is_better, (ck_f32x16)number, (ck_f32x16)best);
    }
    float costs[16];
    int numbers[16], lane = 0;
    memcpy(costs, &least, sizeof costs);
    memcpy(numbers, &best, sizeof numbers);
    for (int i = 1; i < 16; i++)
        if (costs[i] < costs[lane] || (costs[i] == costs[lane] && numbers[i] < numbers[lane])) lane = i;
    return numbers[lane];
}

/// Groups of a sub-block at most.
#define CK_GROUPS 8

/// The sums of all groups of a sub-block.
typedef struct {
    float a[2 * CK_ENTRIES], b[2 * CK_ENTRIES];
} group_sums;

CK_INLINE void sub_block_sums(group_sums *restrict sums, const codebook *restrict book,
                              const codebook_kind *restrict kind, const float *restrict x,
                              const float *restrict importance) {
    for (int i = 0; i < kind->sub; i += kind->group) {
        const int first = i / kind->group * book->entries;
        entry_sums(sums->a + first, sums->b + first, book, kind, x + i, importance + i);
    }
}

/// The best entries for a scale, and their Σ A and Σ B.
CK_APART void choose_entries(int entries[CK_GROUPS], float *square, float *product, const group_sums *restrict sums,
                              const codebook *restrict book, const codebook_kind *restrict kind, float scale) {
    *square = *product = 0;
    for (int g = 0; g < kind->sub / kind->group; g++) {
        const int first = g * book->entries;
        entries[g] = best_entry(sums->a + first, sums->b + first, book->entries, scale);
        *square += sums->a[first + entries[g]];
        *product += sums->b[first + entries[g]];
    }
}

/// The scale > 0 that suits a sub-block best, with the gain, by which Σ w x² shrinks; 0 where there is none.
CK_APART float fit_entries(const group_sums *restrict sums, const codebook *restrict book,
                            const codebook_kind *restrict kind, float largest, float *gain) {
    int entries[CK_GROUPS];
    float best = 0, square, product;
    const int8_t *value = kind->value;
    float most = 0;
    for (int i = 0; i < 8; i++) most = value[i] > most ? value[i] : most;
    float scale = largest * kind->least / (most * kind->unit);
    *gain = 0;
    for (int step = 0; step < kind->steps; step++, scale *= kind->ratio) {
        choose_entries(entries, &square, &product, sums, book, kind, scale);
        if (!(product > 0 && product * product > *gain * square)) continue;
        *gain = product * product / square;
        best = product / square;
    }
    for (int step = 0; step < 4 && best > 0; step++) {
        choose_entries(entries, &square, &product, sums, book, kind, best);
        if (!(product > 0 && product * product > *gain * square)) break;
        *gain = product * product / square;
        best = product / square;
    }
    return best;
}

/// A super-block: its scales, the entries of its groups, and the signs of each eight weights.
typedef struct {
    uint16_t d;
    int scales[CK_SUPER / 16], entries[CK_SUPER / 4];
    uint8_t signs[CK_SUPER / 8];
    /// Of each scale's weights, whether their offset is the negative one.
    uint8_t is_negative[CK_SUPER / 16];
} codebook_block;

/// Magnitudes, and the signs of eight weights; where they have to be even, the weight whose sign costs least has the other one.
CK_APART uint8_t split_signs(float *restrict y, const float *restrict x, const float *restrict importance, int is_even) {
    unsigned signs = 0;
    for (int i = 0; i < 8; i++) {
        signs |= (unsigned)(x[i] < 0) << i;
        y[i] = fabsf(x[i]);
    }
    if (!is_even || __builtin_popcount(signs) % 2 == 0) return (uint8_t)signs;
    int cheapest = 0;
    for (int i = 1; i < 8; i++)
        if (importance[i] * y[i] < importance[cheapest] * y[cheapest]) cheapest = i;
    y[cheapest] = -y[cheapest];
    return (uint8_t)(signs ^ 1u << cheapest);
}

/// Quantises a super-block. `books` has a second one where blocks choose between two offsets.
CK_APART void CK_ISA(codebook_fit)(codebook_block *restrict out, const float *restrict x,
                                                           const float *restrict given, const codebook *books, int count,
                                                           const codebook_kind *kind) {
    float importance[CK_SUPER], y[CK_SUPER], scales[CK_SUPER / 16], largest = 0;
    group_sums sums;
    const int subs = CK_SUPER / kind->sub;
    *out = (codebook_block){0};
    relative_importance(importance, given, CK_SUPER);
    memcpy(y, x, sizeof y);
    if (kind->is_signed)
        for (int i = 0; i < CK_SUPER; i += 8) out->signs[i / 8] = split_signs(y + i, x + i, importance + i, kind->is_even);
    for (int s = 0; s < subs; s++) {
        const float *weights = y + s * kind->sub;
        float peak = 0, best = 0;
        for (int i = 0; i < kind->sub; i++) peak = fabsf(weights[i]) > peak ? fabsf(weights[i]) : peak;
        scales[s] = 0;
        for (int offset = 0; offset < count && peak > 0; offset++) {
            float gain;
            sub_block_sums(&sums, &books[offset], kind, weights, importance + s * kind->sub);
            const float scale = fit_entries(&sums, &books[offset], kind, peak, &gain);
            if (!(gain > best)) continue;
            best = gain;
            scales[s] = scale;
            out->is_negative[s] = (uint8_t)offset;
        }
        largest = scales[s] > largest ? scales[s] : largest;
    }
    out->d = ck_half_above(largest / (float)(2 * kind->scales - 1));
    float unit = ck_half_value(out->d);
    if (unit == 0) return;
    double product = 0, square = 0;
    for (int s = 0; s < subs; s++) {
        float least = INFINITY, best_product = 0, best_square = 0;
        const codebook *book = &books[out->is_negative[s]];
        const int groups = kind->sub / kind->group;
        sub_block_sums(&sums, book, kind, y + s * kind->sub, importance + s * kind->sub);
        const int near = (int)ck_code((scales[s] / unit - 1) / 2, 0, (float)(kind->scales - 1));
        for (int l = near - 1; l <= near + 1; l++) {
            int entries[CK_GROUPS];
            float a, b;
            if (l < 0 || l >= kind->scales) continue;
            const float scale = unit * (float)(2 * l + 1);
            choose_entries(entries, &a, &b, &sums, book, kind, scale);
            const float error = scale * (scale * a - 2 * b);
            if (!(error < least)) continue;
            least = error;
            best_product = (float)(2 * l + 1) * b;
            best_square = (float)(2 * l + 1) * (float)(2 * l + 1) * a;
            out->scales[s] = l;
            memcpy(out->entries + s * groups, entries, (size_t)groups * sizeof entries[0]);
        }
        product += best_product;
        square += best_square;
    }
    // What suits all codes together.
    if (square > 0 && product > 0) out->d = ck_finite_half((float)(product / square));
}

#define CK_BOOK(NAME) ck_grid_##NAME, (int)(sizeof ck_grid_##NAME / sizeof ck_grid_##NAME[0])
static const codebook_kind CK_ISA(book_iq2_xxs) = {CK_BOOK(iq2_xxs), 8, 32, 16, {8, 25, 43}, 0.125f, 1, 1, 0, 0, 0.4f, 1.08f, 16};
static const codebook_kind CK_ISA(book_iq2_xs) = {CK_BOOK(iq2_xs), 8, 16, 16, {8, 25, 43}, 0.125f, 1, 1, 0, 0, 0.4f, 1.08f, 16};
static const codebook_kind CK_ISA(book_iq2_s) = {CK_BOOK(iq2_s), 8, 16, 16, {8, 25, 43}, 0.125f, 0, 1, 0, 0, 0.4f, 1.08f, 16};
static const codebook_kind CK_ISA(book_iq3_xxs) = {
    CK_BOOK(iq3_xxs), 4, 32, 16, {4, 12, 20, 28, 36, 44, 52, 62}, 0.25f, 1, 1, 0, 0, 0.6f, 1.04f, 20};
static const codebook_kind CK_ISA(book_iq3_s) = {
    CK_BOOK(iq3_s), 4, 32, 16, {1, 3, 5, 7, 9, 11, 13, 15}, 1, 0, 1, 0, 0, 0.6f, 1.04f, 20};
static const codebook_kind CK_ISA(book_iq1_s) = {CK_BOOK(iq1), 8, 32, 8, {-8, 0, 8}, 0.125f, 0, 0, 1, 0, 0.2f, 1.12f, 16};
static const codebook_kind CK_ISA(book_iq1_m) = {CK_BOOK(iq1), 8, 16, 8, {-8, 0, 8}, 0.125f, 0, 0, 1, 1, 0.2f, 1.12f, 16};

#define CK_CODEBOOK(NAME, BODY)                                                                                        \
    CK_KERNEL void CK_ISA(quantize_weighted_##NAME)(void *restrict out, const float *restrict x,                       \
                                                    const float *restrict w, size_t n) {                               \
        const codebook_kind *kind = &CK_ISA(book_##NAME);                                                              \
        codebook book;                                                                                                 \
        spread_codebook(&book, kind);                                                                                  \
        for (ck_##NAME *block = out; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, w = w ? w + CK_SUPER : 0, block++) { \
            codebook_block fit;                                                                                        \
            CK_ISA(codebook_fit)(&fit, x, w, &book, 1, kind);                                                          \
            *block = (ck_##NAME){0};                                                                                   \
            BODY;                                                                                                      \
        }                                                                                                              \
    }

CK_CODEBOOK(iq2_xxs, ck_write_iq2_xxs(block, fit.d, fit.scales, fit.entries, fit.signs))
CK_CODEBOOK(iq2_xs, ck_write_iq2_xs(block, fit.d, fit.scales, fit.entries, fit.signs))
CK_CODEBOOK(iq2_s, ck_write_iq2_s(block, fit.d, fit.scales, fit.entries, fit.signs))
CK_CODEBOOK(iq3_xxs, ck_write_iq3_xxs(block, fit.d, fit.scales, fit.entries, fit.signs))
CK_CODEBOOK(iq3_s, ck_write_iq3_s(block, fit.d, fit.scales, fit.entries, fit.signs))
CK_CODEBOOK(iq1_m, ck_write_iq1_m(block, fit.d, fit.scales, fit.entries))

CK_KERNEL void CK_ISA(quantize_weighted_iq1_s)(void *restrict out, const float *restrict x, const float *restrict w,
                                               size_t n) {
    codebook_kind kind = CK_ISA(book_iq1_s);
    codebook books[2];
    spread_codebook(&books[0], &kind);
    kind.offset = -kind.offset;
    spread_codebook(&books[1], &kind);
    for (ck_iq1_s *block = out; n >= CK_SUPER; n -= CK_SUPER, x += CK_SUPER, w = w ? w + CK_SUPER : 0, block++) {
        codebook_block fit;
        CK_ISA(codebook_fit)(&fit, x, w, books, 2, &kind);
        ck_write_iq1_s(block, fit.d, fit.scales, fit.entries, fit.is_negative);
    }
}
