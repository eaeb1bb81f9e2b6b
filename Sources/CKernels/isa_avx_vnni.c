// The neural-network instructions of processors without AVX-512 (AVX-VNNI), beside AVX2: products of quantised weights.
#if defined(__x86_64__)
#include "ck_intrinsics.h"
#include "isa.h"

CK_BEGIN_TARGET("avxvnni,avx2,fma,f16c")

extern const ck_isa ck_isa_avx2;

#define CK_ISA(NAME) NAME##_avx_vnni
#define CK_BASE ck_isa_avx2
#define CK_TOKENS 4

#include "Kernels/look_up.h"

/// See isa_plain.c and isa_avx512_vnni.c. A panel's rows are two registers, done one after the other.
CK_INLINE void dots(ck_i32x16 *dot, const ck_u8x64 *group, const int first, const int count, const int bits,
                    const int centre, const ck_activations *x, const int tokens) {
    // Sums of a few rows wait for themselves: they are split and joined again, which changes no integer.
    const int ways = tokens == 1 ? 4 : tokens <= 3 ? 2 : 1;
    CK_UNROLL for (int half = 0; half < 2; half++) {
        __m256i sum[CK_TOKENS][4];
        CK_UNROLL for (int t = 0; t < tokens; t++) {
            const int32_t *sums = x[(size_t)t * CK_CHUNK].half;
            int32_t total = count == 8 ? sums[0] + sums[1] : sums[first / 4];
            sum[t][0] = _mm256_set1_epi32(-centre * total);
            for (int way = 1; way < ways; way++) sum[t][way] = _mm256_setzero_si256();
        }
        CK_UNROLL for (int i = first; i < first + count; i++) {
            const ck_u8x64 unsigned_codes = bits == 8 ? group[i] ^ 128 : group[i];
            __m256i code;
            memcpy(&code, (const char *)&unsigned_codes + 32 * half, sizeof code);
            CK_UNROLL for (int t = 0; t < tokens; t++) {
                int32_t four;
                memcpy(&four, x[(size_t)t * CK_CHUNK].q + 4 * i, sizeof four);
                sum[t][i % ways] = _mm256_dpbusd_avx_epi32(sum[t][i % ways], code, _mm256_set1_epi32(four));
            }
        }
        CK_UNROLL for (int t = 0; t < tokens; t++) {
            for (int way = ways / 2; way > 0; way /= 2)
                for (int i = 0; i < way; i++) sum[t][i] = _mm256_add_epi32(sum[t][i], sum[t][i + way]);
            memcpy((char *)&dot[t] + 32 * half, &sum[t][0], sizeof sum[t][0]);
        }
    }
}

#define CK_REGISTER __m256i
#define CK_LANE_PRODUCTS 4
#define dot_bytes _mm256_dpbusd_avx_epi32

#include "Kernels/panel_codes.h"
#include "Kernels/panel_matmul.h"
#include "Kernels/roofline.h"

CK_END_TARGET

static int is_available(void) { return CK_BASE.is_available() && CK_SUPPORTS("avxvnni"); }

#define CK_PRODUCT_ENTRY(NAME, KIND) .matmul_##NAME = CK_ISA(matmul_##NAME),
#define CK_UNIT_PRODUCT_ENTRY(NAME, KIND, KIND_NAME, WEIGHTS) CK_PRODUCT_ENTRY(NAME, KIND)
const ck_isa CK_ISA(ck_isa) = {
    .name = "avx-vnni", .is_available = is_available, .panel_columns = 4, .tile_rows = CK_TOKENS, .base = &CK_BASE,
    CK_PANEL_FORMATS(CK_PRODUCT_ENTRY) CK_UNIT_FORMATS(CK_UNIT_PRODUCT_ENTRY)
    .peak_f32 = CK_ISA(peak_f32), .peak_i8 = CK_ISA(peak_i8), .sum_words = CK_ISA(sum_words)};
#endif
