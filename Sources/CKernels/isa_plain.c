// Plain C, for any machine.
#include "isa.h"

#define CK_ISA(NAME) NAME##_plain
#define CK_TOKENS 4
#define CK_PANEL_COLUMNS 4

/// The bytes of a table of sixteen that `numbers`, all below sixteen, number.
CK_INLINE ck_u8x64 look_up(const int8_t *table, ck_u8x64 numbers) {
    for (int i = 0; i < 64; i++) numbers[i] = (uint8_t)table[numbers[i]];
    return numbers;
}

/// dot[t][r] = Σ (code − centre) · activation over groups `first` to `first + count` of a block, for row r of the panel
/// and row t of the activations. Eight-bit codes are signed already; narrower ones are not.
CK_INLINE void dots(ck_i32x16 *dot, const ck_u8x64 *group, int first, int count, int bits, int centre,
                    const ck_activations *x, int tokens) {
    for (int t = 0; t < tokens; t++) {
        const int8_t *q = x[(size_t)t * CK_CHUNK].q;
        for (int r = 0; r < CK_PANEL_ROWS; r++) {
            int32_t sum = 0;
            for (int i = first; i < first + count; i++)
                for (int c = 0; c < 4; c++) {
                    int code = group[i][4 * r + c];
                    sum += (bits == 8 ? (int8_t)code : code - centre) * q[4 * i + c];
                }
            dot[t][r] = sum;
        }
    }
}

typedef int32_t plain_register __attribute__((vector_size(16)));

CK_INLINE plain_register dot_bytes(plain_register sum, plain_register a, plain_register b) {
    ck_i8x16 left = (ck_i8x16)a, right = (ck_i8x16)b;
    for (int i = 0; i < 16; i++) sum[i / 4] += left[i] * right[i];
    return sum;
}

#define CK_WIDE 4
#define CK_REGISTER plain_register
#define CK_LANE_PRODUCTS 4

#include "Kernels/all.h"

static int is_available(void) { return 1; }

const ck_isa CK_ISA(ck_isa) = {
    .name = "plain", .is_available = is_available, .panel_columns = CK_PANEL_COLUMNS, .tile_rows = CK_TOKENS,
    CK_KERNEL_ENTRIES};
