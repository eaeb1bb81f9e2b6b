// Super-blocks of Q4_K and Q5_K: as many at a time as have a lane for each sub-block.

#define CK_FIT_SUPERS (CK_FIT_LANES / CK_SUBS)

/// Σ (x − (scale q − offset))² with the codes q that are nearest.
CK_INLINE fit_lanes line_errors(const block_lanes *blocks, fit_lanes scale, fit_lanes inverse, fit_lanes offset,
                                const float levels) {
    fit_lanes error;
#define CK_ADD(i, sum)                                     \
    do {                                                   \
        fit_lanes moved = blocks->x[i] + offset;           \
        fit_lanes q = code_of(moved * inverse, 0, levels); \
        fit_lanes off = multiply_add(-scale, q, moved);    \
        sum = multiply_add(off, off, sum);                 \
    } while (0)
    CK_SUM_OF_32(CK_ADD, error, 8, 16, 24);
#undef CK_ADD
    return error;
}

/// A super-block: what it is scaled with, and its codes, one a byte.
typedef struct {
    uint16_t d, dmin;
    uint8_t scales[12], codes[CK_SUPER];
} super_block;

/// Quantises `count` ≤ CK_FIT_SUPERS super-blocks. Each sub-block is fitted by itself; of the six-bit scales and mins
/// around the fit, the pair with the least error is taken.
CK_INLINE void quantize_supers(super_block *restrict out, const float *restrict x, size_t count, const float levels) {
    block_lanes blocks;
    load_blocks(&blocks, x, CK_BLOCK, count * CK_SUBS);
    const line_lanes lines = fit_lines(&blocks, levels, 1);
    // Of all sub-blocks of a super-block.
    float d[CK_FIT_LANES] = {0}, dmin[CK_FIT_LANES] = {0};
    for (size_t s = 0; s < count; s++) {
        float scale = 0, min = 0;
        for (size_t b = s * CK_SUBS; b < (s + 1) * CK_SUBS; b++) {
            scale = lines.scale[b] > scale ? lines.scale[b] : scale;
            min = -lines.low[b] > min ? -lines.low[b] : min;
        }
        out[s].d = ck_half_above(scale / 63);
        out[s].dmin = ck_half_above(min / 63);
        for (size_t b = s * CK_SUBS; b < (s + 1) * CK_SUBS; b++) {
            d[b] = ck_half_value(out[s].d);
            dmin[b] = ck_half_value(out[s].dmin);
        }
    }
    fit_lanes scales, mins;
    memcpy(&scales, d, sizeof scales);
    memcpy(&mins, dmin, sizeof mins);
    const fit_lanes s = code_of(lines.scale * inverse_of(scales), 0, 63);
    const fit_lanes m = code_of(-lines.low * inverse_of(mins), 0, 63);
    fit_lanes best_s = s, best_m = m, least = splat(INFINITY);
    for (int step_s = -1; step_s <= 1; step_s++) {
        const fit_lanes near_s = s + (float)step_s, scale = scales * near_s, inverse = inverse_of(scale);
        for (int step_m = -1; step_m <= 1; step_m++) {
            const fit_lanes near_m = m + (float)step_m;
            const fit_lanes error = line_errors(&blocks, scale, inverse, mins * near_m, levels);
            fit_masks is_better =
                (near_s >= 0) & (near_s <= 63) & (near_m >= 0) & (near_m <= 63) & (error < least);
            least = choose(is_better, error, least);
            best_s = choose(is_better, near_s, best_s);
            best_m = choose(is_better, near_m, best_m);
        }
    }
    for (size_t b = 0; b < count * CK_SUBS; b++) {
        super_block *block = out + b / CK_SUBS;
        ck_pack_super_scale(block->scales, (int)(b % CK_SUBS), (unsigned)best_s[b], (unsigned)best_m[b]);
        const float inverse = ck_inverse(d[b] * best_s[b]), offset = dmin[b] * best_m[b];
        const float *weights = x + b * CK_BLOCK;
        uint8_t *codes = block->codes + b % CK_SUBS * CK_BLOCK;
        for (int i = 0; i < CK_BLOCK; i++) codes[i] = (uint8_t)ck_code((weights[i] + offset) * inverse, 0, levels);
    }
}
