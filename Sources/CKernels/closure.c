#include "CKernels.h"

#define CK_SWIFT __attribute__((swiftcall))

typedef CK_SWIFT void ck_closure_body(ptrdiff_t, ptrdiff_t, __attribute__((swift_context)) void *);

// Swift passes a closure as two pointers, and returns two pointers as C does: this is the identity.
CK_SWIFT ck_closure ck_closure_parts(void *function, void *context) {
    return (ck_closure){function, context};
}

void ck_closure_call(ck_closure closure, ptrdiff_t first, ptrdiff_t second) {
    ((ck_closure_body *)closure.function)(first, second, closure.context);
}
