#include "check.h"
#include "ck_blocks.h"
#include "ck_grids.h"

typedef void (*quantize_function)(void *, const float *, size_t);
typedef void (*unpack_function)(float *, const void *, size_t);

/// The value of weight i of a block, bit by bit from the description of its format.
typedef double (*weight_function)(const uint8_t *block, size_t i);

static double half_at(const uint8_t *bytes) {
    uint16_t bits = (uint16_t)(bytes[0] | bytes[1] << 8);
    float value;
    ck_unpack_f16(&value, &bits, 1);
    return value;
}

static int nibble(const uint8_t *q, size_t i) { return q[i % 16] >> 4 * (i / 16) & 15; }
static int bit(const uint8_t *bytes, size_t i) { return bytes[i / 8] >> i % 8 & 1; }

static double q8_0(const uint8_t *block, size_t i) { return half_at(block) * (int8_t)block[2 + i]; }
static double q4_0(const uint8_t *block, size_t i) { return half_at(block) * (nibble(block + 2, i) - 8); }
static double q4_1(const uint8_t *block, size_t i) {
    return half_at(block) * nibble(block + 4, i) + half_at(block + 2);
}
static double q5_0(const uint8_t *block, size_t i) {
    return half_at(block) * (nibble(block + 6, i) + 16 * bit(block + 2, i) - 16);
}
static double q5_1(const uint8_t *block, size_t i) {
    return half_at(block) * (nibble(block + 8, i) + 16 * bit(block + 4, i)) + half_at(block + 2);
}

/// Code `code` of sub-block b of a super-block that begins with d, dmin and the scales.
static double super_weight(const uint8_t *block, size_t b, int code) {
    const uint8_t *s = block + 4;
    int scale = b < 4 ? s[b] & 63 : (s[b + 4] & 15) + 16 * (s[b - 4] >> 6);
    int min = b < 4 ? s[b + 4] & 63 : (s[b + 4] >> 4) + 16 * (s[b] >> 6);
    return half_at(block) * scale * code - half_at(block + 2) * min;
}

static double q4_k(const uint8_t *block, size_t i) {
    size_t b = i / 32;
    return super_weight(block, b, block[16 + b / 2 * 32 + i % 32] >> 4 * (b % 2) & 15);
}
static double q5_k(const uint8_t *block, size_t i) {
    size_t b = i / 32;
    int low = block[48 + b / 2 * 32 + i % 32] >> 4 * (b % 2) & 15;
    return super_weight(block, b, low + 16 * (block[16 + i % 32] >> b & 1));
}
static double q6_k(const uint8_t *block, size_t i) {
    size_t h = i / 128, j = i % 128;
    int low = block[64 * h + j % 64] >> 4 * (j / 64) & 15, high = block[128 + 32 * h + j % 32] >> 2 * (j / 32) & 3;
    return half_at(block + 208) * (int8_t)block[192 + i / 16] * (low + 16 * high - 32);
}


/// Two bits of weight i of 256, of which those 32 apart share a byte.
static int two_bits(const uint8_t *q, size_t i) { return q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3; }

static double q2_k(const uint8_t *block, size_t i) {
    return half_at(block + 80) * (block[i / 16] & 15) * two_bits(block + 16, i) - half_at(block + 82) * (block[i / 16] >> 4);
}
static double q3_k(const uint8_t *block, size_t i) {
    const uint8_t *scales = block + 96;
    size_t s = i / 16;
    int scale = (s < 8 ? scales[s] & 15 : scales[s - 8] >> 4) + 16 * (scales[8 + s % 4] >> s / 4 * 2 & 3) - 32;
    return half_at(block + 108) * scale * (two_bits(block + 32, i) - (block[i % 32] >> i / 32 & 1 ? 0 : 4));
}

static const int dense[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const double e2m1[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6};

static double iq4_nl(const uint8_t *block, size_t i) { return half_at(block) * dense[nibble(block + 2, i)]; }
static double iq4_xs(const uint8_t *block, size_t i) {
    size_t b = i / 32;
    int scale = (block[4 + b / 2] >> b % 2 * 4 & 15) + 16 * (block[2 + b / 4] >> b % 4 * 2 & 3) - 32;
    return half_at(block) * scale * dense[nibble(block + 8 + 16 * b, i % 32)];
}
/// The largest exponents are beyond what floats hold.
static double mxfp4(const uint8_t *block, size_t i) {
    return (float)ldexp(e2m1[nibble(block + 1, i)], block[0] - 127);
}
static double fp4(const uint8_t *block, size_t i) {
    return half_at(block + i / 16 * 2) * 2 * e2m1[block[4 + 8 * (i / 16) + i % 8] >> i % 16 / 8 * 4 & 15];
}
static double i8_1(const uint8_t *block, size_t i) {
    return half_at(block) * (int8_t)block[4 + i] + half_at(block + 2);
}
static double fp8(const uint8_t *block, size_t i) {
    float d;
    memcpy(&d, block, sizeof d);
    int code = block[4 + i], exponent = code >> 3 & 15, fraction = code & 7;
    double value = exponent ? ldexp(8 + fraction, exponent - 10) : ldexp(fraction, -9);
    // Of scales near the largest, products are beyond floats.
    return (float)(d * (code & 128 ? -value : value));
}
static double nvfp4(const uint8_t *block, size_t i) {
    size_t s = i / 16;
    int exponent = block[s] >> 3 & 15, fraction = block[s] & 7;
    double scale = exponent ? ldexp(8 + fraction, exponent - 10) : ldexp(fraction, -9);
    if (block[s] == 127) scale = 0;
    return scale * e2m1[block[4 + 8 * s + i % 8] >> i % 16 / 8 * 4 & 15];
}

/// Digit t of a fraction of 256 in base 3.
static int trit(uint8_t fraction, size_t t) {
    int rest = fraction;
    while (t-- > 0) rest = rest * 3 % 256;
    return rest * 3 / 256;
}
static double tq1_0(const uint8_t *block, size_t i) {
    int code = i < 160 ? trit(block[i % 32], i / 32)
               : i < 240 ? trit(block[32 + (i - 160) % 16], (i - 160) / 16) : trit(block[48 + (i - 240) % 4], (i - 240) / 4);
    return half_at(block + 52) * (code - 1);
}
static double tq2_0(const uint8_t *block, size_t i) { return half_at(block + 64) * (two_bits(block, i) - 1); }

static unsigned word_at(const uint8_t *bytes) { return (unsigned)(bytes[0] | bytes[1] << 8); }
/// Entry `place` of eight weights of two bits.
static int of_eight(const uint16_t *grid, unsigned place, size_t i) { return grid[place] >> 2 * (i % 8) & 3; }
static const int magnitudes[] = {8, 25, 43};
static int odd(int scale) { return 2 * scale + 1; }
/// Bit i of seven bits and the one that makes their number even.
static int even_sign(unsigned seven, size_t i) { return i < 7 ? seven >> i & 1 : __builtin_parity(seven); }

static double iq2_xxs(const uint8_t *block, size_t i) {
    const uint8_t *q = block + 2 + i / 32 * 8;
    unsigned signs = word_at(q + 4) | word_at(q + 6) << 16, group = (unsigned)(i % 32 / 8);
    double weight = magnitudes[of_eight(ck_grid_iq2_xxs, q[group], i)] * odd((int)(signs >> 28)) / 8.0;
    return half_at(block) * (even_sign(signs >> 7 * group & 127, i % 8) ? -weight : weight);
}
static double iq2_xs(const uint8_t *block, size_t i) {
    unsigned q = word_at(block + 2 + i / 8 * 2);
    int scale = block[66 + i / 32] >> i % 32 / 16 * 4 & 15;
    double weight = magnitudes[of_eight(ck_grid_iq2_xs, q & 511, i)] * odd(scale) / 8.0;
    return half_at(block) * (even_sign(q >> 9, i % 8) ? -weight : weight);
}
static double iq2_s(const uint8_t *block, size_t i) {
    size_t group = i / 8;
    unsigned place = block[2 + group] + 256u * (block[66 + group / 4] >> group % 4 * 2 & 3);
    int scale = block[74 + i / 32] >> i % 32 / 16 * 4 & 15;
    double weight = magnitudes[of_eight(ck_grid_iq2_s, place, i)] * odd(scale) / 8.0;
    return half_at(block) * (bit(block + 34, i) ? -weight : weight);
}
static double iq3_xxs(const uint8_t *block, size_t i) {
    static const int magnitudes_of_three[] = {4, 12, 20, 28, 36, 44, 52, 62};
    const uint8_t *word = block + 66 + i / 32 * 4;
    unsigned signs = word_at(word) | word_at(word + 2) << 16;
    double weight = magnitudes_of_three[ck_grid_iq3_xxs[block[2 + i / 4]] >> i % 4 * 3 & 7] * odd((int)(signs >> 28)) / 4.0;
    return half_at(block) * (even_sign(signs >> i % 32 / 8 * 7 & 127, i % 8) ? -weight : weight);
}
static double iq3_s(const uint8_t *block, size_t i) {
    unsigned place = block[2 + i / 4] + 256u * (unsigned)bit(block + 66, i / 4);
    int weight = odd(ck_grid_iq3_s[place] >> i % 4 * 3 & 7) * odd(block[106 + i / 64] >> i % 64 / 32 * 4 & 15);
    return half_at(block) * (bit(block + 74, i) ? -weight : weight);
}
static double iq1_s(const uint8_t *block, size_t i) {
    unsigned high = word_at(block + 34 + i / 32 * 2), place = block[2 + i / 8] + 256 * (high >> i % 32 / 8 * 3 & 7);
    double weight = of_eight(ck_grid_iq1, place, i) - 1 + (high >> 15 ? -0.125 : 0.125);
    return half_at(block) * odd(high >> 12 & 7) * weight;
}
static double iq1_m(const uint8_t *block, size_t i) {
    const uint8_t *scales = block + 48;
    uint8_t d[2] = {(uint8_t)(scales[1] >> 4 | (scales[3] & 240)), (uint8_t)(scales[5] >> 4 | (scales[7] & 240))};
    int high = block[32 + i / 16] >> i % 16 / 8 * 4 & 15;
    double weight = of_eight(ck_grid_iq1, block[i / 8] + 256u * (high & 7), i) - 1 + (high & 8 ? -0.125 : 0.125);
    return half_at(d) * odd(word_at(scales + i / 64 * 2) >> i % 64 / 16 * 3 & 7) * weight;
}

static const struct format {
    const char *name;
    size_t weights, bytes;
    /// Null for formats that are read only.
    quantize_function quantize;
    unpack_function unpack;
    weight_function weight;
    /// Largest error of a block whose largest magnitude is 1, and the root mean square over random ones.
    double largest, mean;
    /// How far off blocks of one weight may be, relatively and near zero, and the largest one.
    double off, least, most;
} formats[] = {
    {"q8_0", 32, 34, ck_quantize_q8_0, ck_unpack_q8_0, q8_0, 0.004, 0.0024, 0.01, 4e-6, 65504},
    {"q4_0", 32, 18, ck_quantize_q4_0, ck_unpack_q4_0, q4_0, 0.2, 0.041, 0.01, 4e-6, 65504},
    {"q4_1", 32, 20, ck_quantize_q4_1, ck_unpack_q4_1, q4_1, 0.2, 0.038, 0.01, 4e-6, 65504},
    {"q5_0", 32, 22, ck_quantize_q5_0, ck_unpack_q5_0, q5_0, 0.1, 0.02, 0.01, 4e-6, 65504},
    {"q5_1", 32, 24, ck_quantize_q5_1, ck_unpack_q5_1, q5_1, 0.1, 0.0185, 0.01, 4e-6, 65504},
    {"q4_k", 256, 144, ck_quantize_q4_k, ck_unpack_q4_k, q4_k, 0.25, 0.039, 0.01, 4e-6, 65504},
    {"q5_k", 256, 176, ck_quantize_q5_k, ck_unpack_q5_k, q5_k, 0.12, 0.019, 0.01, 4e-6, 65504},
    {"q6_k", 256, 210, ck_quantize_q6_k, ck_unpack_q6_k, q6_k, 0.05, 0.0103, 0.01, 4e-6, 65504},
    {"q2_k", 256, 84, ck_quantize_q2_k, ck_unpack_q2_k, q2_k, 0.6, 0.135, 0.08, 4e-6, 65504},
    {"q3_k", 256, 110, ck_quantize_q3_k, ck_unpack_q3_k, q3_k, 0.35, 0.072, 0.03, 4e-6, 65504},
    {"iq4_nl", 32, 18, ck_quantize_iq4_nl, ck_unpack_iq4_nl, iq4_nl, 0.2, 0.0385, 0.01, 4e-6, 65504},
    {"iq4_xs", 256, 136, ck_quantize_iq4_xs, ck_unpack_iq4_xs, iq4_xs, 0.2, 0.039, 0.01, 4e-6, 65504},
    {"mxfp4", 32, 17, ck_quantize_mxfp4, ck_unpack_mxfp4, mxfp4, 0.25, 0.061, 0.21, 4e-6, 65504},
    {"nvfp4", 64, 36, ck_quantize_nvfp4, ck_unpack_nvfp4, nvfp4, 0.4, 0.09, 0.05, 5e-4, 2688},
    {"tq1_0", 256, 54, ck_quantize_tq1_0, ck_unpack_tq1_0, tq1_0, 0.7, 0.3, 0.01, 4e-6, 65504},
    {"tq2_0", 256, 66, ck_quantize_tq2_0, ck_unpack_tq2_0, tq2_0, 0.7, 0.3, 0.01, 4e-6, 65504},
#define READ(NAME, BYTES) {#NAME, 256, BYTES, NULL, ck_unpack_##NAME, NAME, 0, 0, 0, 0, 0}
    READ(iq2_xxs, 66), READ(iq2_xs, 74), READ(iq2_s, 82), READ(iq3_xxs, 98), READ(iq3_s, 110), READ(iq1_s, 50),
    READ(iq1_m, 56), {"fp4", 32, 20, NULL, ck_unpack_fp4, fp4, 0, 0, 0, 0, 0},
    {"i8_1", 32, 36, NULL, ck_unpack_i8_1, i8_1, 0, 0, 0, 0, 0}, {"fp8", 64, 68, NULL, ck_unpack_fp8, fp8, 0, 0, 0, 0, 0},
};

/// A few blocks of arbitrary bytes: whatever they say is what their format's description says.
static void test_unpack(const struct format *format) {
    for (size_t round = 0; round < 200; round++) {
        size_t n = format->weights * (round % 4), bytes = format->bytes * (round % 4);
        uint8_t *in = malloc(bytes + 1);
        if (!in) abort();
        for (size_t i = 0; i < bytes; i++) in[i] = (uint8_t)(255.9f * fabsf(random_float()));
        float *out = canaries(n + 1);
        format->unpack(out, in, n);
        for (size_t i = 0; i < n; i++) {
            double want = format->weight(in + i / format->weights * format->bytes, i % format->weights);
            check_close(out[i], want, 1e-6 * fabs(want) + 1e-6);
        }
        check_canary(out[n]);
        free(in);
        check_release();
    }
}

/// Quantises exactly n weights and gives them back as floats.
static float *round_trip(const struct format *format, const float *x, size_t n) {
    size_t bytes = n / format->weights * format->bytes;
    uint8_t *blocks = malloc(bytes + 1);
    if (!blocks) abort();
    blocks[bytes] = 0xa5;
    float *out = canaries(n + 1);
    format->quantize(blocks, x, n);
    check_that(blocks[bytes] == 0xa5, "no byte behind the blocks is written");
    format->unpack(out, blocks, n);
    free(blocks);
    return out;
}

static void test_random(const struct format *format) {
    size_t n = 256 * 40;
    float *x = random_floats(n);
    for (float scale = 0x1p-8f; scale < 4096; scale *= 32) {
        float *scaled = random_floats(n);
        for (size_t i = 0; i < n; i++) scaled[i] = x[i] * scale;
        float *back = round_trip(format, scaled, n);
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            check_close(back[i], scaled[i], format->largest * scale);
            sum += pow((back[i] - scaled[i]) / scale, 2);
        }
        check_that(sqrt(sum / (double)n) < format->mean, "root mean square error");
    }
    // Blocks know nothing of each other.
    float *whole = round_trip(format, x, n), *last = round_trip(format, x + n - format->weights, format->weights);
    check_that(memcmp(whole + n - format->weights, last, format->weights * sizeof *last) == 0, "the last block alone");
    check_release();
}

/// Blocks of one value, and of one value among zeros.
static void test_constants(const struct format *format) {
    float values[] = {0, -0.0f, 1, -1, 0.02f, -0.02f, 60000, -60000, 1e-5f, 1e-30f, 1e-40f, -1e-45f};
    for (size_t v = 0; v < COUNT(values); v++) {
        values[v] = fmaxf(fminf(values[v], (float)format->most), -(float)format->most);
        const double off = format->off * fabsf(values[v]) + format->least;
        float *x = random_floats(256);
        for (size_t i = 0; i < 256; i++) x[i] = values[v];
        float *back = round_trip(format, x, 256);
        // Scales have six bits in some formats; near the least half, 2^-24, they are coarse in all.
        for (size_t i = 0; i < 256; i++) check_close(back[i], x[i], off);
        for (size_t i = 0; i < 256; i++) x[i] = i % 32 == 5 ? values[v] : 0;
        back = round_trip(format, x, 256);
        for (size_t i = 0; i < 256; i++) check_close(back[i], x[i], off);
        check_release();
    }
}

/// Values that are no numbers, or beyond all halves, give numbers all the same, and harm no other block.
static void test_wild(const struct format *format) {
    float wild[] = {NAN, -NAN, INFINITY, -INFINITY, 3e38f, -3e38f};
    for (size_t count = 1; count <= 256; count = count * 2 + 1) {
        float *x = random_floats(768), *clean = round_trip(format, x, 768);
        for (size_t i = 0; i < count; i++) x[256 + i * 7 % 256] = wild[(i + count) % COUNT(wild)];
        float *back = round_trip(format, x, 768);
        check_that(ck_count_nonfinite(back, 768) == 0, "finite numbers");
        check_that(memcmp(back, clean, 256 * sizeof *back) == 0, "the blocks before");
        check_that(memcmp(back + 512, clean + 512, 256 * sizeof *back) == 0, "the blocks behind");
        check_release();
    }
}

void test_blocks(void) {
    for (size_t f = 0; f < COUNT(formats); f++) {
        check_context(formats[f].name, f, 0, 0);
        test_unpack(&formats[f]);
        if (!formats[f].quantize) continue;
        test_random(&formats[f]);
        test_constants(&formats[f]);
        test_wild(&formats[f]);
    }
}
