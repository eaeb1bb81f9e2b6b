// Products of panels in plain C, for any machine.
#include "panel.h"

#define CK_ISA(NAME) NAME##_plain
#define CK_TOKENS 4

/// dot[t][r] = Σ (code − centre) · activation over groups `first` to `first + count` of a block, for row r of the panel
/// and row t of the activations. Eight-bit codes are signed already; narrower ones are not.
CK_INLINE void dots_plain(ck_i32x16 *dot, const ck_u8x64 *group, int first, int count, int bits, int centre,
                          const ck_activations *x, size_t x_stride, int tokens) {
    for (int t = 0; t < tokens; t++) {
        const int8_t *q = x[(size_t)t * x_stride].q;
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

#define CK_WIDE 4
#include "panel_kernels.h"

#include "float_kernels.h"
