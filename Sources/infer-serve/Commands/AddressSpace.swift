import InferCore

/// What a limit of addresses (`ulimit -v`) leaves for what cannot fail in words: threads and small objects.
enum AddressSpace {
  /// For the heap, and stacks of the threads that each processor gets.
  private static var neededMiB: Int { 96 + 24 * min(availableProcessorCount(), 64) }

  /// Refuses to go on with less.
  static func check(_ purpose: String) throws(CommandFailure) {
    guard !hasAddressSpace(for: neededMiB << 20) else { return }
    throw CommandFailure(
      "not enough address space \(purpose): \(neededMiB) MiB more are needed, which the system refuses (ulimit -v)")
  }
}
