#include "check.h"

#if defined(__linux__) && defined(__x86_64__)
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "ck_internal.h"

static int requests, answer;

static int request(void) {
    requests++;
    return answer;
}

/// Leave to use tiles: where the system keeps both their states, and gives it.
void test_leave_for_tiles(void) {
    enum { vectors = 0xe7, shape = 1 << 17, data = 1 << 18 };
    check_context("ck_grants_tiles", 0, 0, 0);
    // A processor that has tiles, under a hypervisor or a system that keeps none or one of the states: nobody asks.
    static const uint64_t cut[] = {0, vectors, vectors | shape, vectors | data};
    for (size_t i = 0; i < COUNT(cut); i++) check_that(!ck_grants_tiles(cut[i], request), "no leave without the states");
    check_that(requests == 0, "no request without the states");
    answer = -1;
    check_that(!ck_grants_tiles(vectors | shape | data, request) && requests == 1, "refused");
    answer = 0;
    check_that(ck_grants_tiles(vectors | shape | data, request) && requests == 2, "given");
#if defined(__x86_64__)
    // The system itself answers, also about a processor that has none.
    const int leave = ck_permits_tiles();
    check_context("ck_permits_tiles", 0, 0, 0);
    check_that(leave == ck_permits_tiles() && (leave == 0 || leave == 1), "the same answer twice");
    check_that(ck_has_tiles() || !leave, "no leave for tiles that there are not");
#endif
}

/// Runs this program once more, where the system refuses what leave for tiles is asked by, as a container may.
int run_without_leave(char **arguments) {
#if defined(__linux__) && defined(__x86_64__)
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_arch_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        // The system's own requests of a starting thread are others.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x1023, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {COUNT(steps), steps};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) return 1;
    execv("/proc/self/exe", arguments);
#endif
    (void)arguments;
    return 1;
}
