// What of MPI ranks need, without its macros, which Swift does not see.
#ifndef CMPI_SHIM_H
#define CMPI_SHIM_H

#include <fcntl.h>
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <time.h>
#include <unistd.h>

// The most ranks of a job.
#define CMPI_MAX_RANKS 128

// Results beside MPI's own error codes, which are above zero.
enum { CMPI_DONE = 0, CMPI_LATE = -1, CMPI_OTHER_SIZE = -2 };

// Bytes to or from another rank.
typedef struct {
  int rank;
  void *bytes;
  size_t count;
} cmpi_message;

// Starts MPI, which one thread at a time will use. Returns an error code of MPI's.
static inline int cmpi_start(int *rank, int *size) {
  int provided = 0;
  int error = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
  if (error) return error;
  if (provided < MPI_THREAD_SERIALIZED) return MPI_ERR_OTHER;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  error = MPI_Comm_rank(MPI_COMM_WORLD, rank);
  return error ? error : MPI_Comm_size(MPI_COMM_WORLD, size);
}

static inline void cmpi_finish(void) { MPI_Finalize(); }

#ifdef __linux__
// Whether a process is one that starts jobs, and not what stands for it on other machines.
static inline int cmpi_is_launcher(const char *comm) {
  char name[16] = "";
  const int file = open(comm, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t count = read(file, name, sizeof name - 1);
  close(file);
  return count > 0 && (!strcmp(name, "mpirun\n") || !strcmp(name, "mpiexec\n") || !strcmp(name, "orterun\n"));
}

// Lets a process of its own tell the launcher to end, unless it has after so many seconds. A launcher waits for machines that
// it cannot reach until their connections time out, and takes the first signal as a repetition of the job's end.
static inline void cmpi_end_launcher(unsigned seconds) {
  const pid_t launcher = getppid();
  char comm[40];
  snprintf(comm, sizeof comm, "/proc/%d/comm", (int)launcher);
  if (!cmpi_is_launcher(comm) || fork() != 0) return;
  setsid();
  // Whoever starts the job again wants its address, and a launcher the end of what is written.
  syscall(SYS_close_range, 0u, ~0u, 0u);
  for (int told = 0; told < 2; told++) {
    sleep(told == 0 ? seconds : 1);
    if (cmpi_is_launcher(comm)) kill(launcher, SIGTERM);
  }
  _exit(0);
}
#else
static inline void cmpi_end_launcher(unsigned seconds) { (void)seconds; }
#endif

// Ends the job.
static inline void cmpi_abort(int code) {
  cmpi_end_launcher(5);
  MPI_Abort(MPI_COMM_WORLD, code);
}

// The text of an error code, of at most MPI_MAX_ERROR_STRING bytes.
static inline void cmpi_describe(int error, char *text) {
  int length = 0;
  MPI_Error_string(error, text, &length);
  text[length] = 0;
}

// Leaves the processor to others: at once for as long as a step of another rank may take, then for longer and longer.
static inline void cmpi_rest(double waited) {
  if (waited < 5e-3) {
    sched_yield();
    return;
  }
  struct timespec time = {0, waited < 0.05 ? 20000 : waited < 1 ? 200000 : 1000000};
  nanosleep(&time, NULL);
}

// Sends and receives messages at once. `patience` is in seconds, below zero for none; `culprit` is the rank that an error is
// about.
static inline int cmpi_exchange(
    const cmpi_message *sent, int sent_count, const cmpi_message *received, int received_count, double patience,
    int *culprit) {
  MPI_Request requests[2 * CMPI_MAX_RANKS];
  MPI_Status statuses[2 * CMPI_MAX_RANKS];
  int count = 0;
  for (int i = 0; i < received_count; i++) {
    const cmpi_message *message = &received[i];
    int error = MPI_Irecv(
        message->bytes, (int)message->count, MPI_BYTE, message->rank, 0, MPI_COMM_WORLD, &requests[count++]);
    if (error) return *culprit = message->rank, error;
  }
  for (int i = 0; i < sent_count; i++) {
    const cmpi_message *message = &sent[i];
    int error = MPI_Isend(
        message->bytes, (int)message->count, MPI_BYTE, message->rank, 0, MPI_COMM_WORLD, &requests[count++]);
    if (error) return *culprit = message->rank, error;
  }
  double start = MPI_Wtime();
  for (int done = 0;;) {
    int error = MPI_Testall(count, requests, &done, statuses);
    if (error == MPI_ERR_IN_STATUS) {
      for (int i = 0; i < count; i++) {
        int each = statuses[i].MPI_ERROR;
        if (each == MPI_SUCCESS || each == MPI_ERR_PENDING) continue;
        return *culprit = i < received_count ? received[i].rank : sent[i - received_count].rank, each;
      }
    }
    if (error) return *culprit = count ? (received_count ? received[0].rank : sent[0].rank) : 0, error;
    if (done) break;
    double waited = MPI_Wtime() - start;
    if (patience >= 0 && waited > patience) {
      for (int i = 0; i < count; i++) {
        int has = 0;
        MPI_Request_get_status(requests[i], &has, MPI_STATUS_IGNORE);
        if (!has) return *culprit = i < received_count ? received[i].rank : sent[i - received_count].rank, CMPI_LATE;
      }
      continue;
    }
    cmpi_rest(waited);
  }
  for (int i = 0; i < received_count; i++) {
    int bytes = 0;
    MPI_Get_count(&statuses[i], MPI_BYTE, &bytes);
    if ((size_t)bytes != received[i].count) return *culprit = received[i].rank, CMPI_OTHER_SIZE;
  }
  return CMPI_DONE;
}

#endif
