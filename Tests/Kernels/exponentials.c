#include "check.h"

/// |got − want| in units of want's last place, for a normal `want`.
static double ulps(float got, double want) {
    int exponent;
    frexp(want, &exponent);
    return fabs(got - want) / ldexp(1, exponent - 24);
}

/// Every 997th float in the range of normal results, and both ends of it.
static void test_range(void) {
    double worst = 0;
    check_context("ck_exp", 0, 0, 0);
    for (uint32_t bits = 0; bits < 0x7f800000u; bits += 997) {
        for (uint32_t sign = 0; sign < 2; sign++) {
            uint32_t both = bits | sign << 31;
            float x, y;
            memcpy(&x, &both, sizeof x);
            ck_exp(&y, &x, 1);
            double want = exp(x);
            if (x < -87.3366f) {
                check_that(y >= 0 && y <= 1.3e-38f, "a result below normal floats is 0 or the least of them");
            } else if (x > 88.376f) {
                check_that(y > 2.4e38f, "a large result saturates");
            } else if (x > -87.3365f) {
                worst = fmax(worst, ulps(y, want));
            }
        }
    }
    check_that(worst <= 2, "exp is within 2 units in the last place");
}

static void test_extremes(void) {
    float x[] = {0,          -0.0f, 1,      -INFINITY, -1e30f,     -88, -87.4f, INFINITY, 1e30f, 88.3762626647949f,
                 nextafterf(88.3762626647949f, 0), NAN, -NAN, 1e-40f, -1e-40f, 88.37625885f, 89};
    float y[COUNT(x)];
    ck_exp(y, x, COUNT(x));
    for (size_t i = 0; i < COUNT(x); i++) {
        check_context("ck_exp at extreme", i, 0, 0);
        if (isnan(x[i])) {
            check_that(isnan(y[i]), "NaN stays NaN");
        } else if (x[i] <= -87.34f) {
            check_that(y[i] == 0, "nothing is left");
        } else if (x[i] > 88) {
            check_that(y[i] > 2.3e38f && isfinite(y[i]), "saturates below infinity");
        } else {
            check_close(y[i], exp(x[i]), 2e-7 * exp(x[i]));
        }
    }
    float gate[] = {-INFINITY, -1e30f, -100, 100, 1e30f, NAN}, up[] = {1, 1, 1, 1, 1, 1}, out[COUNT(gate)];
    ck_silu_multiply(out, gate, up, COUNT(gate));
    check_context("ck_silu_multiply at extremes", 0, 0, 0);
    // silu(−∞) is −∞ / exp's largest value, as a limit 0: whatever it is, it must not be a number from nowhere.
    check_that(isnan(out[0]) || out[0] <= 0, "silu of minus infinity");
    check_that(out[1] <= 0 && fabsf(out[2]) < 1e-30f, "silu of large negatives");
    check_that(out[3] == 100 && out[4] == 1e30f && isnan(out[5]), "silu of large positives and of NaN");
}

/// Loops of any length treat all elements alike.
static void test_lengths(void) {
    for (size_t n = 0; n < 70; n++) {
        float *x = random_floats(n), *out = canaries(n + 4);
        for (size_t i = 0; i < n; i++) x[i] *= 80;
        ck_exp(out, x, n);
        check_context("ck_exp", n, 0, 0);
        for (size_t i = 0; i < n; i++) check_close(out[i], exp(x[i]), 2.4e-7 * exp(x[i]));
        for (size_t i = n; i < n + 4; i++) check_canary(out[i]);
        check_release();
    }
}

void test_exponentials(void) {
    test_range();
    test_extremes();
    test_lengths();
}
