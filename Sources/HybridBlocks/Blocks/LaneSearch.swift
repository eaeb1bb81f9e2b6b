internal import InferCore

/// How a stream's lanes are sought among: by scores of normalised ones, for sums of these or of lanes as they are.
struct LaneSearch: Sendable {
  /// ε of the norm.
  var epsilon: Float = 1e-6
  /// `true` for sums of lanes as they are, and scores that are not divided by the root of the width.
  var isRaw = false

  /// Finds what queries ask for.
  func callAsFunction(
    _ stream: Rows, _ queries: [Float], width: Int, into out: inout MutableRows, _ step: borrowing Step
  ) {
    attendToLanes(stream, queries: queries, width: width, epsilon: epsilon, isRaw: isRaw, into: &out, step)
  }
}
