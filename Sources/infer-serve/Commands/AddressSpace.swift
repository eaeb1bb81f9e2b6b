import InferCore

/// The check that a limit of addresses (`ulimit -v`) leaves enough for what cannot fail in words: threads and small objects.
enum AddressSpace {
  /// For the heap, and stacks of the threads that each processor gets.
  private static var neededMiB: Int { 96 + 24 * min(availableProcessorCount(), 64) }

  /// For the threads of libraries as well, before they are there: a pool that the system refuses its threads waits for
  /// ever. Each has a stack of 8 MiB and a heap of its own, for which 128 MiB of addresses are asked at first.
  private static var neededToStartMiB: Int { 768 + 136 * min(availableProcessorCount(), 64) }

  /// Refuses to start with less than libraries need for their threads.
  static func checkBeforeStart() throws(CommandFailure) { try check(neededToStartMiB, "to start") }

  /// Refuses to serve with less than the heap and the stacks need.
  static func checkBeforeServing() throws(CommandFailure) { try check(neededMiB, "to serve requests") }

  private static func check(_ neededMiB: Int, _ purpose: String) throws(CommandFailure) {
    guard !hasAddressSpace(for: neededMiB << 20) else { return }
    throw CommandFailure(
      "not enough address space \(purpose): \(neededMiB) MiB more are needed, which the system refuses (ulimit -v)")
  }
}
