// AMX: products of tiles of bytes and of bfloat16, beside AVX-512 with VNNI.
#if defined(__x86_64__)
#include "ck_intrinsics.h"
#include "isa.h"

CK_BEGIN_TARGET("amx-tile,amx-int8,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")

extern const ck_isa ck_isa_avx512_vnni;

#define CK_ISA(NAME) NAME##_amx
#define CK_BASE ck_isa_avx512_vnni
/// From so many rows on products of every format execute fewer instructions with tiles than without, though each product of
/// tiles counts for the sixteen cycles that it takes: with ten, those of Q4_K do not (Tests/Instructions/products.sh).
#define CK_TILES_FROM 12

/// See isa_plain.c.
CK_INLINE ck_u8x64 look_up(const int8_t *table, ck_u8x64 numbers) {
    __m128i values;
    memcpy(&values, table, sizeof values);
    return (ck_u8x64)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), (__m512i)numbers);
}

#include "Kernels/panel_codes.h"
#include "Kernels/tiles.h"
#include "Kernels/tile_matmul.h"
#include "Kernels/tile_float_matmul.h"
#include "Kernels/tile_gemm.h"
#include "Kernels/tile_roofline.h"

CK_END_TARGET

static int is_available(void) { return CK_BASE.is_available() && CK_SUPPORTS_TILES; }
static int is_permitted(void) { return CK_PERMITS_TILES; }

#define CK_PRODUCT_ENTRY(NAME, KIND) .matmul_##NAME = CK_ISA(matmul_##NAME),
#define CK_UNIT_PRODUCT_ENTRY(NAME, KIND, KIND_NAME, WEIGHTS) CK_PRODUCT_ENTRY(NAME, KIND)
#define CK_SPLIT_ENTRY(NAME) .NAME = CK_ISA(NAME),
const ck_isa CK_ISA(ck_isa) = {
    .name = "amx", .is_available = is_available, .is_permitted = is_permitted, .panel_columns = 4,
    .tile_rows = CK_TILE_ROWS, .base = &CK_BASE, CK_PANEL_FORMATS(CK_PRODUCT_ENTRY)
    CK_UNIT_FORMATS(CK_UNIT_PRODUCT_ENTRY) CK_SPLIT_KERNELS(CK_SPLIT_ENTRY)
    .pack_panel_f16 = CK_ISA(pack_pairs), .pack_panel_bf16 = CK_ISA(pack_pairs), .gemm = CK_ISA(gemm),
    .peak_i8 = CK_ISA(peak_i8), .peak_bf16 = CK_ISA(peak_bf16)};
#endif
