// Parallel regions of several numbers of threads, for the thread sanitizer: with an argument, one with a race in it as well,
// which the sanitizer has to find.
import CKernels
import Glibc

@_silgen_name("ck_closure_parts")
func parts(of body: (_ item: Int, _ worker: Int) -> Void) -> ck_closure

final class Start {
  let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
}

func start(_ body: @escaping () -> Void) -> pthread_t {
  let context = unsafe Unmanaged.passRetained(Start(body)).toOpaque()
  var thread = pthread_t()
  let status = unsafe pthread_create(
    &thread, nil,
    { context in
      guard let context = unsafe context else { return nil }
      unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue().body()
      return nil
    }, context)
  precondition(status == 0, "the system starts no thread")
  return thread
}

nonisolated(unsafe) var raced = 0

/// Regions of few and of many items, between which helpers spin or fall asleep, while counts of items wrap. Every item of
/// each has to be done once, and what helpers wrote has to be seen.
func check(threads: Int, spins: Bool, hasRace: Bool = false) {
  let region = ParallelRegion(workers: threads, spins: spins, done: (1 << 48) - 300)
  let helpers = (1..<threads).map { worker in start { region.serve(worker: worker) } }
  var values = [Int](repeating: 0, count: 1000)
  var expected = values
  unsafe values.withUnsafeMutableBufferPointer { values in
    for round in 1...2000 {
      let items = [2, 31, 32, 33, 100, 1000][round % 6]
      let body = { (item: Int, _: Int) in
        unsafe values[item] += item &* round
        if hasRace { unsafe raced += 1 }
      }
      unsafe region.run(items: items, parts(of: body))
      for item in 0..<items { expected[item] += item * round }
      if round % 100 == 0 { usleep(2000) }
    }
  }
  precondition(values == expected, "\(threads) threads, \(spins ? "awake" : "asleep")")
  region.stop()
  for helper in helpers { pthread_join(helper, nil) }
}

// One group of helpers, two, and six.
for threads in [2, 3, 5, 6, 9, 17, 32] {
  for spins in [true, false] { check(threads: threads, spins: spins) }
}
if CommandLine.arguments.count > 1 { check(threads: 4, spins: true, hasRace: true) }
print("regions: every item once, with 2 to 32 threads")
