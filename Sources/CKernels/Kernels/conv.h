// Causal depthwise convolution over time, and the rows that it keeps.

/// Channels of all rows that are computed before the next ones: their inputs stay in the first-level cache from tap to tap.
#define CK_CONV_CHANNELS 256

CK_INLINE const float *ck_input_row(const float *in, size_t in_stride, const float *history, ptrdiff_t t, size_t channels,
                                    size_t taps) {
    return t < 0 ? history + (t + (ptrdiff_t)taps - 1) * (ptrdiff_t)channels : in + t * (ptrdiff_t)in_stride;
}

/// `vectors` · 16 channels from `c` on of row `t`. Channels are the lanes, so that no transpose is needed.
CK_INLINE void convolve(float *restrict y, const float *restrict in, size_t in_stride, const float *restrict history,
                        const float *restrict weight, const float *restrict bias, size_t t, size_t c, size_t channels,
                        size_t taps, int silu, const int vectors) {
    CK_FAST
    ck_f32x16 sum[4];
    CK_UNROLL for (int v = 0; v < vectors; v++) {
        sum[v] = (ck_f32x16){0};
        if (bias) memcpy(&sum[v], bias + c + 16 * v, sizeof sum[v]);
    }
    for (size_t j = 0; j < taps; j++) {
        ptrdiff_t from = (ptrdiff_t)t - (ptrdiff_t)taps + 1 + (ptrdiff_t)j;
        const float *restrict x = ck_input_row(in, in_stride, history, from, channels, taps) + c;
        CK_UNROLL for (int v = 0; v < vectors; v++) {
            ck_f32x16 w, value;
            memcpy(&w, weight + j * channels + c + 16 * v, sizeof w);
            memcpy(&value, x + 16 * v, sizeof value);
            sum[v] += w * value;
        }
    }
    float out[64];
    CK_UNROLL for (int v = 0; v < vectors; v++) memcpy(out + 16 * v, &sum[v], sizeof sum[v]);
    for (int i = 0; i < 16 * vectors; i++) y[c + (size_t)i] = silu ? ck_siluf(out[i]) : out[i];
}

CK_INLINE float convolve_one(const float *restrict in, size_t in_stride, const float *restrict history,
                             const float *restrict weight, float bias, size_t t, size_t c, size_t channels, size_t taps,
                             int silu) {
    CK_FAST
    float sum = bias;
    for (size_t j = 0; j < taps; j++) {
        ptrdiff_t from = (ptrdiff_t)t - (ptrdiff_t)taps + 1 + (ptrdiff_t)j;
        sum += weight[j * channels + c] * ck_input_row(in, in_stride, history, from, channels, taps)[c];
    }
    return silu ? ck_siluf(sum) : sum;
}

CK_KERNEL void CK_ISA(causal_conv)(float *restrict out, size_t out_stride, const float *restrict in, size_t in_stride,
                                   const float *restrict history, const float *restrict weight, const float *restrict bias,
                                   size_t first, size_t end, size_t channels, size_t taps, int silu) {
    for (size_t begin = 0; begin < channels; begin += CK_CONV_CHANNELS) {
        const size_t stop = channels - begin < CK_CONV_CHANNELS ? channels : begin + CK_CONV_CHANNELS;
        for (size_t t = first; t < end; t++) {
            float *restrict y = out + t * out_stride;
            size_t c = begin;
            for (; c + 64 <= stop; c += 64)
                convolve(y, in, in_stride, history, weight, bias, t, c, channels, taps, silu, 4);
            for (; c + 16 <= stop; c += 16)
                convolve(y, in, in_stride, history, weight, bias, t, c, channels, taps, silu, 1);
            for (; c < stop; c++)
                y[c] = convolve_one(in, in_stride, history, weight, bias ? bias[c] : 0, t, c, channels, taps, silu);
        }
    }
}

CK_KERNEL void CK_ISA(conv_history)(float *out, const float *history, const float *in, size_t in_stride, size_t rows,
                                    size_t channels, size_t taps) {
    size_t kept = taps - 1;
    for (size_t j = 0; j < kept; j++) {
        // Ascending order: a row that moves within the history moves towards the front.
        ptrdiff_t from = (ptrdiff_t)rows - (ptrdiff_t)kept + (ptrdiff_t)j;
        const float *row = ck_input_row(in, in_stride, history, from, channels, taps);
        memmove(out + j * channels, row, channels * sizeof *row);
    }
}
