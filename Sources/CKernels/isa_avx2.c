// AVX2, FMA and F16C.
#if defined(__x86_64__)
#include "ck_intrinsics.h"
#include "isa.h"

CK_BEGIN_TARGET("avx2,fma,f16c")

#define CK_ISA(NAME) NAME##_avx2
#define CK_TOKENS 4
#define CK_PANEL_COLUMNS 4

#include "Kernels/look_up.h"

/// See isa_plain.c. A panel's rows are two registers, done one after the other.
///
/// `vpmaddubsw` adds two products of a code with an activation in 16 bits: codes of b bits leave room for a few such
/// sums (2 · 15 · 127 · 8 < 2¹⁵) before they have to be widened. Eight-bit codes are signed: their sign moves to the
/// activation, and |code| ≤ 128 just fits (2 · 128 · 127 < 2¹⁵).
CK_INLINE void dots(ck_i32x16 *dot, const ck_u8x64 *group, const int first, const int count, const int bits,
                    const int centre, const ck_activations *x, const int tokens) {
    const int run = bits <= 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 1;
    const __m256i ones = _mm256_set1_epi16(1);
    CK_UNROLL for (int half = 0; half < 2; half++) {
        __m256i sum[CK_TOKENS], narrow[CK_TOKENS];
        CK_UNROLL for (int t = 0; t < tokens; t++) {
            const int32_t *sums = x[(size_t)t * CK_CHUNK].half;
            int32_t total = count == 8 ? sums[0] + sums[1] : sums[first / 4];
            sum[t] = bits == 8 ? _mm256_setzero_si256() : _mm256_set1_epi32(-centre * total);
        }
        CK_UNROLL for (int i = first; i < first + count; i++) {
            __m256i code, size;
            memcpy(&code, (const char *)&group[i] + 32 * half, sizeof code);
            if (bits == 8) size = _mm256_abs_epi8(code);
            CK_UNROLL for (int t = 0; t < tokens; t++) {
                int32_t four;
                memcpy(&four, x[(size_t)t * CK_CHUNK].q + 4 * i, sizeof four);
                __m256i q = _mm256_set1_epi32(four);
                __m256i product = bits == 8 ? _mm256_maddubs_epi16(size, _mm256_sign_epi8(q, code))
                                            : _mm256_maddubs_epi16(code, q);
                narrow[t] = (i - first) % run == 0 ? product : _mm256_add_epi16(narrow[t], product);
                if ((i - first) % run == run - 1 || i == first + count - 1)
                    sum[t] = _mm256_add_epi32(sum[t], _mm256_madd_epi16(narrow[t], ones));
            }
        }
        CK_UNROLL for (int t = 0; t < tokens; t++) memcpy((char *)&dot[t] + 32 * half, &sum[t], sizeof sum[t]);
    }
}

#define CK_WIDE 6
#define CK_REGISTER __m256i
#define CK_LANE_PRODUCTS 4

CK_INLINE __m256i dot_bytes(__m256i sum, __m256i a, __m256i b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
}

#include "Kernels/all.h"

CK_END_TARGET

static int is_available(void) { return CK_SUPPORTS("avx2") && CK_SUPPORTS("fma") && CK_SUPPORTS("f16c"); }

const ck_isa CK_ISA(ck_isa) = {
    .name = "avx2", .is_available = is_available, .panel_columns = CK_PANEL_COLUMNS, .tile_rows = CK_TOKENS,
    CK_KERNEL_ENTRIES};
#endif
