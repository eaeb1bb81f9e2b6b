// AVX-512 F, BW, DQ and VL with its neural-network instructions (VNNI).
#if defined(__x86_64__)
#include "ck_intrinsics.h"
#include "isa.h"

CK_BEGIN_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")

#define CK_ISA(NAME) NAME##_avx512_vnni
#define CK_TOKENS 8
#define CK_PANEL_COLUMNS 4

/// See isa_plain.c.
CK_INLINE ck_u8x64 look_up(const int8_t *table, ck_u8x64 numbers) {
    __m128i values;
    memcpy(&values, table, sizeof values);
    return (ck_u8x64)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), (__m512i)numbers);
}

/// See isa_plain.c. `vpdpbusd` adds four products of unsigned codes with signed activations in 32 bits. Signed codes
/// become unsigned by adding 128, which makes their centre 128.
CK_INLINE void dots(ck_i32x16 *dot, const ck_u8x64 *group, const int first, const int count,
                    const int bits, const int centre, const ck_activations *x, const int tokens) {
    // Sums of a few rows wait for themselves: they are split and joined again, which changes no integer.
    const int ways = tokens == 1 ? 4 : tokens <= 3 ? 2 : 1;
    __m512i sum[CK_TOKENS][4];
    CK_UNROLL for (int t = 0; t < tokens; t++) {
        const int32_t *sums = x[(size_t)t * CK_CHUNK].half;
        int32_t total = count == 8 ? sums[0] + sums[1] : sums[first / 4];
        sum[t][0] = _mm512_set1_epi32(-centre * total);
        for (int way = 1; way < ways; way++) sum[t][way] = _mm512_setzero_si512();
    }
    CK_UNROLL for (int i = first; i < first + count; i++) {
        __m512i code = (__m512i)(bits == 8 ? group[i] ^ 128 : group[i]);
        CK_UNROLL for (int t = 0; t < tokens; t++) {
            int32_t four;
            memcpy(&four, x[(size_t)t * CK_CHUNK].q + 4 * i, sizeof four);
            sum[t][i % ways] = _mm512_dpbusd_epi32(sum[t][i % ways], code, _mm512_set1_epi32(four));
        }
    }
    CK_UNROLL for (int t = 0; t < tokens; t++) {
        for (int way = ways / 2; way > 0; way /= 2)
            for (int i = 0; i < way; i++) sum[t][i] = _mm512_add_epi32(sum[t][i], sum[t][i + way]);
        dot[t] = (ck_i32x16)sum[t][0];
    }
}

#define CK_WIDE 24
#define CK_REGISTER __m512i
#define CK_LANE_PRODUCTS 4
#define dot_bytes _mm512_dpbusd_epi32

#include "Kernels/all.h"

CK_END_TARGET

static int is_available(void) {
    return CK_SUPPORTS("avx512f") && CK_SUPPORTS("avx512bw") && CK_SUPPORTS("avx512dq") && CK_SUPPORTS("avx512vl") &&
           CK_SUPPORTS("avx512vnni");
}

const ck_isa CK_ISA(ck_isa) = {
    .name = "avx512-vnni", .is_available = is_available, .panel_columns = CK_PANEL_COLUMNS, .tile_rows = CK_TOKENS,
    CK_KERNEL_ENTRIES};
#endif
