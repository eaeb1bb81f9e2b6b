// Blocks of the quantised weight formats as GGUF files store them, little-endian and without padding; after ggml's
// public format description. `d` scales the codes of a block, `m` or `dmin` is its offset, both half precision.
#ifndef CK_BLOCKS_H
#define CK_BLOCKS_H

#include <stdint.h>

/// Weights of a block of the plain formats.
#define CK_BLOCK 32
/// Weights of a super-block of the K formats.
#define CK_SUPER 256

/// w = d · q
typedef struct { uint16_t d; int8_t q[CK_BLOCK]; } ck_q8_0;
/// w = d · (q − 8). Byte j holds weight j in its low and weight j + 16 in its high nibble, here and in the next three.
typedef struct { uint16_t d; uint8_t q[CK_BLOCK / 2]; } ck_q4_0;
/// w = d · q + m
typedef struct { uint16_t d, m; uint8_t q[CK_BLOCK / 2]; } ck_q4_1;
/// w = d · (q − 16). Bit j of `high`, a little-endian word, is the fifth bit of weight j.
typedef struct { uint16_t d; uint8_t high[4], q[CK_BLOCK / 2]; } ck_q5_0;
/// w = d · q + m, q of five bits as above.
typedef struct { uint16_t d, m; uint8_t high[4], q[CK_BLOCK / 2]; } ck_q5_1;
/// w = d · scale[b] · q − dmin · min[b] for the eight sub-blocks b of 32 weights; scales and mins of six bits.
/// scales[b] holds scale b and scales[4 + b] min b for b < 4 in their low six bits; for b ≥ 4 the low nibble of
/// scales[4 + b] is the low nibble of scale b, its high nibble that of min b, and the upper two bits are those of
/// scales[b − 4] and of scales[b]. Bytes q[32 p …] hold sub-block 2 p in their low and 2 p + 1 in their high nibbles.
typedef struct { uint16_t d, dmin; uint8_t scales[12], q[CK_SUPER / 2]; } ck_q4_k;
/// As Q4_K with a fifth bit: bit b of high[j] is that of weight j of sub-block b.
typedef struct { uint16_t d, dmin; uint8_t scales[12], high[CK_SUPER / 8], q[CK_SUPER / 2]; } ck_q5_k;
/// w = d · scale[s] · (q − 32) for sixteen sub-blocks s of 16 weights; q of six bits. In each half h of 128 weights,
/// low[64 h + j] holds the low nibbles of weights j and j + 64, for j < 64, and high[32 h + j] the upper two bits of
/// weights j, j + 32, j + 64 and j + 96, for j < 32, from its lowest bits up.
typedef struct { uint8_t low[CK_SUPER / 2], high[CK_SUPER / 4]; int8_t scales[CK_SUPER / 16]; uint16_t d; } ck_q6_k;

/// w = d · scale[s] · q − dmin · min[s] for sixteen sub-blocks s of 16 weights; q of two bits, scale in the low and min in the
/// high nibble of scales[s]. In each half h of 128 weights, q[32 h + j] holds weights j, j + 32, j + 64 and j + 96, for
/// j < 32, from its lowest bits up, here and in the next.
typedef struct { uint8_t scales[CK_SUPER / 16], q[CK_SUPER / 4]; uint16_t d, dmin; } ck_q2_k;
/// w = d · (scale[s] − 32) · (q − 4) for sixteen sub-blocks s of 16 weights. Bit b of high[j] is the third bit of weight j of
/// block b. The low nibble of scale s is the low nibble of scales[s] for s < 8, else the high nibble of scales[s − 8]; its
/// upper bits are bits 2 (s / 4) and up of scales[8 + s mod 4].
typedef struct { uint8_t high[CK_SUPER / 8], q[CK_SUPER / 4], scales[12]; uint16_t d; } ck_q3_k;
/// w = d · value[q], of the sixteen values of ck_values_iq4_nl; nibbles as Q4_0's.
typedef struct { uint16_t d; uint8_t q[CK_BLOCK / 2]; } ck_iq4_nl;
/// w = d · (scale[b] − 32) · value[q] for eight blocks b, whose nibbles are as Q4_0's. The low nibbles of scales 2 i and
/// 2 i + 1 are those of low[i], their upper bits are bits 2 b and up of `high`.
typedef struct { uint16_t d, high; uint8_t low[4], q[CK_SUPER / 2]; } ck_iq4_xs;
/// w = 2^(e − 127) · value[q], of the values of E2M1; nibbles as Q4_0's. (OCP Microscaling Formats 1.0; all 256 exponents are
/// numbers here.)
typedef struct { uint8_t e, q[CK_BLOCK / 2]; } ck_mxfp4;
/// w = d[s] · value[q] for four sub-blocks s of 16 weights, d in E4M3 without sign, where 127 is zero; byte 8 s + j holds
/// weights j and j + 8 of sub-block s.
typedef struct { uint8_t d[4], q[32]; } ck_nvfp4;
/// w = d[s] · value[q] for two sub-blocks s of 16 weights, of the doubled values of E2M1, which are integers; byte 8 s + j holds
/// weights j and j + 8 of sub-block s. Not one of ggml's.
typedef struct { uint16_t d[2]; uint8_t q[CK_BLOCK / 2]; } ck_fp4;
/// w = d · q + m. Not one of ggml's.
typedef struct { uint16_t d, m; int8_t q[CK_BLOCK]; } ck_i8_1;
/// w = d · q for 64 weights, d in single precision and q in E4M3, of which 127 and 255 mean 480 and −480 here. Not one of ggml's.
typedef struct { float d; uint8_t q[2 * CK_BLOCK]; } ck_fp8;
/// w = d · (trit − 1) for 256 weights. The trits of a byte, from its highest digit in base 3 down, are digits of the fraction
/// byte / 256. Weight 32 t + j, t < 5, is digit t of q[j] for j < 32, weight 160 + 16 t + j that of q[32 + j] for j < 16, and
/// weight 240 + 4 t + j, t < 4, that of last[j].
typedef struct { uint8_t q[48], last[4]; uint16_t d; } ck_tq1_0;
/// w = d · (q − 1), q of two bits as in Q2_K.
typedef struct { uint8_t q[CK_SUPER / 4]; uint16_t d; } ck_tq2_0;

// The IQ formats below number eight or four weights at once, by their place in a codebook (grids.c), and have signs beside
// that. Where a sign has seven bits, the eighth weight's makes the number of negative ones even.

/// Magnitudes 8, 25 and 43; for each block of 32 weights four numbers of a byte, then four signs of seven bits and above them
/// the scale: w = d · (2 scale + 1) / 8 · magnitude.
typedef struct { uint16_t d, q[CK_SUPER / 8]; } ck_iq2_xxs;
/// The same with nine bits of number, and seven of signs above them, for every eight weights, and a scale for sixteen.
typedef struct { uint16_t d, q[CK_SUPER / 8]; uint8_t scales[CK_SUPER / 32]; } ck_iq2_xs;
/// The same with ten bits of number, of which the upper two of eight weights k are bits 2 (k mod 4) and up of high[k / 4], and
/// all signs.
typedef struct { uint16_t d; uint8_t q[CK_SUPER / 8], signs[CK_SUPER / 8], high[CK_SUPER / 32], scales[CK_SUPER / 32]; } ck_iq2_s;
/// Magnitudes 4, 12 … 52 and 62; a number for every four weights, and for each block four signs of seven bits with the scale
/// above them: w = d · (2 scale + 1) / 4 · magnitude.
typedef struct { uint16_t d; uint8_t q[CK_SUPER / 4]; uint16_t signs[CK_SUPER / 16]; } ck_iq3_xxs;
/// Magnitudes 1, 3 … 15; nine bits of number for every four weights k, the upper one bit k mod 8 of high[k / 8], all signs, and
/// a scale for each block: w = d · (2 scale + 1) · magnitude.
typedef struct {
    uint16_t d;
    uint8_t q[CK_SUPER / 4], high[CK_SUPER / 32], signs[CK_SUPER / 8], scales[CK_SUPER / 64];
} ck_iq3_s;
/// w = d · (2 scale + 1) · (trit − 1 ± 1/8); eleven bits of number for every eight weights. high[b] has the upper three of the
/// four numbers of block b, then three bits of scale, and is negative where 1/8 is subtracted.
typedef struct { uint16_t d; uint8_t q[CK_SUPER / 8]; uint16_t high[CK_SUPER / 32]; } ck_iq1_s;
/// The same with a nibble of `high` for every eight weights, three bits of number and above them the sign of 1/8, and three
/// bits of scale for every sixteen, the lowest first, in four words, whose upper nibbles are d.
typedef struct { uint8_t q[CK_SUPER / 8], high[CK_SUPER / 16]; uint16_t scales[CK_SUPER / 64]; } ck_iq1_m;

_Static_assert(sizeof(ck_q8_0) == 34 && sizeof(ck_q4_0) == 18 && sizeof(ck_q4_1) == 20, "no padding");
_Static_assert(sizeof(ck_q5_0) == 22 && sizeof(ck_q5_1) == 24, "no padding");
_Static_assert(sizeof(ck_q2_k) == 84 && sizeof(ck_q3_k) == 110 && sizeof(ck_iq4_nl) == 18, "no padding");
_Static_assert(sizeof(ck_iq4_xs) == 136 && sizeof(ck_mxfp4) == 17 && sizeof(ck_nvfp4) == 36, "no padding");
_Static_assert(sizeof(ck_fp4) == 20 && sizeof(ck_i8_1) == 36 && sizeof(ck_fp8) == 68, "no padding");
_Static_assert(sizeof(ck_tq1_0) == 54 && sizeof(ck_tq2_0) == 66 && sizeof(ck_iq2_xxs) == 66, "no padding");
_Static_assert(sizeof(ck_iq2_xs) == 74 && sizeof(ck_iq2_s) == 82 && sizeof(ck_iq3_xxs) == 98, "no padding");
_Static_assert(sizeof(ck_iq3_s) == 110 && sizeof(ck_iq1_s) == 50 && sizeof(ck_iq1_m) == 56, "no padding");
_Static_assert(sizeof(ck_q4_k) == 144 && sizeof(ck_q5_k) == 176 && sizeof(ck_q6_k) == 210, "no padding");

#endif
