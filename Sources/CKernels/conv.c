#include "ck_internal.h"

CK_INLINE const float *ck_input_row(const float *in, size_t in_stride, const float *history, ptrdiff_t t, size_t channels,
                                    size_t taps) {
    return t < 0 ? history + (t + (ptrdiff_t)taps - 1) * (ptrdiff_t)channels : in + t * (ptrdiff_t)in_stride;
}

// Row by row with all channels side by side, so that no transpose is needed and every access is contiguous.
CK_KERNEL void ck_causal_conv(float *restrict out, size_t out_stride, const float *restrict in, size_t in_stride,
                              const float *restrict history, const float *restrict weight, const float *restrict bias,
                              size_t first, size_t end, size_t channels, size_t taps, int silu) {
    CK_FAST
    for (size_t t = first; t < end; t++) {
        float *restrict y = out + t * out_stride;
        for (size_t c = 0; c < channels; c++) y[c] = bias ? bias[c] : 0;
        for (size_t j = 0; j < taps; j++) {
            ptrdiff_t from = (ptrdiff_t)t - (ptrdiff_t)taps + 1 + (ptrdiff_t)j;
            const float *restrict x = ck_input_row(in, in_stride, history, from, channels, taps);
            const float *restrict w = weight + j * channels;
            for (size_t c = 0; c < channels; c++) y[c] += w[c] * x[c];
        }
        if (silu)
            for (size_t c = 0; c < channels; c++) y[c] = ck_siluf(y[c]);
    }
}

void ck_conv_history(float *history, const float *in, size_t in_stride, size_t rows, size_t channels, size_t taps) {
    size_t kept = taps - 1;
    for (size_t j = 0; j < kept; j++) {
        // Ascending order: a row that moves within the history moves towards the front.
        ptrdiff_t from = (ptrdiff_t)rows - (ptrdiff_t)kept + (ptrdiff_t)j;
        const float *row = ck_input_row(in, in_stride, history, from, channels, taps);
        memmove(history + j * channels, row, channels * sizeof *row);
    }
}
