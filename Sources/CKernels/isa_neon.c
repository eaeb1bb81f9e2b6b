// NEON with its dot product (Armv8.2).
#if defined(__aarch64__)
#include "ck_intrinsics.h"
#include "isa.h"

CK_BEGIN_TARGET("dotprod")

#define CK_ISA(NAME) NAME##_neon
#define CK_TOKENS 4
#define CK_PANEL_COLUMNS 4

#include "Kernels/look_up.h"

/// See isa_plain.c. `sdot` by a lane adds four products of signed bytes for four rows; every code fits a signed byte.
CK_INLINE void dots(ck_i32x16 *dot, const ck_u8x64 *group, const int first, const int count, const int bits,
                    const int centre, const ck_activations *x, const int tokens) {
    CK_UNROLL for (int t = 0; t < tokens; t++) {
        const ck_activations *row = x + (size_t)t * CK_CHUNK;
        int32_t total = count == 8 ? row->half[0] + row->half[1] : row->half[first / 4];
        int32x4_t sum[4];
        for (int r = 0; r < 4; r++) sum[r] = vdupq_n_s32(bits == 8 ? 0 : -centre * total);
        CK_UNROLL for (int i = first; i < first + count; i++) {
            int32_t four;
            memcpy(&four, row->q + 4 * i, sizeof four);
            int8x16_t q = vreinterpretq_s8_s32(vdupq_n_s32(four));
            CK_UNROLL for (int r = 0; r < 4; r++) {
                int8x16_t code;
                memcpy(&code, (const char *)&group[i] + 16 * r, sizeof code);
                sum[r] = vdotq_s32(sum[r], code, q);
            }
        }
        memcpy(&dot[t], sum, sizeof sum);
    }
}

#define CK_WIDE 6
#define CK_REGISTER int32x4_t
#define CK_LANE_PRODUCTS 4

CK_INLINE int32x4_t dot_bytes(int32x4_t sum, int32x4_t a, int32x4_t b) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

#include "Kernels/all.h"

CK_END_TARGET

const ck_isa CK_ISA(ck_isa) = {
    .name = "neon", .is_available = ck_has_dotprod, .panel_columns = CK_PANEL_COLUMNS, .tile_rows = CK_TOKENS,
    CK_KERNEL_ENTRIES};
#endif
