// AVX-512 F, BW, DQ and VL.
#if defined(__x86_64__)
#include "ck_intrinsics.h"
#include "isa.h"

CK_BEGIN_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")

#define CK_ISA(NAME) NAME##_avx512
#define CK_TOKENS 8
#define CK_PANEL_COLUMNS 4

/// See isa_plain.c.
CK_INLINE ck_u8x64 look_up(const int8_t *table, ck_u8x64 numbers) {
    __m128i values;
    memcpy(&values, table, sizeof values);
    return (ck_u8x64)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), (__m512i)numbers);
}

/// See isa_plain.c and, for the room in 16 bits, isa_avx2.c. There is no sign instruction: where a code is
/// negative, a masked subtraction negates the activation.
CK_INLINE void dots(ck_i32x16 *dot, const ck_u8x64 *group, const int first, const int count, const int bits,
                    const int centre, const ck_activations *x, const int tokens) {
    const int run = bits <= 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 1;
    const __m512i ones = _mm512_set1_epi16(1);
    __m512i sum[CK_TOKENS], narrow[CK_TOKENS];
    CK_UNROLL for (int t = 0; t < tokens; t++) {
        const int32_t *sums = x[(size_t)t * CK_CHUNK].half;
        int32_t total = count == 8 ? sums[0] + sums[1] : sums[first / 4];
        sum[t] = bits == 8 ? _mm512_setzero_si512() : _mm512_set1_epi32(-centre * total);
    }
    CK_UNROLL for (int i = first; i < first + count; i++) {
        __m512i code = (__m512i)group[i], size;
        __mmask64 negative;
        if (bits == 8) {
            size = _mm512_abs_epi8(code);
            negative = _mm512_movepi8_mask(code);
        }
        CK_UNROLL for (int t = 0; t < tokens; t++) {
            int32_t four;
            memcpy(&four, x[(size_t)t * CK_CHUNK].q + 4 * i, sizeof four);
            __m512i q = _mm512_set1_epi32(four);
            __m512i product =
                bits == 8 ? _mm512_maddubs_epi16(size, _mm512_mask_sub_epi8(q, negative, _mm512_setzero_si512(), q))
                          : _mm512_maddubs_epi16(code, q);
            narrow[t] = (i - first) % run == 0 ? product : _mm512_add_epi16(narrow[t], product);
            if ((i - first) % run == run - 1 || i == first + count - 1)
                sum[t] = _mm512_add_epi32(sum[t], _mm512_madd_epi16(narrow[t], ones));
        }
    }
    CK_UNROLL for (int t = 0; t < tokens; t++) dot[t] = (ck_i32x16)sum[t];
}

#define CK_WIDE 24
#define CK_REGISTER __m512i
#define CK_LANE_PRODUCTS 4

CK_INLINE __m512i dot_bytes(__m512i sum, __m512i a, __m512i b) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1)));
}

#include "Kernels/all.h"

CK_END_TARGET

static int is_available(void) {
    return CK_SUPPORTS("avx512f") && CK_SUPPORTS("avx512bw") && CK_SUPPORTS("avx512dq") && CK_SUPPORTS("avx512vl");
}

const ck_isa CK_ISA(ck_isa) = {
    .name = "avx512", .is_available = is_available, .panel_columns = CK_PANEL_COLUMNS, .tile_rows = CK_TOKENS,
    CK_KERNEL_ENTRIES};
#endif
