// Rounding of activations for products with quantised weights.
#include "ck_blocks.h"
#include "ck_internal.h"

CK_KERNEL void ck_quantize_activations(ck_activations *restrict out, const float *restrict x, size_t n) {
    for (size_t b = 0; b < n / CK_BLOCK; b++) {
        const float *restrict block = x + b * CK_BLOCK;
        ck_activations *restrict to = out + b;
        // Magnitudes are ordered like their bits, and whole numbers have a maximum that vectorises.
        int32_t top = 0;
        for (int i = 0; i < CK_BLOCK; i++) {
            int32_t bits;
            memcpy(&bits, &block[i], sizeof bits);
            bits &= 0x7fffffff;
            top = bits > top ? bits : top;
        }
        // Infinity and NaN are above all numbers.
        if (top >= 0x7f800000) {
            *to = (ck_activations){.d = __builtin_nanf(""), .sum = __builtin_nanf("")};
            continue;
        }
        float largest;
        memcpy(&largest, &top, sizeof largest);
        float d = largest / 127.0f, inverse = d > 0 ? 1.0f / d : 0.0f;
        // The reciprocal of a d below 2⁻¹²⁸ overflows. Such a block is nothing beside any other.
        if (!(inverse <= 3.4e38f)) d = inverse = 0;
        int32_t half[2] = {0, 0};
        for (int h = 0; h < 2; h++)
            for (int i = 16 * h; i < 16 * h + 16; i++) {
                // Adding 1.5 · 2²³ leaves the nearest integer, ties to even, in the low bits.
                float shifted = block[i] * inverse + 12582912.0f;
                int32_t bits;
                memcpy(&bits, &shifted, sizeof bits);
                int32_t code = bits - 0x4b400000;
                to->q[i] = (int8_t)code;
                half[h] += code;
            }
        to->half[0] = half[0];
        to->half[1] = half[1];
        to->d = d;
        to->sum = d * (float)(half[0] + half[1]);
    }
}
