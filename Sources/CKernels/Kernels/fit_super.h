// Super-blocks of Q4_K and Q5_K: as many at a time as have a lane for each sub-block.

#define CK_FIT_SUPERS (CK_FIT_LANES / CK_SUBS)

/// Σ (x − (scale q − offset))² with the codes q that are nearest, for three scales and one offset, added in the order of
/// CK_SUM_OF_32. Codes are cut while they are the lowest bits of integers, which more units of processors can do; an error
/// that is no finite number stays one.
CK_INLINE void line_errors(fit_lanes errors[3], const block_lanes *blocks, const fit_lanes scales[3],
                           const fit_lanes inverses[3], fit_lanes offset, const float levels) {
    fit_lanes four[4][3];
    CK_ROLLED for (int i = 0; i < 4; i++) {
        fit_lanes low[3] = {{0}}, up[3] = {{0}};
#define CK_ADD(i, sums)                                                                    \
    do {                                                                                   \
        fit_lanes moved = blocks->x[i] + offset;                                           \
        CK_UNROLL for (int s = 0; s < 3; s++) {                                            \
            fit_lanes exact = moved * inverses[s];                                         \
            fit_masks bits = (fit_masks)(exact + CK_ROUNDER);                              \
            bits = __builtin_elementwise_max(bits, (fit_masks)splat(CK_ROUNDER));          \
            bits = __builtin_elementwise_min(bits, (fit_masks)splat(CK_ROUNDER + levels)); \
            fit_lanes q = (fit_lanes)bits - CK_ROUNDER;                                    \
            fit_lanes off = multiply_add(-scales[s], q, moved);                            \
            sums[s] = multiply_add(off, off, sums[s]);                                     \
        }                                                                                  \
    } while (0)
        CK_ADD(i, low);
        CK_ADD(i + 4, up);
        CK_ADD(i + 8, low);
        CK_ADD(i + 12, up);
        CK_ADD(i + 16, low);
        CK_ADD(i + 20, up);
        CK_ADD(i + 24, low);
        CK_ADD(i + 28, up);
#undef CK_ADD
        CK_UNROLL for (int s = 0; s < 3; s++) four[i][s] = low[s] + up[s];
    }
    CK_UNROLL for (int s = 0; s < 3; s++) errors[s] = (four[0][s] + four[2][s]) + (four[1][s] + four[3][s]);
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
    fit_lanes errors[3][3], near[3], inverses[3];
    for (int i = 0; i < 3; i++) {
        near[i] = scales * (s + (float)(i - 1));
        inverses[i] = inverse_of(near[i]);
    }
    for (int i = 0; i < 3; i++) line_errors(errors[i], &blocks, near, inverses, mins * (m + (float)(i - 1)), levels);
    for (int step_s = -1; step_s <= 1; step_s++) {
        const fit_lanes near_s = s + (float)step_s;
        for (int step_m = -1; step_m <= 1; step_m++) {
            const fit_lanes near_m = m + (float)step_m, error = errors[step_m + 1][step_s + 1];
            fit_masks is_better =
                (near_s >= 0) & (near_s <= 63) & (near_m >= 0) & (near_m <= 63) & (error < least);
            least = choose(is_better, error, least);
            best_s = choose(is_better, near_s, best_s);
            best_m = choose(is_better, near_m, best_m);
        }
    }
    const fit_lanes chosen = inverse_of(scales * best_s), offsets = mins * best_m;
    for (size_t b = 0; b < count * CK_SUBS; b++) {
        super_block *block = out + b / CK_SUBS;
        ck_pack_super_scale(block->scales, (int)(b % CK_SUBS), (unsigned)best_s[b], (unsigned)best_m[b]);
        const float inverse = chosen[b], offset = offsets[b];
        const float *weights = x + b * CK_BLOCK;
        uint8_t *codes = block->codes + b % CK_SUBS * CK_BLOCK;
        for (int i = 0; i < CK_BLOCK; i++) codes[i] = (uint8_t)ck_code((weights[i] + offset) * inverse, 0, levels);
    }
}
