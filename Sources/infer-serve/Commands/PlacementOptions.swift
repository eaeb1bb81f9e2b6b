import ArgumentParser
import InferCore

/// Where threads and memory are on a machine of several nodes, or of several last-level caches.
struct PlacementOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      On a machine of several NUMA nodes, or of several last-level caches, 'distribute' binds threads to processors of \
      all nodes and caches and takes memory for weights and state from each node in turn; 'isolate' keeps both on the \
      node that the process starts on, one cache filled after another (default: the system decides).
      """, valueName: "mode"))
  var numa: PlacementMode?

  /// Places what the process makes from now on: before threads are started and models loaded.
  ///
  /// - Parameters:
  ///   - tell: Takes a line of what was done, or why nothing was.
  ///   - warn: Takes a line of what the system refused.
  func place(
    tell: (String) -> Void = { note("infer-serve: \($0)") }, warn: (String) -> Void = ComputingOptions.warn
  ) {
    guard let numa else { return }
    guard let placement = ThreadPlacement.install(numa) else {
      return tell(
        "--numa \(numa.rawValue): the machine has one node and one last-level cache for this process, so that there is "
          + "nothing to do")
    }
    tell("--numa \(numa.rawValue): \(placement.description)")
    if let refusal = placement.refusal { warn(refusal) }
  }
}

extension PlacementMode: ExpressibleByArgument {}
