internal import InferCore

/// Layers that a row passes several times (the loop of Inkling 2). Every pass begins with what the first one did, and is told what the
/// groups of layers of the pass before came to.
struct LayerLoop: Sendable {
  /// The layers, whole groups behind the first one.
  let layers: Range<Int>
  /// The number of passes.
  let passes: Int
  /// The width of the bottlenecks of gates.
  let gateRank: Int
  /// The number of layers of a group.
  let groupSize: Int

  /// The number of groups.
  var groups: Int { layers.count / groupSize }

  /// The lane that keeps what passes begin with; behind it are those of all groups but the last, whose sum is in the first lane.
  var firstLane: Int { layers.lowerBound / groupSize + 1 }
}

/// The sums of groups of an earlier pass, beside the residual stream, which a ``LoopPass`` fills.
struct LoopSums: StreamSide {
  let columns: Int

  /// Leaves the columns to the end of the first pass.
  func fill(_ out: inout MutableRows, embedded: Rows, _ step: borrowing Step) {}
}

/// The beginning of another pass: keeps the sums of groups of the pass before, and has the first lane be again what that began with.
struct LoopPass: Block {
  let loop: LayerLoop
  /// The width of the residual stream.
  let width: Int
  /// The columns of the sums, beside the stream.
  let sums: Range<Int>

  /// `N`
  var letter: Character { "N" }
  /// None: it is no layer.
  var letters: String { "" }
  /// None.
  var idleParameterCount: Int { 0 }
  /// `true`: small, and computed by every rank for itself.
  var isDivisible: Bool { true }

  /// Changes all rows of the step, `[step rows × (lanes · width + groups · width)]`.
  func apply(to h: inout MutableRows, _ step: borrowing Step) {
    let kept = (loop.firstLane..<loop.firstLane + 1).columns(width)
    let others = (loop.firstLane + 1..<loop.firstLane + loop.groups).columns(width)
    Self.copy(others, of: &h, to: sums.lowerBound, step)
    Self.copy(0..<width, of: &h, to: sums.lowerBound + others.count, step)
    Self.copy(kept, of: &h, to: 0, step)
  }

  /// Copies columns of every row to others.
  private static func copy(_ columns: Range<Int>, of h: inout MutableRows, to first: Int, _ step: borrowing Step) {
    var values = step.take(rows: h.count, columns: columns.count)
    assign(h.rows.columns(columns), scale: 1, to: &values, step)
    var target = h.columns(first..<first + columns.count)
    assign(values.rows, scale: 1, to: &target, step)
  }
}
